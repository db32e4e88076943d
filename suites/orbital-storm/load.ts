/** Creates the jobs of a plan: each entity's in their order, many entities at once, and no more alive than is allowed. */
import { setTimeout as delay } from 'node:timers/promises';
import { JobConflictError, type Manager, OrbitalError } from '../../orbital/index.ts';
import type { PlannedJob } from './plan.ts';
import type { GovernanceTables } from './tables.ts';
import type { StormWorld } from './world.ts';

const HANDS = 6;
/** After a job of the same kind was found alive. */
const CONFLICT_PAUSE_MS = 200;
const LOOK_EVERY_MS = 20;

interface Line {
  readonly jobs: readonly PlannedJob[];
  next: number;
  notBeforeMs: number;
}

export interface Load {
  readonly created: number;
  /** Resolves when all have been created. */
  readonly all: Promise<void>;
}

/** `mayCreate` says whether there is room for another living job. */
export function startLoad(
  world: StormWorld,
  plan: readonly (readonly PlannedJob[])[],
  mayCreate: (created: number) => boolean,
): Load {
  const lines = plan.map((jobs): Line => ({ jobs, next: 0, notBeforeMs: 0 }));
  let created = 0;
  let turn = 0;

  function managerInTurn(): Manager<GovernanceTables> {
    const manager = world.managers[turn++ % world.managers.length];
    if (manager === undefined) throw new Error('there is no manager');
    return manager;
  }

  async function hand(own: Line[]): Promise<void> {
    let left = own;
    while (left.length > 0) {
      let moved = false;
      for (const line of left) {
        const job = line.jobs[line.next];
        if (job === undefined || performance.now() < line.notBeforeMs) continue;
        // What cancels others makes room, and is never kept waiting for it.
        if (job.kind !== 'CUT' && !mayCreate(created)) continue;
        if (await wish(world, managerInTurn(), job)) {
          line.next++;
          moved = true;
          if (!job.undone) created++;
        } else line.notBeforeMs = performance.now() + CONFLICT_PAUSE_MS;
      }
      left = left.filter((line) => line.next < line.jobs.length);
      if (!moved) await delay(LOOK_EVERY_MS);
    }
  }
  const all = Promise.all(
    Array.from({ length: HANDS }, (_, n) => hand(lines.filter((_line, index) => index % HANDS === n))),
  ).then(() => {});
  return {
    all,
    get created() {
      return created;
    },
  };
}

class Undone extends Error {}

/** Whether there was no job of the same kind alive. */
async function wish(
  { db }: StormWorld,
  manager: Manager<GovernanceTables>,
  job: PlannedJob,
): Promise<boolean> {
  const { entity, position, kind, kindName, lane, targets, deadlineMs } = job;
  let jobId = '';
  try {
    await db.transaction().execute(async (trx) => {
      jobId = await manager.createJob(trx, {
        kind: kindName,
        entity,
        lane,
        correlationId: `storm:${position}`,
        deadlineMs,
        cancelsOlder: kind === 'CUT',
        tasks: targets.map((target) => ({ target, payload: { position } })),
      });
      if (job.undone) throw new Undone();
      await trx.insertInto('wishes').values({ job_id: jobId, entity, position, kind }).execute();
    });
  } catch (error) {
    if (error instanceof JobConflictError) return false;
    if (!(error instanceof Undone)) throw error;
  }
  if (job.cancelAfterMs !== undefined && !job.undone) {
    await delay(job.cancelAfterMs);
    await giveUp(db, manager, jobId);
  }
  return true;
}

async function giveUp(
  db: StormWorld['db'],
  manager: Manager<GovernanceTables>,
  jobId: string,
): Promise<void> {
  try {
    await db.transaction().execute(async (trx) => {
      await manager.cancelJob(trx, jobId);
      await trx.updateTable('wishes').set({ given_up: true }).where('job_id', '=', jobId).execute();
    });
  } catch (error) {
    if (!(error instanceof OrbitalError && error.code === 'ORBITAL_JOB_STATE')) throw error; // it has ended already
  }
}
