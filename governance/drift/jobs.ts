/**
 * Jobs of mends. Most things are asked of all regions by one job, whose entity they share: so a region that does not answer would
 * hold up what another is to be asked. Where it does, a mend gets an order of its own in its region.
 */
import { sql } from 'kysely';
import { entityOf, type JobKind } from '../../contracts/index.ts';
import { JobConflictError } from '../../orbital/index.ts';
import type { Cmk } from '../context.ts';
import { createJob, createRegionalJob, type RegionalRequest } from '../dispatch/jobs.ts';
import { DRIFT_APART_DEADLINE_MS } from '../limits.ts';
import type { Trx } from '../store/transactions.ts';

/**
 * On the entity of the wish itself, so that it stays in order with whatever else is asked of the thing; apart from it where a job
 * lives there that has nothing left to do in this region. The lock on the shared entity is held in any case: whoever registers
 * or removes the thing comes before it or behind it. Such a job may overtake what is asked after it, and be overtaken; what that
 * leaves behind the next comparison finds.
 * @throws JobConflictError where the region has not done yet what it was asked of the thing.
 */
export async function askThere<K extends JobKind>(
  cmk: Cmk,
  trx: Trx,
  request: RegionalRequest<K>,
): Promise<string> {
  const { task, deadlineMs, ...rest } = request;
  try {
    return await createJob(cmk, trx, { ...rest, deadlineMs, tasks: [task] });
  } catch (error) {
    if (!(error instanceof JobConflictError)) throw error;
    if (await isAskedThere(trx, entityOf(request.kind, task.payload), task.region)) throw error;
    // A removal that comes later does not cancel it: it has to be over soon. What takes away waits for ever all the same.
    const apart = deadlineMs === null ? null : Math.min(deadlineMs, DRIFT_APART_DEADLINE_MS);
    return await createRegionalJob(cmk, trx, { ...rest, task, deadlineMs: apart });
  }
}

async function isAskedThere(trx: Trx, entity: string, region: string): Promise<boolean> {
  const { rows } = await sql`
    SELECT FROM orbital_tasks WHERE entity = ${entity} AND target = ${region}
      AND state IN ('pending', 'processing') LIMIT 1`.execute(trx);
  return rows.length > 0;
}
