/**
 * How tasks move on: by a region's status, or by their deadline. Each step is one transaction that also runs
 * governance's callback, so that "the task is done" and what follows from it become true together or not at all.
 * Repeats, late and out-of-order answers change nothing. What is decided stands in `machine/manager.ts`; here it is asked
 * with the entity's row in hand, and written down.
 */
import { sql, type Transaction } from 'kysely';
import type { JsonValue } from '../json.ts';
import { SWEEP_BATCH } from '../limits.ts';
import { type Continuation, onDeadline, onStatus, whyNotHeard } from '../machine/manager.ts';
import { jobStateOf } from '../machine/states.ts';
import type { Lane, RejectionCode, StatusMessage, TaskError } from '../messages.ts';
import type { TaskOutcome } from '../observe.ts';
import {
  cancelJob,
  createJob,
  type EndedTask,
  endedTask,
  type JobSpec,
  learnSequence,
  lockEntity,
  type OnCancelled,
  retryJob,
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
  retryJob(trx: Transaction<DB>, jobId: string, targets?: readonly string[]): Promise<void>;
} {
  const tell: OnCancelled = async (trx, task) =>
    handlersOf(handlers, task.kind)?.onTaskCancelled?.(trx as unknown as Transaction<DB>, task);
  return {
    createJob: (trx, spec) => createJob(trx, spec, tell),
    cancelJob: (trx, jobId) => cancelJob(trx, jobId, tell),
    retryJob: (trx, jobId, targets) => retryJob(trx, jobId, targets, tell),
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
      const code = whyNotHeard(known, status);
      if (known === undefined || code !== undefined)
        return { step: 'rejected', code: code ?? 'UNKNOWN_TASK' };
      const task = await lockTask(trx, known.entity, status.taskId);
      if (task === undefined) return { step: 'ignored' }; // forgotten a moment ago
      const sequence = status.entitySequence ?? task.execution.sequence;
      const decision = onStatus(
        { state: task.state, failures: task.failures, ...task.execution },
        { ...status, ...legibleError(status), sequence },
        task.now.getTime(),
      );
      if (decision.step === 'ignored' || decision.step === 'rejected') return decision;
      if (sequence > task.execution.sequence) await learnSequence(trx, task.entity, sequence);
      switch (decision.step) {
        case 'done':
          return this.#end(trx, task, decision, 'done');
        case 'failed':
          return this.#end(trx, task, decision, 'failed');
        case 'continues':
          return continueTask(trx, task, decision);
      }
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
            if (task === undefined) return { step: 'ignored' };
            const deadlineAtMs = task.deadline_at?.getTime() ?? null;
            const decision = onDeadline({ ...task, deadlineAtMs }, task.now.getTime());
            return decision.step === 'failed' ? this.#end(trx, task, decision, 'deadline') : decision;
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
    task: LockedTask,
    end: { readonly result: JsonValue } | { readonly error: TaskError },
    outcome: TaskOutcome,
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
      outcome,
      lane: task.lane,
      target: task.target,
      lagMs: Math.max(0, Date.now() - task.created_at.getTime()),
    };
  }
}

/**
 * PostgreSQL stores a NUL or half a surrogate pair within JSON and reads nothing out of it any more: one such message would
 * spoil every list of tasks that asks for errors. The code has none, by its schema.
 */
function legibleError({ error }: StatusMessage): { readonly error?: TaskError } {
  return error === undefined
    ? {}
    : { error: { ...error, message: error.message.toWellFormed().replaceAll('\0', '\ufffd') } };
}

type LockedTask = NonNullable<Awaited<ReturnType<typeof lockTask>>>;

/** The task with its entity locked, and the database's clock, which alone judges deadlines. */
async function lockTask(trx: ManagerTransaction, entity: string, taskId: string) {
  await lockEntity(trx, entity);
  const task = await trx
    .selectFrom('orbital_tasks')
    .selectAll()
    .select(sql<Date>`now()`.as('now'))
    .where('id', '=', taskId)
    .forUpdate()
    .executeTakeFirst();
  if (task === undefined) return undefined;
  return { ...task, execution: { sequence: Number(task.entity_sequence), etag: task.etag } };
}

/** The new execution makes the region run its handler again, instead of repeating itself. */
async function continueTask(
  trx: ManagerTransaction,
  task: LockedTask,
  { next, failures, error, workingState, waitMs }: Continuation,
): Promise<Progress> {
  await trx
    .updateTable('orbital_tasks')
    .set({
      state: 'processing',
      entity_sequence: next.sequence,
      etag: next.etag,
      resends: 0,
      failures,
      error: error === null ? null : JSON.stringify(error),
      ...(workingState === undefined ? {} : { working_state: JSON.stringify(workingState) }),
      next_attempt_at: sql`now() + ${waitMs} * interval '1 millisecond'`,
      updated_at: sql`now()`,
    })
    .where('id', '=', task.id)
    .execute();
  await trx
    .updateTable('orbital_jobs')
    .set({ state: 'processing' }) // as jobStateOf has it where one task is no longer pending
    .where('id', '=', task.job_id)
    .where('state', '=', 'pending')
    .execute();
  await wakeAtCommit(trx); // so that the dispatcher counts the new time in
  return { step: 'continues' };
}

/** Ends the job with its last task. */
async function settleJob(trx: ManagerTransaction, jobId: string): Promise<SettledJob | undefined> {
  const tasks = await trx
    .selectFrom('orbital_tasks')
    .select('state')
    .distinct()
    .where('job_id', '=', jobId)
    .execute();
  const state = jobStateOf(tasks.map((task) => task.state));
  const settled = state === 'done' || state === 'failed';
  const job = await trx
    .updateTable('orbital_jobs')
    .set(settled ? { state, settled_at: sql<Date>`now()` } : { state })
    .where('id', '=', jobId)
    .returning(['id', 'kind', 'entity', 'correlation_id'])
    .executeTakeFirstOrThrow();
  if (!settled) return undefined;
  return { id: job.id, kind: job.kind, entity: job.entity, state, correlationId: job.correlation_id };
}
