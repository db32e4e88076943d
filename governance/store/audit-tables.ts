/** What the audit log has beside its events and heads: checkpoints, exports, and what regions say of their own trails. */
import type { ColumnType, Generated } from 'kysely';
import type { AuditClass, AuditCount } from '../../contracts/index.ts';

/** PostgreSQL's bigint arrives as text, since it may exceed a number. */
type BigInteger = ColumnType<string, number, number>;

/** A signed statement about a chain (platform/chain-checkpoints.ts); append-only, and at most one for each event. */
export interface AuditCheckpointRow {
  tenant: string;
  sequence: BigInteger;
  hash: string;
  at: string;
  key_id: string;
  signature: string;
}

/** The public halves of the keys that have signed checkpoints here. Whoever trusts nobody keeps them elsewhere. */
export interface AuditKeyRow {
  key_id: string;
  /** Ed25519, SubjectPublicKeyInfo PEM. */
  public_key: string;
  since: Generated<Date>;
}

/** Somewhere that events are sent to, and which process is at it. */
export interface AuditExporterRow {
  exporter: string;
  claim: string | null;
  claimed_until: Date | null;
}

/** How far a chain has been sent. */
export interface AuditExportPositionRow {
  tenant: string;
  exporter: string;
  sequence: BigInteger;
}

/**
 * The last checkpoint that a region signed for its own trail, as each of its cores has reported it: what two cores say may
 * arrive in another order than they read it, what one says never does.
 */
export interface RegionAuditRow {
  region: string;
  instance: string;
  sequence: BigInteger;
  hash: string;
  at: string;
  key_id: string;
  signature: string;
  /** What the region's words have shown to be wrong with its trail, first seen at `fault_at`; it stays. */
  fault: 'REWOUND' | 'REWRITTEN' | 'CHECKPOINT_FORGED' | null;
  fault_at: Date | null;
}

/** What the cores of a region have signed, the last one among them; bounded (audit/regions.ts). */
export type RegionAuditHeadRow = Omit<RegionAuditRow, 'fault' | 'fault_at'>;

/** Events of a region's trail, counted there since its beginning. `tenant` is `_platform` for those of no tenant. */
export interface RegionAuditCountRow {
  tenant: string;
  region: string;
  class: AuditClass;
  outcome: AuditCount['outcome'];
  events: BigInteger;
  last_at: string;
}

/** Tables with a `tenant` column: each gets row-level security as the others have it (D13). */
export const AUDIT_TENANT_TABLES = [
  'audit_checkpoints',
  'audit_export_positions',
  'region_audit_counts',
] as const;
export const AUDIT_PLATFORM_TABLES = [
  'audit_keys',
  'audit_exporters',
  'region_audit',
  'region_audit_heads',
] as const;

/** The older events have no origin, and their hash covers none. */
export const AUDIT_TABLES = `
ALTER TABLE audit_events ADD COLUMN origin text;
CREATE INDEX audit_events_by_correlation ON audit_events (tenant, correlation_id);
CREATE TABLE audit_checkpoints (
  tenant text NOT NULL,
  sequence bigint NOT NULL CHECK (sequence >= 1),
  hash text NOT NULL,
  at text NOT NULL,
  key_id text NOT NULL,
  signature text NOT NULL,
  PRIMARY KEY (tenant, sequence)
);
CREATE TABLE audit_keys (
  key_id text PRIMARY KEY,
  public_key text NOT NULL,
  since timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE audit_exporters (
  exporter text PRIMARY KEY,
  claim uuid,
  claimed_until timestamptz
);
CREATE TABLE audit_export_positions (
  tenant text NOT NULL,
  exporter text NOT NULL,
  sequence bigint NOT NULL,
  PRIMARY KEY (tenant, exporter)
);
CREATE TABLE region_audit (
  region text NOT NULL REFERENCES regions,
  instance text NOT NULL,
  sequence bigint NOT NULL,
  hash text NOT NULL,
  at text NOT NULL,
  key_id text NOT NULL,
  signature text NOT NULL,
  fault text CHECK (fault IN ('REWOUND', 'REWRITTEN', 'CHECKPOINT_FORGED')),
  fault_at timestamptz,
  PRIMARY KEY (region, instance)
);
CREATE TABLE region_audit_counts (
  tenant text NOT NULL,
  region text NOT NULL REFERENCES regions,
  class text NOT NULL,
  outcome text NOT NULL,
  events bigint NOT NULL,
  last_at text NOT NULL,
  PRIMARY KEY (tenant, region, class, outcome)
);
`;

/** What regions have signed, beyond the last of each core. */
export const REGION_AUDIT_HEADS = `
CREATE TABLE region_audit_heads (
  region text NOT NULL REFERENCES regions,
  instance text NOT NULL,
  sequence bigint NOT NULL,
  hash text NOT NULL,
  at text NOT NULL,
  key_id text NOT NULL,
  signature text NOT NULL,
  PRIMARY KEY (region, instance, sequence)
);
CREATE INDEX region_audit_heads_by_event ON region_audit_heads (region, sequence);
INSERT INTO region_audit_heads
  SELECT region, instance, sequence, hash, at, key_id, signature FROM region_audit;
`;
