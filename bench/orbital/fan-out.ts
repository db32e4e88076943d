/**
 * One job for very many regions, whose manager is killed when half of them have answered: the next one goes on where that
 * was, and every region has applied it once.
 */
import { sql } from 'kysely';
import type { Tell } from '../../testkit/measure/command.ts';
import { until } from '../../testkit/until.ts';
import type { Plane } from './plane.ts';
import { wallMs } from './processes.ts';

const WITHIN_MS = 300_000;

export interface FanOutResult {
  readonly targets: number;
  /** Tasks that had ended when the manager was killed. */
  readonly endedAtKill: number;
  /** Milliseconds from the commit, with the manager's death in between, and from the start of the second manager's process. */
  readonly total: number;
  readonly afterRestart: number;
  /** Times that the task was sent more than once to a region. */
  readonly resent: number;
  readonly appliedOnce: number;
  readonly appliedMore: number;
}

export async function measureFanOut(plane: Plane, tell: Tell): Promise<FanOutResult> {
  const targets = plane.targets.length;
  const jobId = await plane.createJob({ kind: 'BENCH', entity: 'one-for-all', lane: 'normal' });
  const startedAt = wallMs();
  let ended = 0;
  await until(
    'half of the regions have answered',
    async () => {
      ended = await endedTasks(plane, jobId);
      tell(`${ended} of ${targets} regions have answered`);
      return ended >= targets / 2;
    },
    WITHIN_MS,
  );
  await plane.killManager();
  const endedAtKill = await endedTasks(plane, jobId);
  const restartedAt = wallMs();
  await plane.startManager();
  let settledAt: number | undefined;
  await until(
    'all have',
    async () => {
      tell(`${await endedTasks(plane, jobId)} of ${targets} regions have answered`);
      const { rows } = await sql<{ ms: number | null }>`
        select extract(epoch from settled_at)::float8 * 1000 as ms from orbital_jobs
          where id = ${jobId} and state = 'done'`.execute(plane.db);
      settledAt = rows[0]?.ms ?? undefined;
      return settledAt !== undefined;
    },
    WITHIN_MS,
  );
  const { rows: sent } = await sql<{ resent: number }>`
    select sum(attempt - 1)::int as resent from orbital_tasks where job_id = ${jobId}`.execute(plane.db);
  const applied = await timesApplied(plane, jobId);
  return {
    targets,
    endedAtKill,
    total: (settledAt ?? Number.NaN) - startedAt,
    afterRestart: (settledAt ?? Number.NaN) - restartedAt,
    resent: sent[0]?.resent ?? 0,
    appliedOnce: applied.filter((times) => times === 1).length,
    appliedMore: applied.filter((times) => times > 1).length,
  };
}

async function endedTasks(plane: Plane, jobId: string): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::int as n from orbital_tasks where job_id = ${jobId} and state = 'done'`.execute(
    plane.db,
  );
  return rows[0]?.n ?? 0;
}

/** By region. */
export async function timesApplied(plane: Plane, jobId: string): Promise<number[]> {
  const all: number[] = [];
  for (const db of plane.regionDbs) {
    const { rows } = await sql<{ n: number }>`
      select count(*)::int as n from applied where job = ${jobId} group by region`.execute(db);
    all.push(...rows.map(({ n }) => n));
  }
  return all;
}
