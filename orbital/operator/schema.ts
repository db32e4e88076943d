/**
 * The operator's tables in the region's database: what has been applied, the answers to repeats, and the statuses
 * that still wait for the broker.
 */
import { type ColumnType, type Generated, type Kysely, sql } from 'kysely';
import type { Migration } from '../../platform/postgres.ts';
import type { JsonValue } from '../json.ts';
import type { StatusMessage, TaskError } from '../messages.ts';

export interface OrbitalOperatorTables {
  /** The fence: never purged, for an older task must stay refused for ever. One small row per entity. */
  orbital_inbox_entities: {
    entity: string;
    /** `tried` and `applied` of machine/operator.ts. */
    highest_sequence: ColumnType<string, number, number>;
    applied_sequence: ColumnType<string, number | undefined, number>;
  };
  /** The mark of apart.ts, kept as long as the fence: at most one small row per entity. */
  orbital_inbox_apart: { entity: string; sequence: ColumnType<string, number, number> };
  /** `forgotten` of machine/operator.ts, kept as long: at most one small row per entity. */
  orbital_inbox_forgotten: { entity: string; sequence: ColumnType<string, number, number> };
  orbital_inbox: {
    task_id: string;
    kind: string;
    entity: string;
    entity_sequence: ColumnType<string, number, number>;
    etag: number;
    phase: StatusMessage['phase'];
    result: ColumnType<JsonValue, string | null, string | null>;
    error: ColumnType<TaskError | null, string | null, string | null>;
    working_state: ColumnType<JsonValue, string | null, string | null>;
    retry_after_ms: number | null;
    correlation_id: string;
    /** The status has not been taken by the broker yet. */
    unsent: boolean;
    updated_at: Generated<Date>;
  };
}

/** Tells the cores of a region, which share this database, that a task cancels the older ones of its entity. */
export const OVERTAKE_CHANNEL = 'okcm_orbital_overtake';

export type OperatorDb = Kysely<OrbitalOperatorTables>;

export const orbitalOperatorMigrations: Record<string, Migration> = {
  '0001_orbital_operator': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        create table orbital_inbox_entities (
          entity text primary key,
          highest_sequence bigint not null
        )`.execute(db);
      await sql`
        create table orbital_inbox (
          task_id uuid primary key,
          kind text not null,
          entity text not null,
          entity_sequence bigint not null,
          etag integer not null,
          phase text not null check (phase in ('processing', 'done', 'failed')),
          result json,
          error json,
          working_state json,
          retry_after_ms bigint,
          correlation_id text not null,
          unsent boolean not null,
          updated_at timestamptz not null default now()
        )`.execute(db);
      await sql`create index orbital_inbox_unsent on orbital_inbox (updated_at) where unsent`.execute(db);
      await sql`create index orbital_inbox_age on orbital_inbox (updated_at)`.execute(db);
    },
    async down(db: Kysely<unknown>): Promise<void> {
      await sql`drop table orbital_inbox`.execute(db);
      await sql`drop table orbital_inbox_entities`.execute(db);
    },
  },
  '0002_orbital_applied_sequence': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        alter table orbital_inbox_entities add column applied_sequence bigint not null default 0`.execute(db);
      await sql`
        update orbital_inbox_entities e set applied_sequence = newest.sequence
          from (select entity, max(entity_sequence) as sequence from orbital_inbox
                  where phase <> 'failed' group by entity) newest
          where newest.entity = e.entity`.execute(db);
    },
    async down(db: Kysely<unknown>): Promise<void> {
      await sql`alter table orbital_inbox_entities drop column applied_sequence`.execute(db);
    },
  },
  '0003_orbital_apart': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`create table orbital_inbox_apart (entity text primary key, sequence bigint not null)`.execute(
        db,
      );
    },
    async down(db: Kysely<unknown>): Promise<void> {
      await sql`drop table orbital_inbox_apart`.execute(db);
    },
  },
  // It gave the fence a column, which those who have it keep and nobody reads: databases know the name.
  '0004_orbital_done_sequence': {
    up: () => Promise.resolve(),
    down: () => Promise.resolve(),
  },
  '0005_orbital_forgotten': {
    async up(db: Kysely<unknown>): Promise<void> {
      // A table of its own: other cores work on the fence meanwhile, and wait for each other outside of the database.
      await sql`create table orbital_inbox_forgotten (entity text primary key, sequence bigint not null)`.execute(
        db,
      );
      // Whoever takes done records away, a core of before beside this one as well; entities in one order, for purges wait for each
      // other. Nobody writes answers until the copy below is made.
      await sql`
        create function orbital_note_forgotten() returns trigger language plpgsql as $$
          begin
            insert into orbital_inbox_forgotten as f
              select entity, max(entity_sequence) from gone where phase = 'done' group by entity order by entity
              on conflict (entity) do update set sequence = greatest(f.sequence, excluded.sequence);
            return null;
          end $$`.execute(db);
      await sql`
        create trigger orbital_note_forgotten after delete on orbital_inbox
          referencing old table as gone for each statement execute function orbital_note_forgotten()`.execute(
        db,
      );
      // What has changed an entity and has no record any more counted as done; a refusal is a record of nothing else.
      await sql`
        insert into orbital_inbox_forgotten
          select entity, applied_sequence from orbital_inbox_entities e
            where applied_sequence > 0 and not exists (select from orbital_inbox i
              where i.entity = e.entity and i.entity_sequence = e.applied_sequence
                and i.error->>'code' is distinct from 'FORGOTTEN')`.execute(db);
    },
    async down(db: Kysely<unknown>): Promise<void> {
      await sql`drop trigger orbital_note_forgotten on orbital_inbox`.execute(db);
      await sql`drop function orbital_note_forgotten()`.execute(db);
      await sql`drop table orbital_inbox_forgotten`.execute(db);
    },
  },
};
