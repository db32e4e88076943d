/** The states of tasks and jobs, and how a job's state follows from those of its tasks. */

export const taskStates = ['pending', 'processing', 'done', 'failed', 'cancelled'] as const;
/** `processing` means that the region has answered and goes on; a task that was only sent is still `pending`. */
export type TaskState = (typeof taskStates)[number];
export type JobState = TaskState;

export const LIVE = ['pending', 'processing'] as const satisfies readonly TaskState[];
/** What a retry runs again. */
export const GIVEN_UP = ['failed', 'cancelled'] as const satisfies readonly TaskState[];

export const isLive = (state: TaskState): boolean => state === 'pending' || state === 'processing';
export const isGivenUp = (state: TaskState): boolean => state === 'failed' || state === 'cancelled';

/**
 * A job is settled when its last task has ended, and done only if every one of them is: where a retry has run some of
 * the tasks that were given up, the others still make it a failure. `cancelled` is said of a whole job by whoever
 * cancels it, and follows from nothing.
 */
export function jobStateOf(tasks: readonly TaskState[]): Exclude<JobState, 'cancelled'> {
  if (tasks.some(isLive)) return tasks.every((state) => state === 'pending') ? 'pending' : 'processing';
  return tasks.every((state) => state === 'done') ? 'done' : 'failed';
}
