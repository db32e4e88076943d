/** The soak in its short form; `npm run soak` runs it for as long as one likes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failuresOf, soak } from './soak/soak.ts';
import { sharedOverNats } from './support/over-nats.ts';

const TIMEOUT_MS = 240_000;
const MIN_OPERATIONS = 1_000;
/** Over all services. */
const ROTATE_L3_EVERY_S = 1;
const ROTATE_L2_EVERY_S = 5;

test('everything at once: no wrong plaintext, no lost key, no refusal but for a killed core', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  const report = await soak(
    {
      seconds: 8,
      operations: MIN_OPERATIONS,
      tenants: 2,
      services: 2,
      connections: 8,
      paceMs: 20,
      rotateL3Every: ROTATE_L3_EVERY_S,
      rotateL2Every: ROTATE_L2_EVERY_S,
      killEvery: 4,
      sample: 200,
    },
    () => undefined,
    (await sharedOverNats()).system,
  );
  const { tally, kills, rotations } = report;
  t.diagnostic(
    `${tally.total} operations, ${kills.first + kills.second} cores killed, ${rotations.l3.done} rotations of L3, ${rotations.l2.done} of L2`,
  );
  assert.deepEqual(failuresOf(report), []);
  assert.ok(tally.total >= MIN_OPERATIONS, `only ${tally.total} operations`);
  assert.ok(kills.first > 0, 'the core of the gateway was never killed');
  if (ROTATE_L3_EVERY_S > 0) assert.ok(rotations.l3.done > 0, 'no L3 was rotated');
});
