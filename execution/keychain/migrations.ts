/** The keychain's schema, in a PostgreSQL schema and under a migration table of its own. */
import { type Kysely, sql } from 'kysely';
import { type Migration, migrate } from '../../platform/postgres.ts';
import { ceremonyKeyMigration } from './shamir/ceremony-key.ts';
import type { Db } from './tables.ts';
import { usageMigration } from './usage.ts';

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
  '0004_usage': usageMigration,
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
