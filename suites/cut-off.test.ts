/** The cut-off in its short form; `npm run cut-off` runs it for as long as one likes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutOff, failuresOf } from './cut-off/cut-off.ts';

const TIMEOUT_MS = 240_000;
const MIN_OPERATIONS = 100;

test('the core killed under load: nothing hot fails within the grace, and no acknowledged key is lost', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  const report = await cutOff(
    {
      graceSeconds: 6,
      warmSeconds: 0.5,
      refusedSeconds: 0.5,
      connections: 8,
      depth: 1,
      paceMs: 20,
      createPercent: 5,
    },
    () => undefined,
  );
  const { hot, reckoning, backlog } = report;
  t.diagnostic(
    `${hot.total} served, ${hot.result('grace').served} of them without the core; ${reckoning.acknowledged} keys, of which ${backlog} waited`,
  );
  // How soon is asserted where nothing else runs (region-cut-off.test.ts).
  assert.deepEqual(failuresOf(report, false), []);
  assert.ok(hot.result('grace').served > MIN_OPERATIONS, `${hot.result('grace').served} served`);
  assert.ok(backlog > 0, 'no key was made while the core was away');
});
