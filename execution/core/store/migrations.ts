/** The schema `core` of a region's database. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from '../../../platform/postgres.ts';
import { parseHeader } from '../../envelope/index.ts';
import { decodeObject, type ManagedObject } from '../../objects/index.ts';
import { termsColumn } from './objects.ts';
import type { CoreTables } from './tables.ts';

const SCHEMA = [
  'create schema core',
  `create table core.objects (
     uid text primary key,
     seq bigint generated always as identity unique,
     tenant text not null,
     service text not null,
     object_type integer not null,
     state smallint not null check (state between 1 and 6),
     cryptographic_algorithm bigint,
     cryptographic_length integer,
     usage_mask integer not null,
     initial_date bigint not null,
     activation_date bigint,
     deactivation_date bigint,
     wrapped_digest text not null,
     revision bigint not null,
     body bytea not null)`,
  'create index objects_locate on core.objects (tenant, service, seq)',
  'create index objects_by_kind on core.objects (tenant, object_type, state, cryptographic_algorithm, seq)',
  // A name belongs to one living object of a tenant; the primary key serialises claims (D6).
  `create table core.names (
     tenant text not null,
     name text not null,
     uid text not null references core.objects on delete cascade,
     primary key (tenant, name))`,
  'create index names_of_object on core.names (uid)',
  `create table core.push_counter (
     id smallint primary key check (id = 1),
     head bigint not null)`,
  'insert into core.push_counter values (1, 0)',
  `create table core.pushes (
     number bigint primary key,
     subject text not null,
     kind text not null,
     body bytea not null,
     created_at timestamptz not null default now())`,
  'create index pushes_by_subject on core.pushes (subject, number)',
  `create table core.identities (
     fingerprint text primary key,
     role text not null check (role in ('application', 'gateway', 'operator')),
     name text not null,
     tenant text,
     services text[] not null,
     operations text[],
     updated_at timestamptz not null default now(),
     check (role <> 'application' or tenant is not null))`,
  `create table core.issuers (
     fingerprint text primary key,
     certificate text not null,
     updated_at timestamptz not null default now())`,
  `create table core.audit_head (
     id smallint primary key check (id = 1),
     seq bigint not null,
     hash bytea not null)`,
  `insert into core.audit_head values (1, 0, '\\x${'00'.repeat(32)}')`,
  `create table core.audit_events (
     seq bigint primary key,
     id text not null unique,
     at text not null,
     event text not null,
     outcome text not null,
     reason text,
     tenant text,
     body text not null,
     prev_hash bytea not null,
     hash bytea not null)`,
  'create index audit_by_tenant on core.audit_events (tenant, seq)',
  // The trail only grows: not even the core changes what it wrote.
  `create function core.keep_audit() returns trigger language plpgsql as $$
     begin
       raise exception 'audit events are never changed';
     end $$`,
  `create trigger keep_audit before update or delete on core.audit_events
     for each row execute function core.keep_audit()`,
];

export const coreMigrations: Record<string, Migration> = {
  '0001_core': {
    async up(db: Kysely<unknown>): Promise<void> {
      for (const statement of SCHEMA) await sql.raw(statement).execute(db);
    },
  },
  '0002_random_ivs': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql
        .raw(
          `create table core.random_ivs (
             uid text primary key references core.objects on delete cascade,
             used bigint not null)`,
        )
        .execute(db);
    },
  },
  '0003_l3_version': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql.raw('alter table core.objects add column l3_version bigint').execute(db);
      await fillL3Versions(db as Kysely<CoreTables>);
      await sql.raw('create index objects_by_l3 on core.objects (tenant, service, l3_version)').execute(db);
    },
  },
  '0004_search': {
    async up(db: Kysely<unknown>): Promise<void> {
      for (const statement of SEARCH) await sql.raw(statement).execute(db);
      await fillTerms(db as Kysely<CoreTables>);
      await sql.raw('create index objects_by_term on core.objects using gin (terms)').execute(db);
      await sql
        .raw('create index objects_unindexed on core.objects (tenant) where terms is null')
        .execute(db);
    },
  },
  '0005_asynchronous': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql
        .raw(
          `create table core.asynchronous (
             correlation bytea primary key,
             tenant text not null,
             fingerprint text not null,
             state text not null check (state in ('waiting', 'running', 'done', 'failed', 'cancelled')),
             answer bytea,
             created_at timestamptz not null default now())`,
        )
        .execute(db);
      await sql.raw('create index asynchronous_by_age on core.asynchronous (created_at)').execute(db);
    },
  },
  '0006_gateways': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql
        .raw(
          `create table core.gateways (
             fingerprint text primary key,
             heard_us bigint not null,
             announced_us bigint not null)`,
        )
        .execute(db);
    },
  },
  '0007_listing': {
    async up(db: Kysely<unknown>): Promise<void> {
      for (const statement of LISTING) await sql.raw(statement).execute(db);
    },
  },
  '0040_audit_counts': {
    async up(db: Kysely<unknown>): Promise<void> {
      for (const statement of AUDIT_COUNTS) await sql.raw(statement).execute(db);
    },
  },
  '0050_gateway_leases': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql
        .raw(
          `create table core.gateway_leases (
             fingerprint text not null,
             process text not null,
             noted_us bigint not null,
             leases jsonb not null,
             primary key (fingerprint, process))`,
        )
        .execute(db);
    },
  },
  '0070_audit_signed': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql
        .raw(
          `create table core.audit_signed (
             id smallint primary key check (id = 1),
             seq bigint not null,
             hash text not null,
             at text not null,
             key_id text not null,
             signature text not null)`,
        )
        .execute(db);
    },
  },
  '0080_signing_keys': {
    async up(db: Kysely<unknown>): Promise<void> {
      for (const statement of SIGNING_KEYS) await sql.raw(statement).execute(db);
    },
  },
};

/** Names are never given twice, and neither are keys: what was retired stays known, so that it stays refused. */
const SIGNING_KEYS = [
  `create table core.governance_keys (
     key_id text primary key,
     public_key text not null unique,
     state text not null check (state in ('trusted', 'retired')),
     since timestamptz not null default now())`,
  `create table core.own_keys (
     key_id text primary key,
     public_key text not null unique,
     state text not null check (state in ('made', 'active', 'former')),
     since timestamptz not null default now())`,
  `create unique index own_keys_one_active on core.own_keys (state) where state = 'active'`,
];

/** What was in the trail before is not counted. */
const AUDIT_COUNTS = [
  `create table core.audit_counts (
     tenant text not null,
     class text not null,
     outcome text not null,
     events bigint not null,
     last_seq bigint not null,
     last_at text not null,
     primary key (tenant, class, outcome))`,
  'create index audit_counts_by_news on core.audit_counts (last_seq)',
];

const SEARCH = [
  // No object had been archived, and of none was it known that it had been served.
  'alter table core.objects add column archive_date bigint',
  'alter table core.objects add column fresh boolean not null default true',
  'alter table core.objects add column terms bigint[]',
];

/**
 * Searches are for what lives and is on line, and most say no more than what kind it is: their index holds all of that, so that
 * listing and counting look at no object. Most keys have no terms: leaving those out, they are written at less cost.
 */
const LISTING = [
  `create index objects_listed on core.objects (tenant, service, seq)
     include (object_type, state, activation_date, deactivation_date)
     where archive_date is null and state not in (5, 6)`,
  'drop index core.objects_by_term',
  `create index objects_by_term on core.objects using gin (terms) where terms <> '{}'`,
];

const OBJECTS_AT_ONCE = 500;

/** The header of an object's envelope lies inside its body, where SQL cannot read it. */
async function fillL3Versions(db: Kysely<CoreTables>): Promise<void> {
  for await (const { uid, object } of storedObjects(db)) {
    if (object.wrapped === null) continue;
    const l3_version = parseHeader(object.wrapped).parentVersion;
    await db.updateTable('core.objects').set({ l3_version }).where('uid', '=', uid).execute();
  }
}

/** So do the attributes that objects are searched by. */
async function fillTerms(db: Kysely<CoreTables>): Promise<void> {
  for await (const { uid, object } of storedObjects(db)) {
    const terms = termsColumn(object);
    await db.updateTable('core.objects').set({ terms }).where('uid', '=', uid).execute();
  }
}

async function* storedObjects(
  db: Kysely<CoreTables>,
): AsyncGenerator<{ readonly uid: string; readonly object: ManagedObject }> {
  for (let after = '0'; ; ) {
    const rows = await db
      .selectFrom('core.objects')
      .select(['uid', 'seq', 'body'])
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(OBJECTS_AT_ONCE)
      .execute();
    for (const { uid, body } of rows) yield { uid, object: decodeObject(body) };
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.seq;
  }
}
