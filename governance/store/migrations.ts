/**
 * The CMK schema, as migrations that the database's owner runs. Plain SQL, because row-level security, grants and
 * checks are the point here and a builder would hide them.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { ACCESS_TABLES, ACCESS_TENANT_TABLES } from './access-tables.ts';
import {
  AUDIT_PLATFORM_TABLES,
  AUDIT_TABLES,
  AUDIT_TENANT_TABLES,
  REGION_AUDIT_HEADS,
} from './audit-tables.ts';
import { DRIFT_ALLOWANCES, DRIFT_PLATFORM_TABLES, DRIFT_TABLES, DRIFT_TOLD } from './drift-tables.ts';
import { IDEMPOTENCY_TABLES, IDEMPOTENCY_TENANT_TABLES } from './idempotency-tables.ts';
import { KEYSTORE_TABLES, KEYSTORE_TENANT_TABLES } from './keystore-tables.ts';
import {
  LIFECYCLE_OF_PRESENT_TENANTS,
  LIFECYCLE_TABLES,
  LIFECYCLE_TENANT_TABLES,
} from './lifecycle-tables.ts';
import { PORTAL_PLATFORM_TABLES, PORTAL_TABLES } from './portal-tables.ts';
import { reachPolicy } from './reach.ts';
import { ROTATION_TABLES, ROTATION_TENANT_TABLES } from './rotation-tables.ts';
import { REFUSED_MESSAGES, SIGNING_PLATFORM_TABLES, SIGNING_TABLES } from './signing-tables.ts';
import { SIMULATION_TABLES, SIMULATION_TENANT_TABLES, WITHDRAW_TARGETS_IN_USE } from './simulation-tables.ts';
import { CONFIGURATIONS_OF_PRESENT_KEYS, SYSTEM_TABLES, SYSTEM_TENANT_TABLES } from './system-tables.ts';
import { LEAVING_CHANNELS, WORKFLOW_TABLES, WORKFLOW_TENANT_TABLES } from './workflow-tables.ts';

/** The first tables with a `tenant` column: each has row-level security, enabled and forced (the owner is held by it too). */
const FIRST_TENANT_TABLES = [
  'identities',
  'tenants',
  'tenant_regions',
  'services',
  'service_regions',
  'applications',
  'application_regions',
  'l1_keys',
  'links',
  'proposals',
  'approvals',
  'audit_events',
  'audit_heads',
] as const;
const TENANT_TABLES = [
  ...FIRST_TENANT_TABLES,
  ...ROTATION_TENANT_TABLES,
  ...ACCESS_TENANT_TABLES,
  ...WORKFLOW_TENANT_TABLES,
  ...LIFECYCLE_TENANT_TABLES,
  ...IDEMPOTENCY_TENANT_TABLES,
  ...SYSTEM_TENANT_TABLES,
  ...SIMULATION_TENANT_TABLES,
  ...AUDIT_TENANT_TABLES,
  ...KEYSTORE_TENANT_TABLES,
] as const;

const PLATFORM_TABLES = [
  'regions',
  'gateways',
  'issuers',
  'issuer_regions',
  'keystores',
  ...AUDIT_PLATFORM_TABLES,
  ...SIGNING_PLATFORM_TABLES,
  ...DRIFT_PLATFORM_TABLES,
  ...PORTAL_PLATFORM_TABLES,
] as const;
/** The serving role adds to these, and neither changes nor removes. */
const APPEND_ONLY: readonly string[] = ['audit_events', 'audit_checkpoints', 'audit_keys'];

const TABLES = `
CREATE TABLE regions (
  name text PRIMARY KEY,
  key_id text NOT NULL UNIQUE,
  public_key text NOT NULL UNIQUE,
  endpoints jsonb NOT NULL,
  enrolled_at timestamptz NOT NULL DEFAULT now(),
  last_report jsonb,
  reported_at timestamptz
);
CREATE TABLE gateways (
  region text NOT NULL REFERENCES regions,
  name text NOT NULL,
  fingerprint text NOT NULL,
  certificate text NOT NULL,
  state text NOT NULL CHECK (state IN ('provisioning', 'active', 'failed', 'removing')),
  error text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (region, name)
);
CREATE TABLE issuers (
  fingerprint text PRIMARY KEY,
  subject text NOT NULL,
  certificate text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE issuer_regions (
  fingerprint text NOT NULL REFERENCES issuers,
  region text NOT NULL REFERENCES regions,
  state text NOT NULL CHECK (state IN ('provisioning', 'active', 'failed', 'removing')),
  error text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (fingerprint, region)
);
CREATE TABLE keystores (
  name text PRIMARY KEY,
  kind text NOT NULL,
  config jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE tenants (
  tenant text PRIMARY KEY,
  display_name text NOT NULL,
  policy text NOT NULL,
  quorum integer NOT NULL CHECK (quorum BETWEEN 1 AND 10),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE tenant_regions (
  tenant text NOT NULL REFERENCES tenants,
  region text NOT NULL REFERENCES regions,
  state text NOT NULL CHECK (state IN ('provisioning', 'active', 'failed', 'removing')),
  l2_version integer,
  last_epoch integer NOT NULL DEFAULT 0 CHECK (last_epoch >= 0),
  error text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, region)
);
CREATE TABLE services (
  tenant text NOT NULL REFERENCES tenants,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, name)
);
CREATE TABLE service_regions (
  tenant text NOT NULL,
  service text NOT NULL,
  region text NOT NULL REFERENCES regions,
  state text NOT NULL CHECK (state IN ('provisioning', 'active', 'failed', 'removing')),
  l3_version integer,
  error text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, service, region),
  FOREIGN KEY (tenant, service) REFERENCES services
);
CREATE TABLE identities (
  fingerprint text CONSTRAINT identities_one_key_one_identity PRIMARY KEY,
  role text NOT NULL CHECK (role IN ('application', 'gateway')),
  tenant text REFERENCES tenants,
  name text NOT NULL,
  CHECK ((role = 'application') = (tenant IS NOT NULL))
);
CREATE TABLE applications (
  tenant text NOT NULL REFERENCES tenants,
  name text NOT NULL,
  services text[] NOT NULL,
  operations text[],
  fingerprint text NOT NULL REFERENCES identities,
  certificate text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, name)
);
CREATE TABLE application_regions (
  tenant text NOT NULL,
  application text NOT NULL,
  region text NOT NULL REFERENCES regions,
  state text NOT NULL CHECK (state IN ('provisioning', 'active', 'failed', 'removing')),
  error text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, application, region),
  FOREIGN KEY (tenant, application) REFERENCES applications ON DELETE CASCADE
);
CREATE TABLE l1_keys (
  tenant text NOT NULL REFERENCES tenants,
  alias text NOT NULL,
  keystore text NOT NULL REFERENCES keystores,
  reference text NOT NULL,
  state text NOT NULL,
  state_since timestamptz NOT NULL DEFAULT now(),
  checked_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, alias),
  CONSTRAINT l1_keys_one_key_one_tenant UNIQUE (keystore, reference)
);
CREATE TABLE proposals (
  id uuid PRIMARY KEY,
  tenant text NOT NULL REFERENCES tenants,
  action text NOT NULL CHECK (action IN ('link', 'unlink')),
  parameters jsonb NOT NULL,
  proposer text NOT NULL,
  policy text NOT NULL,
  quorum integer NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'executed')),
  correlation_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  decided_at timestamptz
);
CREATE INDEX proposals_by_tenant ON proposals (tenant, created_at DESC);
CREATE TABLE approvals (
  tenant text NOT NULL,
  proposal uuid NOT NULL REFERENCES proposals,
  approver text NOT NULL,
  approved_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (proposal, approver)
);
CREATE TABLE links (
  tenant text NOT NULL,
  region text NOT NULL,
  epoch integer NOT NULL CHECK (epoch >= 1),
  key_alias text NOT NULL,
  state text NOT NULL CHECK (state IN ('preparing', 'sealing', 'linking', 'active', 'failed', 'closing', 'closed')),
  wrapped_secret text,
  region_public_key bytea,
  previous_epoch integer,
  proved_at timestamptz,
  expires_at timestamptz,
  activated_at timestamptz,
  closed_at timestamptz,
  gateways_told integer,
  error text,
  reason text,
  job uuid,
  proposal uuid REFERENCES proposals,
  correlation_id text NOT NULL,
  claim uuid,
  claimed_until timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  renew_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, region, epoch),
  FOREIGN KEY (tenant, region) REFERENCES tenant_regions,
  FOREIGN KEY (tenant, key_alias) REFERENCES l1_keys,
  CHECK (state NOT IN ('sealing', 'linking', 'active') OR region_public_key IS NOT NULL),
  CHECK (state NOT IN ('linking', 'active') OR wrapped_secret IS NOT NULL),
  CHECK (previous_epoch IS NULL OR previous_epoch < epoch)
);
CREATE INDEX links_to_seal ON links (next_attempt_at) WHERE state = 'sealing';
CREATE INDEX links_to_renew ON links (renew_at) WHERE state = 'active';
CREATE TABLE audit_events (
  tenant text NOT NULL,
  sequence bigint NOT NULL,
  at text NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  outcome text NOT NULL,
  correlation_id text NOT NULL,
  detail text NOT NULL,
  previous_hash text NOT NULL,
  hash text NOT NULL,
  PRIMARY KEY (tenant, sequence)
);
CREATE TABLE audit_heads (
  tenant text PRIMARY KEY,
  sequence bigint NOT NULL,
  hash text NOT NULL
);
`;

/** What the region itself says of the link; the instant as it came, since nothing here computes with it. */
const REPORTED_LINKS = `
ALTER TABLE tenant_regions
  ADD COLUMN reported_epoch integer,
  ADD COLUMN reported_state text,
  ADD COLUMN reported_expires_at text;
`;

// A setting that was made local to an earlier transaction reads as '' afterwards: no tenant is called ''.
const POLICY = `tenant = current_setting('okcm.tenant', true) OR current_setting('okcm.scope', true) = 'platform'`;

const migrations: Record<string, Migration> = {
  '0001_governance': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(TABLES).execute(db);
      await isolateFirst(db, FIRST_TENANT_TABLES);
    },
  },
  '0002_rotation': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(ROTATION_TABLES).execute(db);
      await isolateFirst(db, ROTATION_TENANT_TABLES);
    },
  },
  '0003_reported_links': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(REPORTED_LINKS).execute(db);
    },
  },
  '0010_keystores': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(KEYSTORE_TABLES).execute(db);
      await isolate(db, KEYSTORE_TENANT_TABLES);
    },
  },
  '0020_access': {
    async up(db: Kysely<unknown>): Promise<void> {
      await holdToReach(db, [...FIRST_TENANT_TABLES, ...ROTATION_TENANT_TABLES, 'keystores']);
      await sql.raw(ACCESS_TABLES).execute(db);
      await isolate(db, ACCESS_TENANT_TABLES);
    },
  },
  '0030_workflows': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(WORKFLOW_TABLES).execute(db);
      await isolate(db, WORKFLOW_TENANT_TABLES);
    },
  },
  '0060_tenant_lifecycle': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(LIFECYCLE_TABLES).execute(db);
      await sql.raw(LIFECYCLE_OF_PRESENT_TENANTS).execute(db);
      await isolate(db, LIFECYCLE_TENANT_TABLES);
    },
  },
  '0061_idempotency_keys': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(IDEMPOTENCY_TABLES).execute(db);
      await isolate(db, IDEMPOTENCY_TENANT_TABLES);
    },
  },
  '0062_key_configurations_and_systems': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(SYSTEM_TABLES).execute(db);
      await sql.raw(CONFIGURATIONS_OF_PRESENT_KEYS).execute(db);
      await isolate(db, SYSTEM_TENANT_TABLES);
    },
  },
  '0050_simulations': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(SIMULATION_TABLES).execute(db);
      await isolate(db, SIMULATION_TENANT_TABLES);
    },
  },
  '0040_audit': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(AUDIT_TABLES).execute(db);
      await isolate(db, AUDIT_TENANT_TABLES);
    },
  },
  '0070_drill_targets_in_use': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(WITHDRAW_TARGETS_IN_USE).execute(db);
    },
  },
  '0071_region_audit_heads': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(REGION_AUDIT_HEADS).execute(db);
    },
  },
  '0072_leaving_channels': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(LEAVING_CHANNELS).execute(db);
    },
  },
  '0073_drift': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(DRIFT_TABLES).execute(db);
    },
  },
  '0080_signing_keys': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(SIGNING_TABLES).execute(db);
    },
  },
  '0081_refused_messages': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(REFUSED_MESSAGES).execute(db);
    },
  },
  '0082_drift_allowances': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(DRIFT_ALLOWANCES).execute(db);
    },
  },
  '0083_portal_sessions': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(PORTAL_TABLES).execute(db);
    },
  },
  '0084_drift_told': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw(DRIFT_TOLD).execute(db);
    },
  },
};

/** Row-level security holds the owner, too: a migration that changes rows does it as CMK itself (reach.ts). */
export const cmkMigrations: Record<string, Migration> = Object.fromEntries(
  Object.entries(migrations).map(([name, { up }]) => [
    name,
    {
      async up(db: Kysely<unknown>): Promise<void> {
        await sql`SELECT set_config('okcm.reach', 'system', true)`.execute(db);
        await up(db);
      },
    },
  ]),
);

/** Holds new tables with a `tenant` column to the transaction's tenant, and to the reach of whoever it works for. */
async function isolate(db: Kysely<unknown>, tables: readonly string[]): Promise<void> {
  await isolateFirst(db, tables);
  await holdToReach(db, tables);
}

async function holdToReach(db: Kysely<unknown>, tables: readonly string[]): Promise<void> {
  for (const table of tables) await sql.raw(reachPolicy(table)).execute(db);
}

/** As the first migrations did it; the tables of those got their reach later (0020). */
async function isolateFirst(db: Kysely<unknown>, tables: readonly string[]): Promise<void> {
  for (const table of tables)
    await sql
      .raw(
        `ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
         ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
         CREATE POLICY tenant_isolation ON ${table} USING (${POLICY});`,
      )
      .execute(db);
}

/** What the serving role may do, table by table; run by the owner after the migrations. The audit log is append-only. */
export async function grantToAppRole(owner: Kysely<unknown>, appRole: string): Promise<void> {
  const role = sql.id(appRole);
  const orbital = await sql<{ name: string }>`
    SELECT tablename AS name FROM pg_tables
      WHERE schemaname = current_schema() AND tablename IN ('orbital_entities', 'orbital_jobs', 'orbital_tasks')`.execute(
    owner,
  );
  const own = [...TENANT_TABLES, ...PLATFORM_TABLES];
  const freely = [
    ...own.filter((table) => !APPEND_ONLY.includes(table)),
    ...orbital.rows.map((row) => row.name),
  ];
  await sql`GRANT USAGE ON SCHEMA public TO ${role}`.execute(owner);
  for (const table of APPEND_ONLY)
    await sql`GRANT SELECT, INSERT ON TABLE ${sql.id(table)} TO ${role}`.execute(owner);
  for (const table of freely)
    await sql`GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE ${sql.id(table)} TO ${role}`.execute(owner);
  await sql`GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${role}`.execute(owner);
}
