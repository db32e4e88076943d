/** Which keys sign what crosses the broker: governance's own, whom each region trusts of them, and regions' own (D11). */
import type { ColumnType, Generated, RawBuilder } from 'kysely';

type Since = ColumnType<Date, never, Date | RawBuilder<Date>>;

export const signingKeyStates = ['announced', 'active', 'retiring', 'retired'] as const;
/** Regions hear of it; it signs; it still counts and signs nothing new; it counts for nothing, for good. */
export type SigningKeyState = (typeof signingKeyStates)[number];

export interface SigningKeyRow {
  key_id: string;
  /** Ed25519, SubjectPublicKeyInfo PEM. */
  public_key: string;
  state: SigningKeyState;
  since: Since;
}
/** A region has said that it trusts this key of governance. */
export interface RegionTrustRow {
  region: string;
  key_id: string;
}
/** Keys of a region since its first rotation; before that `regions` has the only one. */
export interface RegionKeyRow {
  region: string;
  key_id: string;
  public_key: string;
  state: SigningKeyState;
  since: Since;
  /** When the last report came that this key has signed. */
  heard_at: Generated<Date | null>;
}

export const SIGNING_PLATFORM_TABLES = ['signing_keys', 'region_trusts', 'region_keys'] as const;

/** Neither a name nor a key is ever given twice: what was retired stays known. */
export const SIGNING_TABLES = `
CREATE TABLE signing_keys (
  key_id text PRIMARY KEY,
  public_key text NOT NULL UNIQUE,
  state text NOT NULL CHECK (state IN ('announced', 'active', 'retiring', 'retired')),
  since timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (state) WHERE state = 'active';
CREATE TABLE region_trusts (
  region text NOT NULL REFERENCES regions,
  key_id text NOT NULL,
  PRIMARY KEY (region, key_id)
);
CREATE TABLE region_keys (
  region text NOT NULL REFERENCES regions,
  key_id text PRIMARY KEY,
  public_key text NOT NULL UNIQUE,
  state text NOT NULL CHECK (state IN ('announced', 'active', 'retiring', 'retired')),
  since timestamptz NOT NULL DEFAULT now(),
  heard_at timestamptz
);
CREATE UNIQUE INDEX region_keys_one_active ON region_keys (region) WHERE state = 'active';
`;
