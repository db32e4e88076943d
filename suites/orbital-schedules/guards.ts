/**
 * What the invariants stand on: lines of `orbital/machine/`, each with what is left when it is taken out, and the invariant
 * that breaks then. A checker that cannot see that would prove nothing.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { explore } from './explore.ts';
import type { InvariantName } from './invariants.ts';
import type { shrink, traceOf } from './shrink.ts';

export interface Guard {
  /** In `orbital/machine/`. */
  readonly file: 'execution.ts' | 'manager.ts' | 'operator.ts' | 'states.ts';
  /** Stands there exactly once. */
  readonly code: string;
  readonly instead: string;
  readonly breaks: InvariantName;
  /** Of a schedule that needs it, where few do. */
  readonly seed?: number;
}

export const guards: Readonly<Record<string, Guard>> = {
  'a kind that lives already is a conflict': {
    file: 'manager.ts',
    code: 'live.find(({ kind }) => kind === wish.kind)',
    instead: 'live.find(() => false)',
    breaks: 'one live job per entity and kind',
  },
  'a cancelling job cancels what is older': {
    file: 'manager.ts',
    code: 'cancel: live.map(({ id }) => id)',
    instead: 'cancel: []',
    breaks: 'a cancelling job waits for nothing',
  },
  'sequences keep up with the clock': {
    file: 'manager.ts',
    code: 'return Math.max(last + 1, nowMs);',
    instead: 'return last + 1;',
    breaks: 'nothing fails without a cause',
  },
  'sequences grow within a millisecond': {
    file: 'manager.ts',
    code: 'return Math.max(last + 1, nowMs);',
    instead: 'return Math.max(last, nowMs);',
    breaks: 'an entity changes in order',
  },
  'only what lives is cancelled': {
    file: 'manager.ts',
    code: 'return isLive(job);',
    instead: 'return true;',
    breaks: 'what has ended stays so until it is retried',
  },
  'only what was given up is retried': {
    file: 'manager.ts',
    code: 'isGivenUp(state) && (targets === undefined',
    instead: '(targets === undefined',
    breaks: 'what has ended stays so until it is retried',
  },
  'a retry is a wish like a new job': {
    file: 'manager.ts',
    code: 'const decision = onWish(job, live);',
    instead: "const decision = { step: 'accept', cancel: [] } as WishDecision;",
    breaks: 'one live job per entity and kind',
  },
  'a retried cancelling job cancels again': {
    file: 'manager.ts',
    code: 'const decision = onWish(job, live);',
    instead: 'const decision = onWish({ ...job, cancelsOlder: false }, live);',
    breaks: 'a cancelling job waits for nothing',
  },
  'a region speaks of its own tasks': {
    file: 'manager.ts',
    code: "return task.target === status.target ? undefined : 'TARGET_MISMATCH';",
    instead: 'return undefined;',
    breaks: 'a region is heard of its own tasks alone',
  },
  'a task that has ended hears nothing': {
    file: 'manager.ts',
    code: `  if (!isLive(task.state)) return { step: 'ignored' };
  if (isNewer(task, status))`,
    instead: '  if (isNewer(task, status))',
    breaks: 'what has ended stays so until it is retried',
  },
  'an answer to an older execution is ignored': {
    file: 'manager.ts',
    code: "if (isNewer(task, status)) return { step: 'ignored' };",
    instead: '',
    breaks: 'an answer counts for the execution that it answers',
  },
  'an answer to an older execution proves nothing': {
    file: 'manager.ts',
    code: "if (isNewer(task, status)) return { step: 'ignored' };",
    instead: '',
    breaks: 'done means that the region has applied it',
  },
  'a wish that there cannot be is not heard of': {
    file: 'manager.ts',
    code: "if (isAhead(task, status, nowMs)) return { step: 'rejected', code: 'SEQUENCE_AHEAD' };",
    instead: '',
    breaks: 'everything comes to its end',
  },
  'what may be retried is retried': {
    file: 'manager.ts',
    code: 'error.retryable ? another(task, status, error, random)',
    instead: 'false ? another(task, status, error, random)',
    breaks: 'nothing fails without a cause',
  },
  'another execution has another etag': {
    file: 'manager.ts',
    code: 'etag: Math.min(etag + 1, MAX_ETAG)',
    instead: 'etag',
    breaks: 'everything comes to its end',
  },
  'a restored manager learns its wish from the region': {
    file: 'manager.ts',
    code: 'next: executionAfter(status),',
    instead: 'next: { ...executionAfter(status), sequence: task.sequence },',
    breaks: 'everything comes to its end',
    seed: 29_346,
  },
  'a task that has ended misses no deadline': {
    file: 'manager.ts',
    code: `  if (!isLive(task.state)) return { step: 'ignored' };
  if (!isOverdue`,
    instead: '  if (!isOverdue',
    breaks: 'what has ended stays so until it is retried',
  },
  'a deadline is judged under the lock': {
    file: 'manager.ts',
    code: "if (!isOverdue(task.deadlineAtMs, nowMs)) return { step: 'ignored' };",
    instead: '',
    breaks: 'nothing fails without a cause',
  },
  'what has ended is not sent': {
    file: 'manager.ts',
    code: 'if (!isLive(task.state) || task.nextAttemptAtMs > nowMs) return false;',
    instead: 'if (task.nextAttemptAtMs > nowMs) return false;',
    breaks: 'nothing is sent that has ended',
  },
  'tasks of an entity are sent in order': {
    file: 'manager.ts',
    code: 'if (isLive(other.state) && goesBefore(other, task)) return false;',
    instead: 'if (other === undefined) return false;',
    breaks: 'nothing fails without a cause',
  },
  'a job lives as long as one of its tasks': {
    file: 'states.ts',
    code: 'if (tasks.some(isLive))',
    instead: 'if (tasks.every(isLive))',
    breaks: 'a job is settled if and only if all its tasks have ended',
  },
  'a job is done only by all its tasks': {
    file: 'states.ts',
    code: "tasks.every((state) => state === 'done') ? 'done' : 'failed'",
    instead: "tasks.includes('failed') ? 'failed' : 'done'",
    breaks: 'a job is settled if and only if all its tasks have ended',
  },
  'an execution belongs to a wish': {
    file: 'execution.ts',
    code: 'one.sequence === other.sequence ? one.etag > other.etag : one.sequence > other.sequence',
    instead: 'one.etag > other.etag',
    breaks: 'an answer counts for the execution that it answers',
    seed: 102_756,
  },
  'a task of a wish that there cannot be is not taken': {
    file: 'operator.ts',
    code: "return sequence > nowMs + TASK_SEQUENCE_AHEAD_MS ? 'SEQUENCE_AHEAD' : undefined;",
    instead: 'return undefined;',
    breaks: 'nothing fails without a cause',
  },
  'a repeat is answered from the record': {
    file: 'operator.ts',
    code: "if (!isNewer(task, recorded)) return { step: 'repeat', as: recorded };",
    instead: '',
    breaks: 'applied at most once',
  },
  'a retry of what is done is answered from the record': {
    file: 'operator.ts',
    code: "if (stillHolds(recorded, task, fence)) return { step: 'repeat', as: task };",
    instead: '',
    breaks: 'applied at most once',
  },
  'what was overwritten is done again': {
    file: 'operator.ts',
    code: 'return Math.max(fence.applied, fence.apart) <= recorded.sequence;',
    instead: 'return true;',
    breaks: 'a repeated answer is still true',
  },
  'what is not done is run again': {
    file: 'operator.ts',
    code: "if (recorded.phase !== 'done') return false;",
    instead: '',
    breaks: 'everything comes to its end',
  },
  'what comes after something newer is refused': {
    file: 'operator.ts',
    code: "if (isOvertaken(task, fence)) return { step: 'refuse', code: 'SUPERSEDED' };",
    instead: '',
    breaks: 'an entity changes in order',
  },
  'what a handler commits apart comes to nothing after something newer': {
    file: 'operator.ts',
    code: 'return !isOvertaken(task, fence);',
    instead: 'return true;',
    breaks: 'nothing older changes an entity after a cancelling task',
  },
  'and after something newer that was not answered yet': {
    file: 'operator.ts',
    code: 'return !isOvertaken(task, fence);',
    instead: 'return task.sequence >= fence.tried;',
    breaks: 'an entity changes in order',
  },
  'and after something newer that has failed': {
    file: 'operator.ts',
    code: 'return !isOvertaken(task, fence);',
    instead: 'return task.sequence >= fence.apart;',
    breaks: 'nothing older changes an entity after a cancelling task',
  },
  'nothing older runs after what was committed apart': {
    file: 'operator.ts',
    code: 'if (isOvertaken(task, fence))',
    instead: 'if (task.sequence < fence.tried)',
    breaks: 'nothing older begins once an entity has changed',
  },
  'what was committed apart is a change': {
    file: 'operator.ts',
    code: 'return Math.max(fence.applied, fence.apart) <= recorded.sequence;',
    instead: 'return fence.applied <= recorded.sequence;',
    breaks: 'a repeated answer is still true',
  },
  'what was done and is forgotten is not done again': {
    file: 'operator.ts',
    code: "if (isForgotten(task, fence)) return { step: 'refuse', code: 'FORGOTTEN' };",
    instead: '',
    breaks: 'applied at most once',
  },
  'what has failed and is forgotten may run': {
    file: 'operator.ts',
    code: 'task.sequence <= fence.forgotten;',
    instead: 'task.sequence <= fence.tried;',
    breaks: 'nothing fails without a cause',
  },
  'and what has failed half-way, too': {
    file: 'operator.ts',
    code: 'task.sequence <= fence.forgotten;',
    instead: 'task.sequence <= fence.applied;',
    breaks: 'nothing fails without a cause',
    seed: 1_989_398_991,
  },
  'whatever an older message of the task has left': {
    file: 'operator.ts',
    code: 'if (isForgotten(task, fence))',
    instead: 'if (recorded === undefined && isForgotten(task, fence))',
    breaks: 'applied at most once',
    seed: 1_291_793_576,
  },
  'a failed try is a try': {
    file: 'operator.ts',
    code: 'tried: Math.max(fence.tried, answer.sequence)',
    instead: "tried: answer.phase === 'failed' ? fence.tried : Math.max(fence.tried, answer.sequence)",
    breaks: 'nothing older changes an entity after a cancelling task',
  },
  'a change moves the fence': {
    file: 'operator.ts',
    code: "applied: answer.phase === 'failed' ? fence.applied : Math.max(fence.applied, answer.sequence)",
    instead: 'applied: fence.applied',
    breaks: 'a repeated answer is still true',
  },
  'what is overdue is refused': {
    file: 'operator.ts',
    code: "if (isOverdue(task, nowMs)) return { step: 'refuse', code: 'DEADLINE' };",
    instead: '',
    breaks: 'nothing begins after its deadline',
  },
  'clocks may differ': {
    file: 'operator.ts',
    code: 'deadlineAtMs + CLOCK_SKEW_MS < nowMs',
    instead: 'deadlineAtMs < nowMs',
    breaks: 'nothing fails without a cause',
  },
  'a cancelling task in hand goes first': {
    file: 'operator.ts',
    code: 'return cancellingSequence !== undefined && sequence < cancellingSequence;',
    instead: 'return false;',
    breaks: 'nothing older begins beside a cancelling task',
  },
};

const ROOT = resolve(import.meta.dirname, '../..');
/** The checker, and what it loads; types are not loaded. */
const PARTS = [
  'orbital/machine',
  'orbital/json.ts',
  'orbital/limits.ts',
  'platform/backoff.ts',
  'platform/errors.ts',
  'suites/orbital-schedules',
  'suites/storm/random.ts',
];

export interface Checker {
  readonly explore: typeof explore;
  readonly shrink: typeof shrink;
  readonly traceOf: typeof traceOf;
}

/** The checker over the code without that guard, in an empty directory. */
export async function checkerWithout({ file, code, instead }: Guard, directory: string): Promise<Checker> {
  for (const part of PARTS) {
    mkdirSync(dirname(join(directory, part)), { recursive: true });
    cpSync(join(ROOT, part), join(directory, part), { recursive: true });
  }
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  const path = join(directory, 'orbital/machine', file);
  const [before, after, ...more] = readFileSync(path, 'utf8').split(code);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`orbital/machine/${file} does not have exactly one ${code}`);
  writeFileSync(path, before + instead + after);
  const load = (name: string) =>
    import(pathToFileURL(join(directory, 'suites/orbital-schedules', name)).href);
  return { ...(await load('explore.ts')), ...(await load('shrink.ts')) };
}
