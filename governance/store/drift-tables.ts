/** What comparing regions with what governance wants added to the CMK schema; plain SQL, as the rest of it (migrations.ts). */
import type { ColumnType, Generated, Selectable } from 'kysely';
import type { JobResult, ManifestClass } from '../../contracts/index.ts';
import type { FindingKind } from '../drift/findings.ts';
import type { DRIFT_ALLOWANCE } from '../limits.ts';

type Json<T> = ColumnType<T, string, string>;

/** A part of a region's manifest, as it was told last. The pages of a class do not overlap. */
export interface DriftPageRow {
  region: string;
  class: ManifestClass;
  /** The items behind this key; '' is the beginning. */
  after: string;
  /** Up to this one; null is the end. */
  up_to: string | null;
  items: number;
  digest: string;
  told_at: Generated<Date>;
  /** When its digest was last compared with ours. */
  checked_at: Date | null;
  agrees: Generated<boolean>;
  /** It differs, and is to be read. */
  due: Generated<boolean>;
  /** Both digests when it was read last: as long as neither changes there is nothing new in it. Ours is null where it could not be read. */
  read_digest: string | null;
  own_digest: string | null;
  /** Something in it was under way, or is being mended: it is read again then. */
  look_again_at: Date | null;
}

/** When the region has signed, by its clock, what was last told of a class. */
export interface DriftToldRow {
  region: string;
  class: ManifestClass;
  signed_at: Date;
}

/** A page that a region was asked for; one at a time for each class. */
export interface DriftReadRow {
  region: string;
  class: ManifestClass;
  after: string;
  up_to: string | null;
  job: string;
  /** What has changed here since then says nothing against the answer. */
  asked_at: Generated<Date>;
  answer: Json<JobResult<'MANIFEST_READ'>> | null;
  error: string | null;
  answered_at: Date | null;
  claimed_until: Date | null;
}

export interface DriftFindingRow {
  region: string;
  class: ManifestClass;
  item: string;
  finding: FindingKind;
  /** States as manifests have them; null: no such item. */
  wanted: string | null;
  told: string | null;
  found_at: Generated<Date>;
  seen_at: Generated<Date>;
  /** Of the last try to mend it. */
  job: string | null;
  attempts: Generated<number>;
}

export type Allowance = keyof typeof DRIFT_ALLOWANCE;

/** What a region has made governance do within the hour (drift/allowance.ts). */
export interface DriftAllowanceRow {
  region: string;
  allowance: Allowance;
  since: Generated<Date>;
  spent: Generated<number>;
  held_back: Generated<boolean>;
}

/** A job that mends; forgotten once it has ended. */
export interface DriftMendRow {
  job: string;
  region: string;
  allowance: Allowance;
}

export type DriftPage = Selectable<DriftPageRow>;
export type DriftRead = Selectable<DriftReadRow>;
export type DriftFinding = Selectable<DriftFindingRow>;

/** They are about regions, and so the platform's: no tenant sees them, and none of them names a key. */
export const DRIFT_PLATFORM_TABLES = [
  'drift_pages',
  'drift_reads',
  'drift_findings',
  'drift_allowances',
  'drift_mends',
  'drift_told',
] as const;

/** Keys of items are compared byte by byte, as regions do it (contracts/manifest.ts). */
export const DRIFT_TABLES = `
CREATE TABLE drift_pages (
  region text NOT NULL REFERENCES regions,
  class text NOT NULL,
  after text COLLATE "C" NOT NULL,
  up_to text COLLATE "C",
  items integer NOT NULL,
  digest text NOT NULL,
  told_at timestamptz NOT NULL DEFAULT now(),
  checked_at timestamptz,
  agrees boolean NOT NULL DEFAULT false,
  due boolean NOT NULL DEFAULT false,
  read_digest text,
  own_digest text,
  look_again_at timestamptz,
  PRIMARY KEY (region, class, after),
  CHECK (up_to IS NULL OR up_to > after)
);
CREATE INDEX drift_pages_to_check ON drift_pages (told_at) WHERE checked_at IS NULL OR checked_at < told_at;
CREATE INDEX drift_pages_due ON drift_pages (region, class, checked_at) WHERE due;
CREATE INDEX drift_pages_differing ON drift_pages (region) WHERE NOT agrees;
CREATE TABLE drift_reads (
  region text NOT NULL REFERENCES regions,
  class text NOT NULL,
  after text COLLATE "C" NOT NULL,
  up_to text COLLATE "C",
  job uuid NOT NULL,
  asked_at timestamptz NOT NULL DEFAULT now(),
  answer jsonb,
  error text,
  answered_at timestamptz,
  claimed_until timestamptz,
  PRIMARY KEY (region, class)
);
CREATE TABLE drift_findings (
  region text NOT NULL REFERENCES regions,
  class text NOT NULL,
  item text COLLATE "C" NOT NULL,
  finding text NOT NULL,
  wanted text,
  told text,
  found_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  job uuid,
  attempts integer NOT NULL DEFAULT 0,
  PRIMARY KEY (region, class, item)
);
ALTER TABLE tenant_regions ADD COLUMN keys_counter integer, ADD COLUMN keys_versions text,
  ADD CHECK ((keys_counter IS NULL) = (keys_versions IS NULL));
`;

export const DRIFT_ALLOWANCES = `
CREATE TABLE drift_allowances (
  region text NOT NULL REFERENCES regions,
  allowance text NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  spent integer NOT NULL DEFAULT 0,
  held_back boolean NOT NULL DEFAULT false,
  PRIMARY KEY (region, allowance)
);
CREATE TABLE drift_mends (
  job uuid PRIMARY KEY,
  region text NOT NULL REFERENCES regions,
  allowance text NOT NULL
);
CREATE INDEX drift_mends_region ON drift_mends (region, allowance);
DROP INDEX drift_pages_to_check;
CREATE INDEX drift_pages_to_check ON drift_pages (region, told_at)
  WHERE checked_at IS NULL OR checked_at < told_at;
`;

export const DRIFT_TOLD = `
CREATE TABLE drift_told (
  region text NOT NULL REFERENCES regions,
  class text NOT NULL,
  signed_at timestamptz NOT NULL,
  PRIMARY KEY (region, class)
);
`;
