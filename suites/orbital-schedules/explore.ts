/** Plays schedule after schedule, each out of its own seed, until one breaks an invariant. */
import type { InvariantName, Violation } from './invariants.ts';
import { play, type Step, scheduleOf } from './schedule.ts';

export interface Plan {
  readonly schedules: number;
  /** Of the first; each later one has the next. */
  readonly seed: number;
  /** Look at this invariant alone. */
  readonly only?: InvariantName;
}

export interface CounterExample {
  /** `--seed SEED --schedules 1` finds it again. */
  readonly seed: number;
  readonly violation: Violation;
  readonly schedule: readonly Step[];
}
export interface Explored {
  readonly schedules: number;
  readonly steps: number;
  readonly counterExample: CounterExample | undefined;
}

export function explore({ schedules, seed: first, only }: Plan): Explored {
  const watch = only === undefined ? {} : { only };
  let steps = 0;
  for (let index = 0; index < schedules; index++) {
    const seed = first + index;
    const schedule = scheduleOf(seed);
    const played = play(schedule, watch);
    steps += played.steps;
    const { violation } = played;
    if (violation !== undefined)
      return { schedules: index + 1, steps, counterExample: { seed, violation, schedule } };
  }
  return { schedules, steps, counterExample: undefined };
}
