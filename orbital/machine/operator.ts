/**
 * What a region's operator decides about a task that it was handed: run it, answer from the record, or refuse.
 * Functions of rows and of nothing else. `operator/` reads the rows under the entity's lock, asks here, and writes down
 * the answer; `suites/orbital-schedules` runs the same functions through every fault that it can think of.
 */
import { CLOCK_SKEW_MS, TASK_SEQUENCE_AHEAD_MS } from '../limits.ts';
import { type Execution, isNewer } from './execution.ts';

/** What a region has answered last about a task. */
export interface Recorded extends Execution {
  readonly phase: 'processing' | 'done' | 'failed';
}

/** What a region remembers of an entity for ever, each the sequence of a wish, and 0 before the first. */
export interface Fence {
  /** The newest that was answered, whatever became of it: nothing older is begun any more. */
  readonly tried: number;
  /** The newest that was answered with a change. */
  readonly applied: number;
  /** The newest that has committed something apart from the transaction of its task, whether it was answered or not. */
  readonly apart: number;
  /** The newest that was done, and whose answer was purged. */
  readonly forgotten: number;
}
export const NO_FENCE: Fence = { tried: 0, applied: 0, apart: 0, forgotten: 0 };

export interface HandedTask extends Execution {
  /** By the clock of governance, which may differ by CLOCK_SKEW_MS; null if the task has for ever. */
  readonly deadlineAtMs: number | null;
}

export type TaskDecision =
  | { readonly step: 'run' }
  | { readonly step: 'refuse'; readonly code: 'SUPERSEDED' | 'FORGOTTEN' | 'DEADLINE' }
  /** The recorded answer, from now on as the one to the execution `as`. */
  | { readonly step: 'repeat'; readonly as: Execution };

/**
 * Asked before a task is taken in hand: what is not taken leaves nothing behind, least of all in the fence, which would
 * refuse every later wish of the entity for ever.
 */
export function whyNotTaken({ sequence }: Execution, nowMs: number): 'SEQUENCE_AHEAD' | undefined {
  return sequence > nowMs + TASK_SEQUENCE_AHEAD_MS ? 'SEQUENCE_AHEAD' : undefined;
}

/** Asked before a task runs, and again before the failure of one is recorded, whose transaction was undone. */
export function onTask(
  task: HandedTask,
  recorded: Recorded | undefined,
  fence: Fence,
  nowMs: number,
): TaskDecision {
  if (recorded !== undefined) {
    if (!isNewer(task, recorded)) return { step: 'repeat', as: recorded };
    if (stillHolds(recorded, task, fence)) return { step: 'repeat', as: task };
  }
  if (isOvertaken(task, fence)) return { step: 'refuse', code: 'SUPERSEDED' };
  if (isForgotten(task, fence)) return { step: 'refuse', code: 'FORGOTTEN' };
  if (isOverdue(task, nowMs)) return { step: 'refuse', code: 'DEADLINE' };
  return { step: 'run' };
}

/**
 * What is done is not done again for the same wish. A retry is a wish of its own: there the record counts for as long as
 * nothing newer has changed the entity, for then the entity is not any more as this task had left it.
 */
function stillHolds(recorded: Recorded, task: Execution, fence: Fence): boolean {
  if (recorded.phase !== 'done') return false;
  if (task.sequence === recorded.sequence) return true;
  return Math.max(fence.applied, fence.apart) <= recorded.sequence;
}

/**
 * Answers are purged after a while, the fence never: what was done and has no record any more is not done once more for that
 * wish, or whoever has kept the message could have it done again. Asked whatever the record says: an older message of the task,
 * or the refusal of this one, may have left one since. What has failed, be it half-way, may run: governance may have been without
 * its region for so long before it asks again.
 */
const isForgotten = (task: Execution, fence: Fence): boolean => task.sequence <= fence.forgotten;

/** Whether something newer of the entity was answered, or has changed it without an answer yet. */
const isOvertaken = ({ sequence }: Pick<Execution, 'sequence'>, { tried, apart }: Attempts): boolean =>
  sequence < Math.max(tried, apart);
type Attempts = Pick<Fence, 'tried' | 'apart'>;

/**
 * Asked in each transaction that a handler commits apart from that of its task, with the mark of the entity in hand: its
 * task may have been taken from it without its knowledge.
 */
export function mayCommitApart(task: Pick<Execution, 'sequence'>, fence: Attempts): boolean {
  return !isOvertaken(task, fence);
}

const isOverdue = ({ deadlineAtMs }: HandedTask, nowMs: number): boolean =>
  deadlineAtMs !== null && deadlineAtMs + CLOCK_SKEW_MS < nowMs;

/** The fence behind an answer, be it new or repeated. A failed execution has changed nothing, and is a try. */
export function fenceAfter<F extends Omit<Fence, 'forgotten'>>(fence: F, answer: Recorded): F {
  return {
    ...fence,
    tried: Math.max(fence.tried, answer.sequence),
    applied: answer.phase === 'failed' ? fence.applied : Math.max(fence.applied, answer.sequence),
  };
}

/** The fence behind the purge of an answer: that it was done is all that is kept. */
export function fenceBehindPurge(fence: Fence, { phase, sequence }: Recorded): Fence {
  return phase === 'done' ? { ...fence, forgotten: Math.max(fence.forgotten, sequence) } : fence;
}

/** Whether a cancelling task that is in hand keeps an older one of its entity from starting, and stops it. */
export function overtakes(cancellingSequence: number | undefined, sequence: number): boolean {
  return cancellingSequence !== undefined && sequence < cancellingSequence;
}
