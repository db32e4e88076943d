/** One schedule: made out of a seed, played step by step, and led to its end by a world that has become honest. */

import { isLive } from '../../orbital/machine/states.ts';
import { Random } from '../storm/random.ts';
import { CONVERGES, type InvariantName, type Violation, violationIn } from './invariants.ts';
import { type ActionName, actions, Choices } from './steps.ts';
import { World } from './world.ts';

export interface Step {
  readonly action: ActionName;
  readonly numbers: readonly number[];
}

const MIN_STEPS = 20;
const MAX_STEPS = 140;
const NUMBERS = 4;
const NUMBER_BELOW = 840;
/** Each schedule has favourites, and things that do not happen in it: faults that hide each other come apart. */
const FAVOUR = [0, 1, 1, 4] as const;
/** Without these nothing would go on. */
const ALWAYS: ReadonlySet<ActionName> = new Set(['create', 'send', 'take', 'advance', 'hear', 'tick']);

export function scheduleOf(seed: number): Step[] {
  const random = new Random(seed);
  const weights = (Object.keys(actions) as ActionName[]).map((action) => {
    const favour = random.pick(FAVOUR);
    return [action, actions[action][0] * (ALWAYS.has(action) ? Math.max(1, favour) : favour)] as const;
  });
  const length = MIN_STEPS + random.int(MAX_STEPS - MIN_STEPS + 1);
  return Array.from({ length }, () => ({
    action: random.weighted(weights),
    numbers: Array.from({ length: NUMBERS }, () => random.int(NUMBER_BELOW)),
  }));
}

export interface Played {
  readonly violation: Violation | undefined;
  /** Steps that had something to be done with, those of the end among them. */
  readonly steps: number;
}

export interface Watch {
  /** What happens is written here, a line for each event. */
  readonly trace?: string[];
  /** Look at this invariant alone. */
  readonly only?: InvariantName;
}

/** Plays until an invariant breaks, or to the end. */
export function play(schedule: readonly Step[], { trace, only }: Watch = {}): Played {
  const world = new World(trace);
  let steps = 0;
  const judge = (): Violation | undefined => {
    steps++;
    const violation = violationIn(world, only);
    world.turnPage();
    return violation;
  };
  for (const { action, numbers } of schedule) {
    if (!actions[action][1](world, new Choices(numbers))) continue;
    const violation = judge();
    if (violation !== undefined) return { violation, steps };
  }
  world.say(() => '— from here on nothing fails —');
  for (const _ of honestly(world)) {
    const violation = judge();
    if (violation !== undefined) return { violation, steps };
  }
  if (world.isQuiet() || (only ?? CONVERGES) !== CONVERGES) return { violation: undefined, steps };
  const living = [...world.governance.rows.tasks.values()].filter(({ state }) => isLive(state));
  const how = `${living.map(({ id }) => id).join(', ') || 'messages'} would go on for ever`;
  return { violation: { invariant: CONVERGES, how }, steps };
}

/** Rounds in which everything that can go on does so once; far more than the longest line of jobs needs. */
const ROUNDS = 60;
const PASSES = 200;

/** Everything is delivered, every handler gets done, every due task is sent; a turn for each step. */
function* honestly(world: World): Generator<void> {
  const { governance, regions } = world;
  for (let round = 0; round < ROUNDS; round++) {
    for (let pass = 0; pass < PASSES; pass++) {
      let moved = false;
      for (const region of Object.values(regions))
        for (const core of region.cores)
          for (const hand of [...core.hands])
            if (core.hands.includes(hand) && region.advance(core, hand, 'done')) {
              moved = true;
              yield;
            }
      for (const frame of world.frames.splice(0)) {
        if (frame.type === 'status') governance.hear(frame);
        else {
          const region = regions[frame.target];
          const [core] = region.cores;
          if (core === undefined || !region.take(core, frame)) {
            world.publish(frame);
            continue;
          }
        }
        moved = true;
        yield;
      }
      if (!moved) break;
    }
    if (world.isQuiet()) return;
    for (const task of [...governance.rows.tasks.values()]) if (governance.expire(task)) yield;
    const sendable = governance.sendable();
    for (const task of sendable) {
      world.publish(governance.send(task));
      yield;
    }
    if (sendable.length === 0) world.nowMs = Math.max(world.nowMs, nextDueMs(world));
  }
}

function nextDueMs({ governance, nowMs }: World): number {
  let dueMs = Number.POSITIVE_INFINITY;
  for (const { state, nextAttemptAtMs, deadlineAtMs } of governance.rows.tasks.values()) {
    if (!isLive(state)) continue;
    for (const ms of [nextAttemptAtMs, deadlineAtMs ?? nowMs]) if (ms > nowMs) dueMs = Math.min(dueMs, ms);
  }
  return Number.isFinite(dueMs) ? dueMs : nowMs + 1;
}
