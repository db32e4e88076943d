/** The storm of kills over both planes in its short form; `npm run orbital-kills` kills as often as one likes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failuresOf, orbitalKills } from './orbital-kills/orbital-kills.ts';
import { sharedOverNats } from './support/over-nats.ts';

const TIMEOUT_MS = 240_000;

test('CMK, a core, the broker and a database killed while jobs run: none is lost, none applied twice', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  const report = await orbitalKills(
    {
      jobs: 60,
      kills: 4,
      broker: 'nats',
      secondCores: false,
      hands: { keys: 3, applications: 1, links: 1 },
      pauseMs: 100,
      first: ['cmk', 'core', 'broker', 'database'],
    },
    () => undefined,
    await sharedOverNats(),
  );
  const { orders, reckoning, convergedMs, kills } = report;
  t.diagnostic(
    `${reckoning.jobs} jobs, ${orders.unanswered} answers lost, ${orders.foundDone} of them carried out; back after ${kills.map(({ backAfterMs }) => Math.round(backAfterMs)).join(', ')} ms, all ended after ${Math.round(convergedMs)} ms`,
  );
  assert.deepEqual(failuresOf(report), []);
});
