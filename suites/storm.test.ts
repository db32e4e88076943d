/** The storm in its short form; `npm run storm` sends a million requests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failuresOf, storm } from './storm/storm.ts';

const TIMEOUT_MS = 240_000;
const REQUESTS = 1_600;
/** Always the same, so that what fails here fails again. */
const SEED = 20_101;
/** A heap that has hardly been used still grows by what V8 compiles and caches; a leak is for the long form to find. */
const HEAP_GROWTH = 0.5;
const HEAP_SLACK_BYTES = 64 * 1024 * 1024;

test('a storm of valid, spoiled and random requests: no crash, no hang, every answer well-formed', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  const report = await storm(
    { seed: SEED, requests: REQUESTS, connections: 8, warmUp: REQUESTS / 2, heapLooks: 3 },
    () => undefined,
  );
  const { tally, objects, connections } = report;
  t.diagnostic(
    `${tally.total} requests over ${connections} connections, ${objects.made} objects, seed ${SEED}`,
  );
  assert.deepEqual(failuresOf(report, HEAP_GROWTH, HEAP_SLACK_BYTES), []);
  assert.equal(tally.total, REQUESTS);
  assert.ok((tally.results.get('Success') ?? 0) > 0, 'no request was answered with success');
  assert.ok(objects.made > 0, 'no object was made');
});
