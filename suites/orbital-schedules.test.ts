/** Schedules of Orbital's decisions in their short form; `npm run orbital-schedules` plays as many as one likes. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryDirectory } from '../testkit/directories.ts';
import { explore } from './orbital-schedules/explore.ts';
import { checkerWithout, guards } from './orbital-schedules/guards.ts';
import { CONVERGES, invariants } from './orbital-schedules/invariants.ts';
import { shrink, traceOf } from './orbital-schedules/shrink.ts';

/** Always the same, so that what fails here fails again. */
const SEED = 20_111;
const SCHEDULES = 5_000;
/** Schedules until a missing guard is seen; some need a restore at the right moment. */
const SCHEDULES_WITHOUT_GUARD = 20_000;

test('whatever broker, processes and databases do, every invariant holds', (t) => {
  const { schedules, steps, counterExample } = explore({ schedules: SCHEDULES, seed: SEED });
  t.diagnostic(`${schedules} schedules, ${steps} steps from seed ${SEED}`);
  if (counterExample === undefined) return;
  const { schedule, violation, seed } = counterExample;
  assert.fail(`seed ${seed}\n${traceOf(shrink(schedule, violation), violation.invariant)}`);
});

describe('a guard that is taken out is missed', () => {
  const directory = temporaryDirectory('guards');
  let taken = 0;
  for (const [name, guard] of Object.entries(guards))
    test(`${name}: ${guard.breaks}`, async (t) => {
      const apart = join(directory, String(++taken));
      mkdirSync(apart);
      const checker = await checkerWithout(guard, apart);
      const plan = { schedules: SCHEDULES_WITHOUT_GUARD, seed: guard.seed ?? SEED, only: guard.breaks };
      const { schedules, counterExample } = checker.explore(plan);
      assert.ok(counterExample, `${schedules} schedules have not missed it`);
      t.diagnostic(`missed in schedule ${schedules}`);
    });

  test('there is one for every invariant', () => {
    const broken = new Set(Object.values(guards).map(({ breaks }) => breaks));
    assert.deepEqual(
      [...Object.keys(invariants), CONVERGES].filter((name) => !broken.has(name as never)),
      [],
    );
  });
});

test('a counter-example is shrunk to what matters, and can be read', async () => {
  const guard = guards['a kind that lives already is a conflict'];
  assert.ok(guard);
  const checker = await checkerWithout(guard, temporaryDirectory('guard'));
  const { counterExample } = checker.explore({ schedules: 1_000, seed: SEED, only: guard.breaks });
  assert.ok(counterExample);
  const shortest = checker.shrink(counterExample.schedule, counterExample.violation);
  assert.deepEqual(
    shortest.map(({ action }) => action),
    ['create', 'create'],
  );
  assert.equal(
    checker.traceOf(shortest, guard.breaks),
    [
      '1  governance creates j1, LINK of e2 in north and south, sequence 1000000',
      '2  governance creates j2, LINK of e2 in north and south, sequence 1000001',
      '✖ one live job per entity and kind: j1 and j2 live, both LINK of e2',
    ].join('\n'),
  );
});
