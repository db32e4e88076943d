/** What a storm writes down beside Orbital's own tables, in the transactions that it is about. */
import { type Generated, type Kysely, sql } from 'kysely';
import type { Kind } from './plan.ts';

export interface GovernanceTables {
  /** In the transaction that creates the job. */
  wishes: {
    job_id: string;
    entity: string;
    position: number;
    kind: Kind;
    /** Set in the transaction of cancelJob. */
    given_up: Generated<boolean>;
  };
  /** By the callback that a task's end calls: once for each task. */
  endings: { task_id: string; outcome: 'done' | 'failed' | 'cancelled' };
  settlings: { job_id: string; state: string };
}
export interface RegionTables {
  /** In the transaction of the task; `at` is the order in which the entity's row was held. */
  applied: {
    at: Generated<string>;
    task_id: string;
    job_id: string;
    entity: string;
    position: number;
    step: number;
  };
}

export async function createGovernanceTables(db: Kysely<GovernanceTables>): Promise<void> {
  await sql`
    create table wishes (
      job_id text primary key, entity text, "position" integer, kind text, given_up boolean not null default false)`.execute(
    db,
  );
  // No key of these is unique: what happens twice shall be found, not prevented.
  await sql`create table endings (task_id text, outcome text)`.execute(db);
  await sql`create table settlings (job_id text, state text)`.execute(db);
}

export async function createRegionTables(db: Kysely<RegionTables>): Promise<void> {
  await sql`
    create table applied (
      at bigint generated always as identity, task_id text, job_id text, entity text, "position" integer, step integer)`.execute(
    db,
  );
}
