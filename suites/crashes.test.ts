/** The crash storm in its short form; `npm run crashes` kills as often as one likes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashes } from './crashes/crashes.ts';
import { failuresOf } from './crashes/reckoning.ts';

const TIMEOUT_MS = 240_000;

test('whatever part of the gateway is killed, every acknowledged key is there afterwards, and once', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  const plan = { kills: 3, workers: 2, connections: 8, pauseMs: 100 };
  const report = await crashes({ ...plan, first: ['worker', 'everything', 'primary'] }, () => undefined);
  const { reckoning, kills } = report;
  t.diagnostic(
    `${reckoning.acknowledged} keys, ${reckoning.unanswered} Creates unanswered, whole again after ${kills.map(({ wholeAfterMs }) => Math.round(wholeAfterMs)).join(', ')} ms`,
  );
  assert.deepEqual(failuresOf(reckoning), []);
  assert.ok(reckoning.compared > 0, 'no value was compared');
});
