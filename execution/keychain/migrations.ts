/** The keychain's schema, in a PostgreSQL schema and under a migration table of its own. */
import { type Kysely, sql } from 'kysely';
import { type Migration, migrate } from '../../platform/postgres.ts';
import { cutsMigration } from './cuts.ts';
import { usageMigration } from './keys/usage.ts';
import { ceremonyKeyMigration } from './root/shamir/ceremony-key.ts';
import type { Db } from './tables.ts';

/** Safe to call from several cores at once. @throws OkcmError MIGRATION_FAILED */
export async function migrateKeychain(db: Db): Promise<void> {
  await migrate(db, keychainMigrations, { table: 'migrations', schema: 'keychain' });
}

export const keychainMigrations: Record<string, Migration> = {
  '0001_keychain': {
    async up(db: Kysely<unknown>): Promise<void> {
      for (const statement of SCHEMA) await sql.raw(statement).execute(db);
    },
  },
  '0002_ceremony_key': ceremonyKeyMigration,
  '0003_stores': {
    async up(db: Kysely<unknown>): Promise<void> {
      for (const statement of STORES) await sql.raw(statement).execute(db);
    },
  },
  '0004_usage': usageMigration,
  '0005_cuts': cutsMigration,
  '0006_order': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`create index link_heads_in_order on keychain.link_heads (tenant collate "C")`.execute(db);
    },
  },
};

const SCHEMA = [
  'create schema if not exists keychain',
  `create table keychain.root (
     id smallint primary key check (id = 1),
     cluster text not null,
     region text not null,
     seal_kind text not null,
     sealed_unseal_key bytea not null,
     wrapped_master_key bytea not null,
     created_at timestamptz not null default now())`,
  `create table keychain.ivks (
     version integer primary key check (version > 0),
     active boolean not null,
     wrapped bytea not null,
     created_at timestamptz not null default now())`,
  'create unique index ivks_one_active on keychain.ivks (active) where active',
  `create table keychain.link_heads (
     tenant text primary key,
     closed_epoch integer not null default 0,
     closed_at timestamptz)`,
  // The checks say what D1 demands: a closed epoch holds no key, an open one holds its lease.
  `create table keychain.links (
     tenant text not null references keychain.link_heads,
     epoch integer not null check (epoch > 0),
     state text not null check (state in ('prepared', 'open', 'closed')),
     public_key bytea,
     private_key bytea,
     secret bytea,
     proved_at timestamptz,
     expires_at timestamptz,
     prepared_at timestamptz,
     opened_at timestamptz,
     closed_at timestamptz,
     close_reason text,
     primary key (tenant, epoch),
     check ((state = 'prepared') = (private_key is not null)),
     check ((state = 'open') = (secret is not null)),
     check (state <> 'open' or (proved_at is not null and expires_at is not null)),
     check ((state = 'closed') = (closed_at is not null)))`,
  `create unique index links_one_open on keychain.links (tenant) where state = 'open'`,
  `create unique index links_one_prepared on keychain.links (tenant) where state = 'prepared'`,
  // A closure is for ever, whatever a later bug or a careless hand would do (D1).
  `create function keychain.keep_closures() returns trigger language plpgsql as $$
     begin
       if new.closed_epoch < old.closed_epoch then
         raise exception 'a closed epoch never opens again';
       end if;
       return new;
     end $$`,
  `create trigger keep_closures before update on keychain.link_heads
     for each row execute function keychain.keep_closures()`,
  `create table keychain.tenants (
     tenant text primary key references keychain.link_heads,
     regional_secret bytea not null,
     manifest bytea not null,
     manifest_counter integer not null check (manifest_counter > 0),
     created_at timestamptz not null default now())`,
  `create table keychain.l2_keys (
     tenant text not null references keychain.tenants,
     version integer not null check (version > 0),
     wrapped bytea not null,
     created_at timestamptz not null default now(),
     primary key (tenant, version))`,
  `create table keychain.l3_keys (
     tenant text not null references keychain.tenants,
     service text not null,
     version integer not null check (version > 0),
     wrapped bytea not null,
     created_at timestamptz not null default now(),
     primary key (tenant, service, version))`,
];

/** Two cores, or two versions of one, agree on it for ever: rows do not move by themselves. */
const PARTITIONS = 32;

function partitioned(table: string, columns: string): string[] {
  // A partition that is named itself obeys its own policies, not its parent's: it has none, and shows nothing.
  const parts = Array.from({ length: PARTITIONS }, (_, i) => [
    `create table keychain.${table}_${i} partition of keychain.${table}
       for values with (modulus ${PARTITIONS}, remainder ${i})`,
    `alter table keychain.${table}_${i} enable row level security`,
    `alter table keychain.${table}_${i} force row level security`,
  ]).flat();
  return [
    `create table keychain.${table} (${columns}) partition by hash (tenant)`,
    ...parts,
    // Forced: it binds the owner of the table, too, which the core is.
    `alter table keychain.${table} enable row level security`,
    `alter table keychain.${table} force row level security`,
    `create policy one_tenant on keychain.${table}
       using (tenant = current_setting('keychain.tenant', true))
       with check (tenant = current_setting('keychain.tenant', true))`,
  ];
}

const STORES = [
  'alter table keychain.tenants rename to tenants_before',
  'alter table keychain.tenants_before rename constraint tenants_pkey to tenants_before_pkey',
  `alter table keychain.link_heads
     add column manifest_counter integer check (manifest_counter > 0),
     add column ivk integer,
     add column due_at timestamptz`,
  `update keychain.link_heads h set manifest_counter = t.manifest_counter, ivk = 1, due_at = now()
     from keychain.tenants_before t where t.tenant = h.tenant`,
  'create index link_heads_due on keychain.link_heads (due_at) where due_at is not null',
  'create index link_heads_ivk on keychain.link_heads (ivk) where ivk is not null',
  ...partitioned(
    'tenants',
    `tenant text not null references keychain.link_heads,
     regional_secret bytea not null,
     manifest bytea not null,
     manifest_counter integer not null check (manifest_counter > 0),
     created_at timestamptz not null default now(),
     primary key (tenant)`,
  ),
  ...partitioned(
    'keys',
    `tenant text not null references keychain.tenants,
     service text not null,
     version integer not null check (version > 0),
     wrapped bytea not null,
     created_at timestamptz not null default now(),
     primary key (tenant, service, version)`,
  ),
  // What is there already belongs to many tenants: the rule is lifted for as long as it is copied.
  ...['tenants', 'keys'].map((table) => `alter table keychain.${table} no force row level security`),
  `insert into keychain.tenants (tenant, regional_secret, manifest, manifest_counter, created_at)
     select tenant, regional_secret, manifest, manifest_counter, created_at from keychain.tenants_before`,
  `insert into keychain.keys (tenant, service, version, wrapped, created_at)
     select tenant, '', version, wrapped, created_at from keychain.l2_keys`,
  `insert into keychain.keys (tenant, service, version, wrapped, created_at)
     select tenant, service, version, wrapped, created_at from keychain.l3_keys`,
  ...['tenants', 'keys'].map((table) => `alter table keychain.${table} force row level security`),
  'drop table keychain.l3_keys, keychain.l2_keys, keychain.tenants_before',
  // Internal versioned keys get states, and what stands under each can be found.
  `alter table keychain.ivks
     add column state text not null default 'active'
       check (state in ('pre-active', 'active', 'deactivated', 'compromised', 'destroyed', 'destroyed-compromised')),
     add column seals bigint not null default 0,
     add column changed_at timestamptz not null default now(),
     alter column wrapped drop not null,
     add check ((wrapped is null) = (state in ('destroyed', 'destroyed-compromised')))`,
  'alter table keychain.ivks alter column state drop default, drop column active',
  `create unique index ivks_one_active on keychain.ivks (state) where state = 'active'`,
  'alter table keychain.links add column ivk integer',
  `update keychain.links set ivk = 1 where private_key is not null or secret is not null`,
  'alter table keychain.ceremony_key add column ivk integer not null default 1',
  'alter table keychain.ceremony_key alter column ivk drop default',
];
