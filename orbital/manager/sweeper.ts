/** What only time brings about: deadlines, and forgetting jobs settled long ago. */
import { sql } from 'kysely';
import type { Logger } from '../../platform/log.ts';
import {
  JOB_RETENTION_MS,
  PURGE_BATCH,
  PURGE_INTERVAL_MS,
  SWEEP_BATCH,
  SWEEP_INTERVAL_MS,
} from '../limits.ts';
import type { ManagerMetrics } from '../observe.ts';
import type { Progressor } from './progress.ts';
import type { ManagerDb } from './schema.ts';

export interface SweeperOptions<DB> {
  readonly db: ManagerDb;
  readonly progressor: Progressor<DB>;
  readonly logger: Logger;
  readonly metrics: ManagerMetrics;
}

/** A step that sweeps once and answers how long to wait for the next. */
export function createSweeper<DB>({
  db,
  progressor,
  logger,
  metrics,
}: SweeperOptions<DB>): () => Promise<number> {
  let purgedAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const steps = await progressor.expire((error, taskId) =>
      logger.error(
        { err: error, taskId },
        'a task could not be failed at its deadline and will be tried again',
      ),
    );
    for (const step of steps)
      if (step.step === 'ended') metrics.ended(step.lane, step.target, step.outcome, step.lagMs);
    const nowMs = performance.now();
    // A whole batch was forgotten: there is more, and the next sweep goes on.
    if (nowMs - purgedAtMs >= PURGE_INTERVAL_MS && (await purge(db)) < PURGE_BATCH) purgedAtMs = nowMs;
    return steps.length === SWEEP_BATCH ? 0 : SWEEP_INTERVAL_MS;
  };
}

/** How many jobs were forgotten. */
async function purge(db: ManagerDb): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('orbital_jobs')
    .where('id', 'in', (jobs) =>
      jobs
        .selectFrom('orbital_jobs')
        .select('id')
        .where('settled_at', '<', sql<Date>`now() - ${JOB_RETENTION_MS} * interval '1 millisecond'`)
        .orderBy('settled_at')
        .limit(PURGE_BATCH),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
