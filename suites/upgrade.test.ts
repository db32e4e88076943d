/** Every process of a region replaced under load, once; `npm run upgrade-under-load` does it as often as one likes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failuresOf, upgradeUnderLoad } from './upgrade/upgrade.ts';

const TIMEOUT_MS = 240_000;
const ROUNDS = 1;
const LINES = 3;

test('cores and gateways are replaced one after the other, and no hot request fails', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  const upgrade = await upgradeUnderLoad(ROUNDS, LINES, () => undefined);
  const { hot, creates, control, awayMs } = upgrade;
  t.diagnostic(
    `${hot.done} hot requests, the longest ${Math.round(hot.longestMs)} ms; ${creates.done} keys made, ${creates.unknown} Creates on their way as a gateway hung up; of ${control.done + control.failed} for the core ` +
      `${control.failed} refused within ${Math.round(control.longestFailureMs)} ms; away for ` +
      awayMs.map(([name, ms]) => `${name} ${Math.round(ms)} ms`).join(', '),
  );
  assert.deepEqual(failuresOf(upgrade), []);
});
