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

/** What of refused messages is listed (audit/refused-messages.ts). An empty text: the message does not say. */
export interface RefusedMessageRow {
  code: string;
  channel: string;
  key_id: string;
  claims: string;
  count: ColumnType<string, number, number | RawBuilder<number>>;
  first_at: Date;
  last_at: Date;
}

export const REFUSED_MESSAGES = `
CREATE TABLE refused_messages (
  code text NOT NULL,
  channel text NOT NULL,
  key_id text NOT NULL,
  claims text NOT NULL,
  count bigint NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (code, channel, key_id, claims)
);
CREATE INDEX refused_messages_by_time ON refused_messages (last_at);
`;

export const SIGNING_PLATFORM_TABLES = [
  'signing_keys',
  'region_trusts',
  'region_keys',
  'refused_messages',
] as const;

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
