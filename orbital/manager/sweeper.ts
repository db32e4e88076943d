/** What only time brings about: deadlines, and forgetting jobs settled long ago, and the entities that they were about. */
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
    if (nowMs - purgedAtMs >= PURGE_INTERVAL_MS) {
      const forgotten = Math.max(await purgeJobs(db), await purgeEntities(db));
      if (forgotten < PURGE_BATCH) purgedAtMs = nowMs;
    }
    return steps.length === SWEEP_BATCH ? 0 : SWEEP_INTERVAL_MS;
  };
}

/** How many jobs were forgotten. One that is being retried holds its row by then: it is passed over. */
async function purgeJobs(db: ManagerDb): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('orbital_jobs')
    .where('id', 'in', (jobs) =>
      jobs
        .selectFrom('orbital_jobs')
        .select('id')
        .where('settled_at', '<', sql<Date>`now() - ${JOB_RETENTION_MS} * interval '1 millisecond'`)
        .orderBy('settled_at')
        .limit(PURGE_BATCH)
        .forUpdate()
        .skipLocked(),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}

/**
 * How many entities were forgotten: those without jobs whose newest wish is older than the retention, by the clock that sequences
 * come from. The next wish of one has the number of its time (nextSequence), which lies behind whatever was given out before.
 *
 * A wish that is being made holds the row: it is passed over, or is seen, once it has come, by the newer sequence that the row has
 * then. Whoever comes during the purge waits for it, and makes the row anew.
 */
async function purgeEntities(db: ManagerDb): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('orbital_entities')
    .where('entity', 'in', (entities) =>
      entities
        .selectFrom('orbital_entities as e')
        .select('e.entity')
        .where(
          'e.last_sequence',
          '<',
          sql<string>`floor(extract(epoch from now()) * 1000)::bigint - ${JOB_RETENTION_MS}::bigint`,
        )
        .where(({ not, exists, selectFrom }) =>
          not(exists(selectFrom('orbital_jobs as j').select('j.id').whereRef('j.entity', '=', 'e.entity'))),
        )
        .orderBy('e.last_sequence')
        .limit(PURGE_BATCH)
        .forUpdate()
        .skipLocked(),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
