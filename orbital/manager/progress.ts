/**
 * How tasks move on: by a region's status, or by their deadline. Each step is one transaction that also runs
 * governance's callback, so that "the task is done" and what follows from it become true together or not at all.
 * Repeats, late and out-of-order answers change nothing.
 */
import { sql, type Transaction } from 'kysely';
import { backoffMs } from '../../platform/backoff.ts';
import { type JsonValue, jsonSizeBytes } from '../json.ts';
import {
  MAX_ETAG,
  MAX_RESULT_BYTES,
  MAX_RETRY_AFTER_MS,
  MAX_WORKING_STATE_BYTES,
  MIN_RETRY_AFTER_MS,
  RETRY_BASE_MS,
  RETRY_CAP_MS,
  SWEEP_BATCH,
} from '../limits.ts';
import type { Lane, RejectionCode, StatusMessage, TaskError } from '../messages.ts';
import type { TaskOutcome } from '../observe.ts';
import {
  cancelJob,
  createJob,
  type EndedTask,
  endedTask,
  type JobSpec,
  lockEntity,
  type OnCancelled,
  wakeAtCommit,
} from './jobs.ts';
import { LIVE, type ManagerDb, type ManagerTransaction } from './schema.ts';

export interface SettledJob {
  readonly id: string;
  readonly kind: string;
  readonly entity: string;
  readonly state: 'done' | 'failed';
  readonly correlationId: string;
}

/**
 * What governance does when a task of a kind ends: at most once per task and retry, inside the transaction that ends
 * it. They must call nothing outside (D13). A callback that throws undoes the step; it is tried again when the status
 * is repeated.
 */
export interface JobHandlers<DB> {
  onTaskDone?(trx: Transaction<DB>, task: EndedTask, result: JsonValue): Promise<void>;
  onTaskFailed?(trx: Transaction<DB>, task: EndedTask, error: TaskError): Promise<void>;
  /**
   * A live task was given up by cancelJob or for a job with `cancelsOlder`, in that caller's transaction. If it throws,
   * that change does not happen: a kill switch would not be thrown.
   */
  onTaskCancelled?(trx: Transaction<DB>, task: EndedTask): Promise<void>;
  /** After the last task of the job has ended; not called for a cancelled job. */
  onJobSettled?(trx: Transaction<DB>, job: SettledJob): Promise<void>;
}
export type HandlersByKind<DB> = Readonly<Partial<Record<string, JobHandlers<DB>>>>;

const handlersOf = <DB>(handlers: HandlersByKind<DB>, kind: string): JobHandlers<DB> | undefined =>
  Object.hasOwn(handlers, kind) ? handlers[kind] : undefined;

/** The changes that can cancel tasks, telling the handlers of their kinds. */
export function cancelTelling<DB>(handlers: HandlersByKind<DB>): {
  createJob(trx: Transaction<DB>, spec: JobSpec): Promise<string>;
  cancelJob(trx: Transaction<DB>, jobId: string): Promise<void>;
} {
  const tell: OnCancelled = async (trx, task) =>
    handlersOf(handlers, task.kind)?.onTaskCancelled?.(trx as unknown as Transaction<DB>, task);
  return {
    createJob: (trx, spec) => createJob(trx, spec, tell),
    cancelJob: (trx, jobId) => cancelJob(trx, jobId, tell),
  };
}

export type Progress =
  | {
      readonly step: 'ended';
      readonly outcome: TaskOutcome;
      readonly lane: Lane;
      readonly target: string;
      readonly lagMs: number;
    }
  | { readonly step: 'continues' }
  /** A repeat, an older etag, or an answer for a task that has ended otherwise. */
  | { readonly step: 'ignored' }
  | { readonly step: 'rejected'; readonly code: RejectionCode };

export class Progressor<DB> {
  readonly #db: ManagerDb;
  readonly #handlers: HandlersByKind<DB>;

  constructor(db: ManagerDb, handlers: HandlersByKind<DB>) {
    this.#db = db;
    this.#handlers = handlers;
  }

  /** `status` has a valid signature of the region that it names. */
  onStatus(status: StatusMessage): Promise<Progress> {
    return this.#db.transaction().execute(async (trx) => {
      const known = await trx
        .selectFrom('orbital_tasks')
        .select(['entity', 'target'])
        .where('id', '=', status.taskId)
        .executeTakeFirst();
      if (known === undefined) return { step: 'rejected', code: 'UNKNOWN_TASK' };
      if (known.target !== status.target) return { step: 'rejected', code: 'TARGET_MISMATCH' };
      const task = await lockTask(trx, known.entity, status.taskId);
      // A higher etag than ours comes from before a restore of our database: the region knows better.
      if (task === undefined || status.etag < task.etag) return { step: 'ignored' };

      if (status.phase === 'done') {
        const result = status.result ?? null;
        if (jsonSizeBytes(result) > MAX_RESULT_BYTES) return { step: 'rejected', code: 'TOO_LARGE' };
        return this.#end(trx, task, { result });
      }
      if (status.phase === 'processing') return continueTask(trx, task, status);
      const error = status.error ?? {
        code: 'UNAVAILABLE',
        message: 'the region gave no reason',
        retryable: true,
      };
      return error.retryable ? continueTask(trx, task, status, error) : this.#end(trx, task, { error });
    });
  }

  /**
   * Fails up to SWEEP_BATCH tasks whose deadline has passed. One whose callback throws goes to the end of the line, so
   * that any number of them leave the others their turn.
   */
  async expire(onError: (error: unknown, taskId: string) => void): Promise<readonly Progress[]> {
    const overdue = await this.#db
      .selectFrom('orbital_tasks')
      .select(['id', 'entity'])
      .where('state', 'in', LIVE)
      .where('deadline_at', '<=', sql<Date>`now()`)
      .orderBy('updated_at')
      .limit(SWEEP_BATCH)
      .execute();
    const steps: Progress[] = [];
    for (const { id, entity } of overdue) {
      try {
        steps.push(
          await this.#db.transaction().execute(async (trx): Promise<Progress> => {
            const task = await lockTask(trx, entity, id);
            if (task === undefined || !task.overdue) return { step: 'ignored' };
            return this.#end(trx, task, { error: deadlineError(task.error), outcome: 'deadline' });
          }),
        );
      } catch (error) {
        onError(error, id);
        await this.#db
          .updateTable('orbital_tasks')
          .set({ updated_at: sql`now()` })
          .where('id', '=', id)
          .execute();
      }
    }
    return steps;
  }

  async #end(
    trx: ManagerTransaction,
    task: LiveTask,
    end: { result: JsonValue } | { error: TaskError; outcome?: 'deadline' },
  ): Promise<Progress> {
    const done = 'result' in end;
    await trx
      .updateTable('orbital_tasks')
      .set({
        state: done ? 'done' : 'failed',
        result: done ? JSON.stringify(end.result) : null,
        error: done ? null : JSON.stringify(end.error),
        working_state: null,
        updated_at: sql`now()`,
      })
      .where('id', '=', task.id)
      .execute();
    const handlers = handlersOf(this.#handlers, task.kind);
    const callers = trx as unknown as Transaction<DB>;
    const ended = endedTask(task);
    if (done) await handlers?.onTaskDone?.(callers, ended, end.result);
    else await handlers?.onTaskFailed?.(callers, ended, end.error);
    const job = await settleJob(trx, task.job_id);
    if (job !== undefined) await handlers?.onJobSettled?.(callers, job);
    await wakeAtCommit(trx); // the next task of this entity may go now
    return {
      step: 'ended',
      outcome: done ? 'done' : (end.outcome ?? 'failed'),
      lane: task.lane,
      target: task.target,
      lagMs: Math.max(0, Date.now() - task.created_at.getTime()),
    };
  }
}

type LiveTask = NonNullable<Awaited<ReturnType<typeof lockTask>>>;

/** The task if it lives, with its entity locked. */
async function lockTask(trx: ManagerTransaction, entity: string, taskId: string) {
  await lockEntity(trx, entity);
  return trx
    .selectFrom('orbital_tasks')
    .selectAll()
    .select(sql<boolean>`coalesce(deadline_at <= now(), false)`.as('overdue'))
    .where('id', '=', taskId)
    .where('state', 'in', LIVE)
    .forUpdate()
    .executeTakeFirst();
}

/** Another execution is wanted: a new etag, so that the region runs its handler again instead of repeating itself. */
async function continueTask(
  trx: ManagerTransaction,
  task: LiveTask,
  status: StatusMessage,
  error?: TaskError,
): Promise<Progress> {
  const state = status.workingState;
  if (state !== undefined && jsonSizeBytes(state) > MAX_WORKING_STATE_BYTES)
    return { step: 'rejected', code: 'TOO_LARGE' };
  const failures = error === undefined ? 0 : task.failures + 1;
  const askedMs =
    status.retryAfterMs ??
    RETRY_BASE_MS + backoffMs(failures, { baseMs: RETRY_BASE_MS, capMs: RETRY_CAP_MS });
  const waitMs = Math.min(MAX_RETRY_AFTER_MS, Math.max(MIN_RETRY_AFTER_MS, askedMs));
  await trx
    .updateTable('orbital_tasks')
    .set({
      state: 'processing',
      etag: Math.min(status.etag + 1, MAX_ETAG),
      resends: 0,
      failures,
      error: error === undefined ? null : JSON.stringify(error),
      ...(state === undefined ? {} : { working_state: JSON.stringify(state) }),
      next_attempt_at: sql`now() + ${waitMs} * interval '1 millisecond'`,
      updated_at: sql`now()`,
    })
    .where('id', '=', task.id)
    .execute();
  await trx
    .updateTable('orbital_jobs')
    .set({ state: 'processing' })
    .where('id', '=', task.job_id)
    .where('state', '=', 'pending')
    .execute();
  await wakeAtCommit(trx); // so that the dispatcher counts the new time in
  return { step: 'continues' };
}

/** Ends the job with its last task. */
async function settleJob(trx: ManagerTransaction, jobId: string): Promise<SettledJob | undefined> {
  const states = await trx
    .selectFrom('orbital_tasks')
    .select('state')
    .distinct()
    .where('job_id', '=', jobId)
    .execute();
  const has = (state: string): boolean => states.some((row) => row.state === state);
  const live = has('pending') || has('processing');
  const job = await trx
    .updateTable('orbital_jobs')
    .set(
      live
        ? { state: 'processing' }
        : { state: has('failed') ? 'failed' : 'done', settled_at: sql<Date>`now()` },
    )
    .where('id', '=', jobId)
    .returning(['id', 'kind', 'entity', 'state', 'correlation_id'])
    .executeTakeFirstOrThrow();
  if (job.state !== 'done' && job.state !== 'failed') return undefined;
  return {
    id: job.id,
    kind: job.kind,
    entity: job.entity,
    state: job.state,
    correlationId: job.correlation_id,
  };
}

const deadlineError = (last: TaskError | null): TaskError => ({
  code: 'DEADLINE',
  message:
    last === null
      ? 'the region did not finish in time'
      : `the region did not finish in time; it last said ${last.code}`,
  retryable: false,
});
