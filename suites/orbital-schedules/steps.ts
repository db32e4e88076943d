/** Everything that may happen next in a world, each with how often. A schedule is a list of these and of numbers that choose. */

import { isLive } from '../../orbital/machine/states.ts';
import type { Core, Outcome } from './hands.ts';
import type { Region } from './region.ts';
import { entities, regionNames, type TaskFrame, wishes } from './rows.ts';
import type { World } from './world.ts';

/** Chooses by the numbers of a step. What there is to choose from may be other things in a shortened schedule. */
export class Choices {
  readonly #numbers: readonly number[];
  #used = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  number(below: number): number {
    return (this.#numbers[this.#used++] ?? 0) % below;
  }

  /** Undefined where there is nothing to choose from. */
  of<T>(list: readonly T[]): T | undefined {
    return list[this.number(list.length || 1)];
  }
}

/** False: there was nothing to do it with. */
type Action = (world: World, choices: Choices) => boolean;

const TARGETS = [['north', 'south'], ['north'], ['south']] as const;
const DEADLINES_MS = [null, 600_000, 60_000, 5_000] as const;
const TICKS_MS = [2_000, 1, 30_000, 150_000] as const;
/** A restore takes longer than an entity's sequence may be ahead of the clock by wishes within one millisecond. */
const RESTORE_MS = 10_000;
/** No clock of these worlds gets so far. */
const FAR_MS = 365 * 24 * 3_600_000;
const MAX_JOBS = 8;
const MAX_FRAMES = 32;
const OUTCOMES: readonly Outcome[] = [
  'done',
  'done',
  'done',
  'done',
  'processing',
  'stumbled',
  'stumbled',
  'refused',
];

const take = (world: World, choices: Choices) => {
  const index = choices.number(world.frames.length || 1);
  return { frame: world.frames[index], gone: () => void world.frames.splice(index, 1) };
};
const someRegion = (world: World, choices: Choices): Region =>
  world.regions[choices.of(regionNames) ?? 'north'];
function someHand(world: World, choices: Choices) {
  const region = someRegion(world, choices);
  const all = region.cores.flatMap((core) => core.hands.map((hand) => ({ region, core, hand })));
  return choices.of(all);
}
const returned = (world: World, frames: readonly TaskFrame[]): void => void world.frames.push(...frames);

export const actions = {
  create: [
    10,
    (world, choices) => {
      if (world.governance.rows.jobs.size >= MAX_JOBS) return false;
      const wish = choices.of(wishes);
      const entity = choices.of(entities);
      const targets = choices.of(TARGETS);
      if (wish === undefined || entity === undefined || targets === undefined) return false;
      return world.governance.createJob(wish, entity, targets, choices.of(DEADLINES_MS) ?? null);
    },
  ],
  cancel: [
    3,
    ({ governance }, choices) => {
      const job = choices.of([...governance.rows.jobs.values()]);
      return job !== undefined && governance.cancelJob(job);
    },
  ],
  retry: [
    5,
    ({ governance }, choices) => {
      const job = choices.of([...governance.rows.jobs.values()].filter(({ state }) => !isLive(state)));
      return job !== undefined && governance.retryJob(job, choices.of(TARGETS) ?? []);
    },
  ],
  send: [
    14,
    (world, choices) => {
      if (world.frames.length >= MAX_FRAMES) return false;
      const task = choices.of(world.governance.sendable());
      if (task === undefined) return false;
      world.publish(world.governance.send(task));
      return true;
    },
  ],
  /** The sweeper has listed it as overdue; until it has the lock, anything may have happened to it. */
  expire: [
    3,
    ({ governance }, choices) => {
      const task = choices.of([...governance.rows.tasks.values()]);
      return task !== undefined && governance.expire(task);
    },
  ],
  hear: [14, (world, choices) => hear(world, choices, true)],
  /** The manager dies, or its acknowledgement is lost: the broker will hand it over once more. */
  'hear and not acknowledge': [3, (world, choices) => hear(world, choices, false)],
  /** Or the manager dies between claiming a task and publishing it. */
  'lose a message': [
    3,
    (world, choices) => {
      const { frame, gone } = take(world, choices);
      if (frame === undefined) return false;
      world.say(() => `the broker loses a ${frame.type} message of ${frame.task}`);
      gone();
      return true;
    },
  ],
  'repeat a message': [
    4,
    (world, choices) => {
      const { frame } = take(world, choices);
      if (frame === undefined || world.frames.length >= MAX_FRAMES) return false;
      world.say(() => `the broker repeats a ${frame.type} message of ${frame.task}`);
      world.publish(frame);
      return true;
    },
  ],
  take: [
    16,
    (world, choices) => {
      const { frame, gone } = take(world, choices);
      if (frame?.type !== 'task') return false;
      const region = world.regions[frame.target];
      const core = choices.of(region.cores);
      if (core === undefined || !region.take(core, frame)) return false;
      gone();
      return true;
    },
  ],
  advance: [
    40,
    (world, choices) => {
      const some = someHand(world, choices);
      if (some === undefined) return false;
      return some.region.advance(some.core, some.hand, choices.of(OUTCOMES) ?? 'done');
    },
  ],
  overtake: [
    4,
    (world, choices) => {
      const some = someHand(world, choices);
      const core = choices.of(some?.region.cores ?? []);
      return some?.hand.frame.cancels === true && core !== undefined
        ? some.region.overtake(core, some.hand.frame)
        : false;
    },
  ],
  'give back': [
    3,
    (world, choices) => {
      const some = someHand(world, choices);
      if (some === undefined) return false;
      returned(world, [some.region.giveBack(some.core, some.hand)]);
      return true;
    },
  ],
  'kill a core': [
    3,
    (world, choices) => {
      const region = someRegion(world, choices);
      const core: Core | undefined = choices.of(region.cores);
      if (core === undefined || core.hands.length === 0) return false;
      returned(world, region.crash(core));
      return true;
    },
  ],
  'empty an outbox': [
    3,
    (world, choices) => {
      const region = someRegion(world, choices);
      const row = choices.of(region.unsent());
      if (row === undefined || world.frames.length >= MAX_FRAMES) return false;
      region.flush(row);
      return true;
    },
  ],
  tick: [
    8,
    (world, choices) => {
      const ms = choices.of(TICKS_MS) ?? 1;
      world.say(() => `${ms} ms pass`);
      world.nowMs += ms;
      return true;
    },
  ],
  'lie about another’s task': [
    1,
    (world, choices) => {
      const { name } = someRegion(world, choices);
      const theirs = [...world.governance.rows.tasks.values()].filter(({ target }) => target !== name);
      const task = choices.of(theirs);
      if (task === undefined) return false;
      world.say(() => `${name} signs that ${task.id} is done, which is for ${task.target}`);
      const { id, sequence, etag } = task;
      world.publish({ type: 'status', target: name, task: id, sequence, etag, phase: 'done', error: null });
      return true;
    },
  ],
  'sign a wish of the far future for governance': [
    1,
    (world, choices) => {
      const { name } = someRegion(world, choices);
      const tasks = [...world.governance.rows.tasks.values()];
      const task = choices.of(tasks.filter(({ target, state }) => target === name && isLive(state)));
      if (task === undefined || world.frames.length >= MAX_FRAMES) return false;
      const sequence = world.nowMs + FAR_MS;
      world.say(() => `a thief of ${name}’s key signs that ${task.id} goes on, sequence ${sequence}`);
      const phase = 'processing';
      world.publish({ type: 'status', target: name, task: task.id, sequence, etag: 1, phase, error: null });
      return true;
    },
  ],
  'sign a wish of the far future for a region': [
    1,
    (world, choices) => {
      const { name } = someRegion(world, choices);
      const entity = choices.of(entities);
      if (entity === undefined || world.frames.length >= MAX_FRAMES) return false;
      const sequence = world.nowMs + FAR_MS;
      world.say(
        () => `a thief of governance’s key asks ${name} for a change of ${entity}, sequence ${sequence}`,
      );
      const wish = { kind: 'UNLINK', entity, cancels: true, deadlineAtMs: null };
      world.publish({ type: 'task', task: 'forged', target: name, sequence, etag: 1, ...wish });
      return true;
    },
  ],
  'back governance up': [
    2,
    ({ governance }) => {
      governance.backUp();
      return true;
    },
  ],
  'restore governance': [
    1,
    (world) => {
      if (!world.governance.restore()) return false;
      world.nowMs += RESTORE_MS;
      return true;
    },
  ],
  'back a region up': [
    2,
    (world, choices) => {
      someRegion(world, choices).backUp();
      return true;
    },
  ],
  'restore a region': [
    1,
    (world, choices) => {
      const frames = someRegion(world, choices).restore();
      returned(world, frames ?? []);
      return frames !== undefined;
    },
  ],
  /** A handler goes on whose task was taken from it, or which has lost its session. */
  'commit apart late': [
    6,
    (world, choices) => {
      const region = someRegion(world, choices);
      const frame = choices.of(region.strays);
      return frame !== undefined && region.stray(frame);
    },
  ],
  'forget an answer': [
    2,
    (world, choices) => {
      const region = someRegion(world, choices);
      const row = choices.of(region.forgettable());
      if (row === undefined) return false;
      region.forget(row);
      return true;
    },
  ],
} as const satisfies Readonly<Record<string, readonly [weight: number, action: Action]>>;
export type ActionName = keyof typeof actions;

function hear(world: World, choices: Choices, acknowledged: boolean): boolean {
  const { frame, gone } = take(world, choices);
  if (frame?.type !== 'status') return false;
  world.governance.hear(frame);
  if (acknowledged) gone();
  return true;
}
