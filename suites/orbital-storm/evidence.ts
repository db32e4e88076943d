/** What the databases of both sides say after a storm, as plain rows. */
import { type Kysely, sql } from 'kysely';
import { type Kind, type RegionName, regionNames } from './plan.ts';
import type { StormWorld } from './world.ts';

export interface Evidence {
  readonly wishes: readonly {
    readonly jobId: string;
    readonly entity: string;
    readonly position: number;
    readonly kind: Kind;
    readonly givenUp: boolean;
  }[];
  readonly jobs: readonly { readonly jobId: string; readonly state: string }[];
  readonly tasks: readonly {
    readonly taskId: string;
    readonly jobId: string;
    readonly target: string;
    readonly state: string;
    /** Of the last failure; empty without one. */
    readonly error: string;
    readonly attempts: number;
  }[];
  readonly endings: readonly { readonly taskId: string; readonly outcome: string }[];
  readonly settlings: readonly { readonly jobId: string; readonly state: string }[];
  readonly regions: Readonly<Record<RegionName, RegionEvidence>>;
  /** From the creation of each job that was not cancelled to its end, in milliseconds. */
  readonly lagsMs: readonly number[];
}
export interface RegionEvidence {
  /** In the order in which the entity's row was held. */
  readonly applied: readonly {
    readonly taskId: string;
    readonly jobId: string;
    readonly entity: string;
    readonly position: number;
    readonly step: number;
  }[];
  readonly unsent: number;
}

export async function gather({ db, regions }: StormWorld): Promise<Evidence> {
  const { rows: wishes } = await sql<Evidence['wishes'][number]>`
    select job_id as "jobId", entity, "position", kind, given_up as "givenUp" from wishes`.execute(db);
  const { rows: jobs } = await sql<Evidence['jobs'][number]>`
    select id::text as "jobId", state from orbital_jobs`.execute(db);
  const { rows: tasks } = await sql<Evidence['tasks'][number]>`
    select id::text as "taskId", job_id::text as "jobId", target, state, coalesce(error ->> 'code', '') as error,
        attempt as attempts from orbital_tasks`.execute(db);
  const { rows: endings } = await sql<Evidence['endings'][number]>`
    select task_id as "taskId", outcome from endings`.execute(db);
  const { rows: settlings } = await sql<Evidence['settlings'][number]>`
    select job_id as "jobId", state from settlings`.execute(db);
  const { rows: lags } = await sql<{ ms: number }>`
    select extract(epoch from settled_at - created_at)::float8 * 1000 as ms from orbital_jobs
      where state in ('done', 'failed')`.execute(db);
  const evidence = await Promise.all(
    regionNames.map(async (region) => [region, await ofRegion(regions[region])] as const),
  );
  return {
    wishes,
    jobs,
    tasks,
    endings,
    settlings,
    regions: Object.fromEntries(evidence) as Record<RegionName, RegionEvidence>,
    lagsMs: lags.map(({ ms }) => ms),
  };
}

async function ofRegion<DB>(db: Kysely<DB>): Promise<RegionEvidence> {
  const { rows: applied } = await sql<RegionEvidence['applied'][number]>`
    select task_id as "taskId", job_id as "jobId", entity, "position", step from applied order by at`.execute(
    db,
  );
  const { rows } = await sql<{ unsent: number }>`
    select count(*)::int as unsent from orbital_inbox where unsent`.execute(db);
  return { applied, unsent: rows[0]?.unsent ?? 0 };
}
