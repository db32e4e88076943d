/**
 * The decisions of Orbital's manager and operator, put through schedules of everything that can go wrong.
 *
 *     npm run orbital-schedules -- --schedules 100000
 *     npm run orbital-schedules -- --seed 7 --schedules 1
 */
import { randomInt } from 'node:crypto';
import { setImmediate as others } from 'node:timers/promises';
import { table } from '../../cli/output.ts';
import { measure, type Tell } from '../../testkit/measure/command.ts';
import { type CounterExample, type Explored, explore, type Plan } from './explore.ts';
import { CONVERGES, invariants } from './invariants.ts';
import { shrink, traceOf } from './shrink.ts';

const SEEDS = 2 ** 31;
/** Between two words about the progress. */
const AT_A_TIME = 500;

const options = {
  schedules: { default: 100_000, about: 'how many schedules' },
  seed: { default: randomInt(SEEDS), about: 'of the first; each later one has the next' },
} as const;

await measure('orbital-schedules', options, async (plan, stage) => {
  const startedAt = performance.now();
  const explored = await stage(`${plan.schedules} schedules from seed ${plan.seed}`, (tell) =>
    exploreAll(plan, tell),
  );
  const tookSeconds = (performance.now() - startedAt) / 1_000;
  const { counterExample, schedules, steps } = explored;
  const names = [...Object.keys(invariants), CONVERGES];
  const shortest = counterExample && shortestOf(counterExample);
  return {
    data: { plan, schedules, steps, tookSeconds, invariants: names, counterExample, shortest },
    text: [
      table(
        ['invariant', 'holds'],
        names.map((name) => [name, counterExample?.violation.invariant === name ? 'no' : 'yes']),
      ),
      `${schedules} schedules, ${steps} steps, each judged by every invariant, in ${tookSeconds.toFixed(1)} s`,
      ...(shortest === undefined ? [] : [`the shortest schedule that breaks it:\n\n${shortest.trace}`]),
    ].join('\n\n'),
    failures:
      counterExample === undefined
        ? []
        : [
            `${counterExample.violation.invariant}: ${counterExample.violation.how}; --seed ${counterExample.seed} --schedules 1 finds it again`,
          ],
  };
});

function shortestOf({ schedule, violation }: CounterExample) {
  const steps = shrink(schedule, violation);
  return { steps, trace: traceOf(steps, violation.invariant) };
}

async function exploreAll({ schedules, seed }: Plan, tell: Tell): Promise<Explored> {
  let steps = 0;
  for (let done = 0; done < schedules; done += AT_A_TIME) {
    const explored = explore({ schedules: Math.min(AT_A_TIME, schedules - done), seed: seed + done });
    steps += explored.steps;
    if (explored.counterExample !== undefined)
      return { ...explored, schedules: done + explored.schedules, steps };
    tell(`${done + explored.schedules} schedules, ${steps} steps`);
    await others();
  }
  return { schedules, steps, counterExample: undefined };
}
