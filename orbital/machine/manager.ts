/**
 * What a manager decides: about a new wish, a cancel, a retry, a region's status, a deadline, and what it may send.
 * Functions of rows and of nothing else. `manager/` reads the rows under the entity's lock, asks here, and writes down
 * the answer; `suites/orbital-schedules` runs the same functions through every fault that it can think of.
 */
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
  STATUS_SEQUENCE_AHEAD_MS,
} from '../limits.ts';
import type { TaskError } from '../messages.ts';
import { type Execution, isNewer } from './execution.ts';
import { isGivenUp, isLive, type JobState, type TaskState } from './states.ts';

/** A job that is to run, for the first time or once more: from now on the newest wish of its entity. */
export interface Wish {
  readonly kind: string;
  /** Gives up every older live job of the entity, whatever its kind (UNLINK). */
  readonly cancelsOlder: boolean;
}
export interface LiveJob {
  readonly id: string;
  readonly kind: string;
}
export type WishDecision =
  | { readonly step: 'conflict'; readonly liveJobId: string }
  /** The jobs in `cancel` are cancelled in the same transaction. */
  | { readonly step: 'accept'; readonly cancel: readonly string[] };

/** One live job per entity and kind (D11). `live` are the entity's, of any kind. */
export function onWish(wish: Wish, live: readonly LiveJob[]): WishDecision {
  if (wish.cancelsOlder) return { step: 'accept', cancel: live.map(({ id }) => id) };
  const same = live.find(({ kind }) => kind === wish.kind);
  return same === undefined ? { step: 'accept', cancel: [] } : { step: 'conflict', liveJobId: same.id };
}

/**
 * The sequence of an entity's newest wish. It is at least the clock in milliseconds, so that a governance database
 * restored from a backup does not fall behind what the regions have seen. `last` is 0 for a new entity.
 */
export function nextSequence(last: number, nowMs: number): number {
  return Math.max(last + 1, nowMs);
}

/** Only a live job can be given up. What a region has already applied stays applied; its late answer is ignored. */
export function mayCancel(job: JobState): boolean {
  return isLive(job);
}

export interface GivenUpTask {
  readonly id: string;
  readonly target: string;
  readonly state: TaskState;
}
export type RetryDecision =
  | { readonly step: 'refused'; readonly because: string }
  | Extract<WishDecision, { step: 'conflict' }>
  /** The tasks in `run` become pending under the new sequence, with a new etag, no failures and a new deadline. */
  | (Extract<WishDecision, { step: 'accept' }> & { readonly run: readonly string[] });

/** Runs what was given up of a settled job once more, or of that only what the named targets have to do. */
export function onRetry(
  job: Wish & { readonly state: JobState },
  tasks: readonly GivenUpTask[],
  live: readonly LiveJob[],
  targets?: readonly string[],
): RetryDecision {
  if (!isGivenUp(job.state)) return { step: 'refused', because: job.state };
  const run = tasks.filter(
    ({ state, target }) => isGivenUp(state) && (targets === undefined || targets.includes(target)),
  );
  if (run.length === 0) return { step: 'refused', because: 'none of these tasks has failed' };
  const decision = onWish(job, live);
  return decision.step === 'accept' ? { ...decision, run: run.map(({ id }) => id) } : decision;
}

export interface ManagedTask extends Execution {
  readonly state: TaskState;
  /** Executions that failed in a row. */
  readonly failures: number;
}
/** A region's word, its signature verified. */
export interface Status extends Execution {
  readonly phase: 'processing' | 'done' | 'failed';
  readonly result?: JsonValue;
  readonly error?: TaskError;
  readonly workingState?: JsonValue;
  readonly retryAfterMs?: number;
}

/** A region speaks of its own tasks alone. */
export function whyNotHeard(
  task: { readonly target: string } | undefined,
  status: { readonly target: string },
): 'UNKNOWN_TASK' | 'TARGET_MISMATCH' | undefined {
  if (task === undefined) return 'UNKNOWN_TASK';
  return task.target === status.target ? undefined : 'TARGET_MISMATCH';
}

export type StatusDecision =
  /** A repeat, an answer to an older execution, or one for a task that has ended otherwise. */
  | { readonly step: 'ignored' }
  | { readonly step: 'rejected'; readonly code: 'TOO_LARGE' | 'SEQUENCE_AHEAD' }
  | { readonly step: 'done'; readonly result: JsonValue }
  | { readonly step: 'failed'; readonly error: TaskError }
  | Continuation;
/** The region shall be asked for another execution, after a while. */
export interface Continuation {
  readonly step: 'continues';
  readonly next: Execution;
  readonly failures: number;
  readonly error: TaskError | null;
  /** Absent: what the task has stays. */
  readonly workingState?: JsonValue;
  readonly waitMs: number;
}

/** `random` gives what spreads the retries, from 0 to less than 1. */
export function onStatus(
  task: ManagedTask,
  status: Status,
  nowMs: number,
  random: () => number = Math.random,
): StatusDecision {
  if (!isLive(task.state)) return { step: 'ignored' };
  if (isNewer(task, status)) return { step: 'ignored' };
  if (isAhead(task, status, nowMs)) return { step: 'rejected', code: 'SEQUENCE_AHEAD' };
  if (status.phase === 'done') {
    const result = status.result ?? null;
    return jsonSizeBytes(result) > MAX_RESULT_BYTES
      ? { step: 'rejected', code: 'TOO_LARGE' }
      : { step: 'done', result };
  }
  if (status.phase === 'processing') return another(task, status, null, random);
  const error = status.error ?? NO_REASON;
  return error.retryable ? another(task, status, error, random) : { step: 'failed', error };
}

/** No region can have been asked for this wish, whatever governance has forgotten of its own. */
const isAhead = (task: Execution, { sequence }: Execution, nowMs: number): boolean =>
  sequence > Math.max(task.sequence, nowMs + STATUS_SEQUENCE_AHEAD_MS);

const NO_REASON: TaskError = { code: 'UNAVAILABLE', message: 'the region gave no reason', retryable: true };

function another(
  task: ManagedTask,
  status: Status,
  error: TaskError | null,
  random: () => number,
): StatusDecision {
  const { workingState } = status;
  if (workingState !== undefined && jsonSizeBytes(workingState) > MAX_WORKING_STATE_BYTES)
    return { step: 'rejected', code: 'TOO_LARGE' };
  const failures = error === null ? 0 : task.failures + 1;
  const askedMs = status.retryAfterMs ?? RETRY_BASE_MS + backoffMs(failures, RETRY, random);
  return {
    step: 'continues',
    next: executionAfter(status),
    failures,
    error,
    ...(workingState === undefined ? {} : { workingState }),
    waitMs: Math.min(MAX_RETRY_AFTER_MS, Math.max(MIN_RETRY_AFTER_MS, askedMs)),
  };
}

const RETRY = { baseMs: RETRY_BASE_MS, capMs: RETRY_CAP_MS } as const;

/**
 * The execution after the one that was answered. A status may name a newer one than the task does, namely where the
 * manager's database was restored from a backup: the region knows better then, and would take anything older for a
 * repeat.
 */
function executionAfter({ sequence, etag }: Execution): Execution {
  return { sequence, etag: Math.min(etag + 1, MAX_ETAG) };
}

export type DeadlineDecision =
  | { readonly step: 'ignored' }
  | { readonly step: 'failed'; readonly error: TaskError };

/** Asked under the lock, for the task may have ended or been retried since it was found overdue. */
export function onDeadline(
  task: { readonly state: TaskState; readonly deadlineAtMs: number | null; readonly error: TaskError | null },
  nowMs: number,
): DeadlineDecision {
  if (!isLive(task.state)) return { step: 'ignored' };
  if (!isOverdue(task.deadlineAtMs, nowMs)) return { step: 'ignored' };
  const message =
    task.error === null
      ? 'the region did not finish in time'
      : `the region did not finish in time; it last said ${task.error.code}`;
  return { step: 'failed', error: { code: 'DEADLINE', message, retryable: false } };
}

const isOverdue = (deadlineAtMs: number | null, nowMs: number): boolean =>
  deadlineAtMs !== null && deadlineAtMs <= nowMs;

export interface SendableTask {
  readonly entity: string;
  readonly target: string;
  readonly sequence: number;
  readonly state: TaskState;
  readonly deadlineAtMs: number | null;
  readonly nextAttemptAtMs: number;
}

/**
 * Whether a task may be sent now: in its entity's order, which a region keeps too, by refusing what comes late. The
 * dispatcher claims by one statement (`manager/claims.ts`) no more than this function allows, and less where a window is
 * full; a test holds them together.
 */
export function maySend(task: SendableTask, tasks: Iterable<SendableTask>, nowMs: number): boolean {
  if (!isLive(task.state) || task.nextAttemptAtMs > nowMs) return false;
  if (isOverdue(task.deadlineAtMs, nowMs)) return false;
  for (const other of tasks) if (isLive(other.state) && goesBefore(other, task)) return false;
  return true;
}

const goesBefore = (other: SendableTask, task: SendableTask): boolean =>
  other.entity === task.entity && other.target === task.target && other.sequence < task.sequence;
