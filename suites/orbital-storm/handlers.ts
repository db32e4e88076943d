/** What regions do with the jobs of a storm, and what governance does when they end. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Transaction } from 'kysely';
import type {
  EndedTask,
  HandlersByKind,
  JobHandlers,
  TaskContext,
  TaskHandler,
} from '../../orbital/index.ts';
import { type Kind, kindNames, VARIANTS } from './plan.ts';
import type { GovernanceTables, RegionTables } from './tables.ts';

export const STEPS = 3;
const FAILURES = 2;
const STEP_PAUSE_MS = 50;
/** Long enough that a repetition finds the first still at work now and then. */
const WORK_MS = 5;

type Handler = TaskHandler<RegionTables>;

async function write({ trx, taskId, jobId, entity }: TaskContext<RegionTables>, payload: unknown, step = 1) {
  const { position } = payload as { readonly position: number };
  await trx
    .insertInto('applied')
    .values({ task_id: taskId, job_id: jobId, entity, position, step })
    .execute();
}

/** One set for each region: FLAKY counts its failures in memory, as what goes wrong outside of a transaction does. */
export function regionHandlers(): Readonly<Record<string, Handler>> {
  const failed = new Map<string, number>();
  const apply: Handler = async (payload, context) => {
    await write(context, payload);
    await delay(WORK_MS);
    return { done: { applied: context.taskId } };
  };
  const handlers: Readonly<Record<Kind, Handler>> = {
    APPLY: apply,
    SHORT: apply,
    CUT: apply,
    async STEPS(payload, context) {
      const step = Number(context.workingState ?? 0) + 1;
      await write(context, payload, step);
      return step < STEPS ? { processing: step, retryAfterMs: STEP_PAUSE_MS } : { done: { step } };
    },
    async FLAKY(payload, context) {
      await write(context, payload);
      const times = failed.get(context.taskId) ?? 0;
      failed.set(context.taskId, times + 1);
      if (times === 0) throw new Error('what has been written must be undone');
      if (times < FAILURES) return { failed: { code: 'NOT_YET', message: 'again', retryable: true } };
      failed.delete(context.taskId);
      return { done: null };
    },
    async REFUSE(payload, context) {
      await write(context, payload);
      return { failed: { code: 'NEVER', message: 'not here', retryable: false } };
    },
    async HANG(payload, context) {
      await write(context, payload);
      return new Promise<never>((_, reject) => {
        const stop = (): void => reject(context.signal.reason);
        if (context.signal.aborted) stop();
        else context.signal.addEventListener('abort', stop, { once: true });
      });
    },
  };
  return variantsOf(handlers);
}

export function governanceHandlers(): HandlersByKind<GovernanceTables> {
  const ending =
    (outcome: GovernanceTables['endings']['outcome']) =>
    async (trx: Transaction<GovernanceTables>, task: EndedTask): Promise<void> => {
      await trx.insertInto('endings').values({ task_id: task.id, outcome }).execute();
    };
  const every: JobHandlers<GovernanceTables> = {
    onTaskDone: ending('done'),
    onTaskFailed: ending('failed'),
    onTaskCancelled: ending('cancelled'),
    async onJobSettled(trx, { id, state }) {
      await trx.insertInto('settlings').values({ job_id: id, state }).execute();
    },
  };
  return variantsOf(Object.fromEntries(kindNames.map((kind) => [kind, every])) as Record<Kind, typeof every>);
}

function variantsOf<H>(byKind: Readonly<Record<Kind, H>>): Readonly<Record<string, H>> {
  const named: Record<string, H> = { CUT: byKind.CUT };
  for (const kind of kindNames)
    for (let variant = 0; variant < VARIANTS; variant++) named[`${kind}_${variant}`] = byKind[kind];
  return named;
}
