/**
 * The manager's tables in governance's database. They are the truth about jobs; the broker only carries copies.
 *
 * Lock order, everywhere: the row of `orbital_entities` first, then jobs, then tasks. Whatever changes the state of a
 * job holds its entity's row, so that cancelling and finishing never meet. The dispatcher alone goes straight to
 * tasks, with SKIP LOCKED, and waits for nobody.
 */
import { type ColumnType, type Generated, type Kysely, sql, type Transaction } from 'kysely';
import type { Migration } from '../../platform/postgres.ts';
import type { JsonValue } from '../json.ts';
import type { JobState, TaskState } from '../machine/states.ts';
import type { Lane, TaskError } from '../messages.ts';

export { type JobState, LIVE, type TaskState, taskStates } from '../machine/states.ts';

type Json<T> = ColumnType<T | null, string | null | undefined, string | null>;
type BigIntColumn = ColumnType<string, number | string, number | string>;

export interface OrbitalManagerTables {
  orbital_entities: { entity: string; last_sequence: BigIntColumn };
  orbital_jobs: {
    id: string;
    position: Generated<string>;
    kind: string;
    entity: string;
    entity_sequence: BigIntColumn;
    lane: Lane;
    state: JobState;
    cancels_older: boolean;
    correlation_id: string;
    deadline_ms: ColumnType<string | null, number | null, never>;
    created_at: Generated<Date>;
    settled_at: ColumnType<Date | null, never, Date | null | ReturnType<typeof sql<Date>>>;
    /** W3C `traceparent` of what has made the job; null where nobody records it. */
    trace: ColumnType<string | null, string | null | undefined, never>;
  };
  orbital_tasks: {
    id: string;
    job_id: string;
    kind: string;
    entity: string;
    entity_sequence: BigIntColumn;
    target: string;
    lane: Lane;
    state: TaskState;
    payload: ColumnType<JsonValue, string, never>;
    working_state: Json<JsonValue>;
    result: Json<JsonValue>;
    error: Json<TaskError>;
    etag: Generated<number>;
    /** Times sent, in all; times sent under this etag; executions that failed in a row. */
    attempt: Generated<number>;
    resends: Generated<number>;
    failures: Generated<number>;
    correlation_id: string;
    deadline_at: Date | null;
    next_attempt_at: Generated<Date>;
    created_at: Generated<Date>;
    updated_at: Generated<Date>;
  };
}

/** Woken by createJob at commit, so that latency is milliseconds and the poll is only the safety net. */
export const WAKE_CHANNEL = 'okcm_orbital_wake';

export type ManagerDb = Kysely<OrbitalManagerTables>;
export type ManagerTransaction = Transaction<OrbitalManagerTables>;

/** The caller's database holds our tables beside its own; only this room knows their types. */
export const ours = <DB>(trx: Transaction<DB>): ManagerTransaction => trx as unknown as ManagerTransaction;

export const orbitalManagerMigrations: Record<string, Migration> = {
  '0001_orbital_manager': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`create table orbital_entities (entity text primary key, last_sequence bigint not null)`.execute(
        db,
      );
      await sql`
        create table orbital_jobs (
          id uuid primary key,
          position bigint generated always as identity unique,
          kind text not null,
          entity text not null references orbital_entities,
          entity_sequence bigint not null,
          lane text not null check (lane in ('urgent', 'normal')),
          state text not null default 'pending'
            check (state in ('pending', 'processing', 'done', 'failed', 'cancelled')),
          cancels_older boolean not null,
          correlation_id text not null,
          deadline_ms bigint,
          created_at timestamptz not null default now(),
          settled_at timestamptz,
          unique (entity, entity_sequence)
        )`.execute(db);
      // One live job per entity and kind (D11): createJob checks it under the entity's lock, the index proves it.
      await sql`
        create unique index orbital_jobs_one_live on orbital_jobs (entity, kind)
          where state in ('pending', 'processing')`.execute(db);
      await sql`create index orbital_jobs_settled on orbital_jobs (settled_at) where settled_at is not null`.execute(
        db,
      );
      // json, not jsonb: jsonb refuses \u0000 in a string, and a region's answer must never be unstorable.
      await sql`
        create table orbital_tasks (
          id uuid primary key,
          job_id uuid not null references orbital_jobs on delete cascade,
          kind text not null,
          entity text not null,
          entity_sequence bigint not null,
          target text not null,
          lane text not null,
          state text not null default 'pending'
            check (state in ('pending', 'processing', 'done', 'failed', 'cancelled')),
          payload json not null,
          working_state json,
          result json,
          error json,
          etag integer not null default 1,
          attempt integer not null default 0,
          resends integer not null default 0,
          failures integer not null default 0,
          correlation_id text not null,
          deadline_at timestamptz,
          next_attempt_at timestamptz not null default now(),
          created_at timestamptz not null default now(),
          updated_at timestamptz not null default now(),
          unique (job_id, target)
        )`.execute(db);
      await sql`
        create index orbital_tasks_due on orbital_tasks (lane, next_attempt_at)
          where state in ('pending', 'processing')`.execute(db);
      await sql`
        create index orbital_tasks_order on orbital_tasks (entity, target, entity_sequence)
          where state in ('pending', 'processing')`.execute(db);
      await sql`
        create index orbital_tasks_deadline on orbital_tasks (deadline_at)
          where state in ('pending', 'processing') and deadline_at is not null`.execute(db);
    },
    async down(db: Kysely<unknown>): Promise<void> {
      await sql`drop table orbital_tasks`.execute(db);
      await sql`drop table orbital_jobs`.execute(db);
      await sql`drop table orbital_entities`.execute(db);
    },
  },
  '0002_orbital_flow': {
    async up(db: Kysely<unknown>): Promise<void> {
      // By target, and what was sent apart from what was not: a claim looks at a few of each, however many wait.
      await sql`drop index orbital_tasks_due`.execute(db);
      await sql`
        create index orbital_tasks_due on orbital_tasks (lane, target, (least(resends, 1)), next_attempt_at)
          where state in ('pending', 'processing')`.execute(db);
      await sql`
        create index orbital_tasks_failed on orbital_tasks (job_id) where state = 'failed'`.execute(db);
      // The oldest live job of a lane, which is as old as the oldest live task; and how many live.
      await sql`
        create index orbital_jobs_live on orbital_jobs (lane, created_at)
          where state in ('pending', 'processing')`.execute(db);
      await sql`create index orbital_jobs_failed on orbital_jobs (position) where state = 'failed'`.execute(
        db,
      );
      await sql`create index orbital_jobs_correlation on orbital_jobs (correlation_id)`.execute(db);
      // Queues leave dead rows behind: a fifth of a large table is too many to walk over.
      await sql`
        alter table orbital_tasks set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)`.execute(
        db,
      );
      await sql`
        alter table orbital_jobs set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)`.execute(
        db,
      );
      // A claim puts a task aside that waits for an older one of its entity (claims.ts). Whatever ends that one or moves
      // it behind, in whichever statement, makes the next one due. Always by a new time, also where it was due: that is
      // how a claim under way at this moment learns of it.
      await sql`
        create function orbital_release_next() returns trigger language plpgsql as $$
        begin
          update orbital_tasks t set next_attempt_at = clock_timestamp()
            where t.id = (select n.id from orbital_tasks n
                            where n.entity = new.entity and n.target = new.target
                              and n.state in ('pending', 'processing')
                            order by n.entity_sequence limit 1)
              and t.id <> new.id and t.entity_sequence > old.entity_sequence;
          return null;
        end $$`.execute(db);
      await sql`
        create trigger orbital_release_next after update of state, entity_sequence on orbital_tasks for each row
          when (old.state in ('pending', 'processing')
                and (new.state not in ('pending', 'processing') or new.entity_sequence <> old.entity_sequence))
          execute function orbital_release_next()`.execute(db);
    },
    async down(db: Kysely<unknown>): Promise<void> {
      await sql`drop trigger orbital_release_next on orbital_tasks`.execute(db);
      await sql`drop function orbital_release_next()`.execute(db);
      await sql`drop index orbital_jobs_correlation, orbital_jobs_failed, orbital_jobs_live, orbital_tasks_failed`.execute(
        db,
      );
      await sql`drop index orbital_tasks_due`.execute(db);
      await sql`
        create index orbital_tasks_due on orbital_tasks (lane, next_attempt_at)
          where state in ('pending', 'processing')`.execute(db);
    },
  },
  '0003_orbital_trace': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`alter table orbital_jobs add column trace text`.execute(db);
    },
    async down(db: Kysely<unknown>): Promise<void> {
      await sql`alter table orbital_jobs drop column trace`.execute(db);
    },
  },
  '0004_orbital_legible_errors': {
    async up(db: Kysely<unknown>): Promise<void> {
      // As errors are stored since (progress.ts). JSON.stringify writes a NUL in no other way; where the backslash is
      // itself escaped, this changes a letter of the text and nothing else.
      await sql`
        update orbital_tasks set error = replace(error::text, '\\u0000', '\\ufffd')::json
          where position('\\u0000' in error::text) > 0`.execute(db);
    },
    async down(): Promise<void> {},
  },
  '0005_orbital_old_entities': {
    async up(db: Kysely<unknown>): Promise<void> {
      // Those of longest ago, for the purge.
      await sql`create index orbital_entities_age on orbital_entities (last_sequence)`.execute(db);
    },
    async down(db: Kysely<unknown>): Promise<void> {
      await sql`drop index orbital_entities_age`.execute(db);
    },
  },
  '0006_orbital_wellformed_errors': {
    async up(db: Kysely<unknown>): Promise<void> {
      // Half of a surrogate pair, as 0004 a NUL: JSON.stringify writes the escape for no other character.
      await sql`
        update orbital_tasks set error = regexp_replace(error::text, '\\\\ud[89a-f][0-9a-f]{2}', '\\\\ufffd', 'g')::json
          where error::text ~ '\\\\ud[89a-f][0-9a-f]{2}'`.execute(db);
    },
    async down(): Promise<void> {},
  },
};
