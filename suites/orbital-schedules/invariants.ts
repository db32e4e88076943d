/**
 * What is true of Orbital whatever happens. Each is looked at after every step of a schedule, and says what is wrong if it
 * is broken. They are worded apart from the code, out of what was promised (D11), and ask none of its functions.
 */
import { CLOCK_SKEW_MS } from '../../orbital/limits.ts';
import type { TaskState } from '../../orbital/machine/states.ts';
import type { Happening } from './happenings.ts';
import { type JobRow, named } from './rows.ts';
import type { World } from './world.ts';

type Invariant = (world: World) => string | undefined;
type Of<W extends Happening['what']> = Extract<Happening, { what: W }>;

/** Looks at what has happened in the present step. */
function at<W extends Happening['what']>(
  what: W,
  judge: (happening: Of<W>, world: World) => string | undefined | false,
): Invariant {
  return (world) => {
    for (const happening of world.happenings) {
      if (happening.what !== what) continue;
      const wrong = judge(happening as Of<W>, world);
      if (wrong !== undefined && wrong !== false) return wrong;
    }
    return undefined;
  };
}

/** Looks at governance's rows, if the present step has changed any. */
const inRows =
  (judge: Invariant): Invariant =>
  (world) =>
    world.governance.changed ? judge(world) : undefined;

const lives = (state: TaskState): boolean => state === 'pending' || state === 'processing';

export const invariants = {
  /**
   * A retry is a wish of its own, and runs what is done once more only where it was overwritten, or where the region has
   * forgotten it. What is committed before its answer may be so twice.
   */
  'applied at most once': at('changed', ({ region, change, before }, { regions }) => {
    if (!change.final || change.reaffirmed || change.apart) return undefined;
    const earlier = before.findLastIndex(({ task, final }) => task === change.task && final);
    if (earlier < 0) return undefined;
    const overwritten = before
      .slice(earlier)
      .some(({ entity, task }) => entity === change.entity && task !== change.task);
    const again = before[earlier]?.sequence === change.sequence;
    const excused = overwritten || regions[region].forgotten.has(change.task);
    return (again || !excused) && `${region} has applied ${change.task} twice`;
  }),

  'an entity changes in order': at('changed', ({ region, change, before }) => {
    const { task, entity, sequence } = change;
    const newer = before.find(
      (other) =>
        other.entity === entity &&
        (other.task === task ? other.sequence > sequence : other.sequence >= sequence),
    );
    return (
      newer !== undefined &&
      `${region} has applied ${task}, sequence ${sequence}, over ${newer.task}, sequence ${newer.sequence}`
    );
  }),

  'nothing older changes an entity after a cancelling task': at(
    'changed',
    ({ region, change, cancelled }) =>
      !change.reaffirmed &&
      change.sequence < cancelled &&
      `${region} has applied ${change.task}, sequence ${change.sequence}, after a cancelling task, sequence ${cancelled}`,
  ),

  'nothing older begins beside a cancelling task': at(
    'began',
    ({ region, frame, cancelling }) =>
      cancelling !== undefined &&
      frame.sequence < cancelling &&
      `${region} has begun ${frame.task} beside a cancelling task, sequence ${cancelling}`,
  ),

  'nothing older begins once an entity has changed': at('began', ({ region, frame }, { regions }) => {
    const newer = regions[region].rows.changes.find(
      ({ entity, sequence }) => entity === frame.entity && sequence > frame.sequence,
    );
    return newer !== undefined && `${region} has begun ${frame.task} after ${newer.task}, which is newer`;
  }),

  'nothing begins after its deadline': at(
    'began',
    ({ region, frame: { task, deadlineAtMs }, atMs }) =>
      deadlineAtMs !== null &&
      atMs > deadlineAtMs + CLOCK_SKEW_MS &&
      `${region} has begun ${task} ${atMs - deadlineAtMs} ms after its deadline`,
  ),

  /** And what is done stays so for ever. */
  'what has ended stays so until it is retried': inRows(({ ended, happenings, governance: { rows } }) => {
    for (const happening of happenings) if (happening.what === 'restored') return undefined;
    const retried = happenings.find((happening) => happening.what === 'retried');
    for (const [id, row] of ended) {
      const now = rows.tasks.get(id) ?? rows.jobs.get(id);
      if (now === row) continue;
      if (retried?.ids.has(id) !== true || row.state === 'done')
        return `${id} had ended as ${row.state}, and is now ${now?.state}`;
    }
    return undefined;
  }),

  /** Unless the region’s database was restored from a backup that is older than the change. */
  'done means that the region has applied it': at('done', ({ task }, { regions }) => {
    const { rows, lost } = regions[task.target];
    const counts = rows.changes.some(
      ({ task: id, sequence, final }) => id === task.id && final && sequence >= task.sequence,
    );
    if (counts || (lost.get(task.id) ?? 0) >= task.sequence) return undefined;
    return `${task.id} is done, and ${task.target} has not applied it for sequence ${task.sequence}`;
  }),

  /** A repeat counts for a newer wish only while the entity is as the task has left it. */
  'a repeated answer is still true': at('changed', ({ region, change, before }) => {
    if (!change.reaffirmed) return undefined;
    const last = before.findLast(({ entity }) => entity === change.entity);
    return (
      last?.task !== change.task &&
      `${region} calls ${change.task} done, over which it has applied ${last?.task}`
    );
  }),

  'nothing is sent that has ended': at(
    'sent',
    ({ task }) => !lives(task.state) && `${task.id} was sent, and is ${task.state}`,
  ),

  'a region is heard of its own tasks alone': at(
    'heard',
    ({ task, status }) =>
      task.target !== status.target &&
      `${status.target} was heard of ${task.id}, which is for ${task.target}`,
  ),

  'an answer counts for the execution that it answers': at(
    'heard',
    ({ task, status }) =>
      (status.sequence < task.sequence || (status.sequence === task.sequence && status.etag < task.etag)) &&
      `${task.id} is at ${named(task)}, and the answer to ${named(status)} was heard`,
  ),

  /**
   * A live task fails only because its handler has refused it for good, its deadline has passed, governance's database
   * has been restored and has forgotten that something newer had been wanted, or the region had done it and has forgotten
   * what came of it.
   */
  'nothing fails without a cause': at('failed', ({ task, error }, { nowMs, governance, regions }) => {
    const cause =
      error.code === 'DEADLINE'
        ? task.deadlineAtMs !== null && task.deadlineAtMs <= nowMs
        : error.code === 'SUPERSEDED'
          ? task.wish <= governance.restoredAfterWish
          : error.code === 'FORGOTTEN'
            ? regions[task.target].forgotten.has(task.id)
            : !error.retryable;
    return !cause && `${task.id} has failed by ${error.code}`;
  }),

  'a job is settled if and only if all its tasks have ended': inRows(({ governance }) => {
    for (const job of governance.rows.jobs.values()) {
      const tasks = governance.tasksOf(job.id);
      const living = tasks.filter(({ state }) => lives(state)).map(({ id }) => id);
      if (lives(job.state) !== living.length > 0)
        return `${job.id} is ${job.state}, and of its tasks ${living.join(', ') || 'none'} live`;
      const unfinished = tasks.filter(({ state }) => state !== 'done').map(({ id }) => id);
      if ((job.state === 'done') !== (unfinished.length === 0))
        return `${job.id} is ${job.state}, and of its tasks ${unfinished.join(', ') || 'none'} are not done`;
    }
    return undefined;
  }),

  'one live job per entity and kind': inRows((world) => {
    const live = liveJobs(world);
    for (const [index, one] of live.entries())
      for (const other of live.slice(index + 1))
        if (one.entity === other.entity && one.kind === other.kind)
          return `${one.id} and ${other.id} live, both ${one.kind} of ${one.entity}`;
    return undefined;
  }),

  'a cancelling job waits for nothing': inRows((world) => {
    const live = liveJobs(world);
    for (const one of live)
      for (const other of live)
        if (one.cancelsOlder && other.entity === one.entity && other.sequence < one.sequence)
          return `${other.id} lives beside ${one.id}, which is newer and cancels`;
    return undefined;
  }),
} as const satisfies Readonly<Record<string, Invariant>>;

function liveJobs({ governance }: World): JobRow[] {
  return [...governance.rows.jobs.values()].filter(({ state }) => lives(state));
}

/** Of the end of a schedule, when broker, processes and databases have served honestly for a while. */
export const CONVERGES = 'everything comes to its end';
export type InvariantName = keyof typeof invariants | typeof CONVERGES;

export interface Violation {
  readonly invariant: InvariantName;
  readonly how: string;
}

/** Of all invariants, or of `only` that one. */
export function violationIn(world: World, only?: InvariantName): Violation | undefined {
  for (const [name, invariant] of entries) {
    if (only !== undefined && name !== only) continue;
    const how = invariant(world);
    if (how !== undefined) return { invariant: name, how };
  }
  return undefined;
}

const entries = Object.entries(invariants) as readonly (readonly [InvariantName, Invariant])[];
