/** Planes apart in a short form; `npm run apart` keeps the broker away for as long as one likes. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type ApartReport, apart } from './apart/apart.ts';
import { failuresIn } from './apart/captured.ts';
import { defaultFence } from './apart/plan.ts';
import { astray } from './apart/tries.ts';

const TIMEOUT_MS = 240_000;

describe('planes apart', { timeout: TIMEOUT_MS }, () => {
  let report: ApartReport;
  before(
    async () => {
      report = await apart(
        { fence: defaultFence(), broker: 'nats', awaySeconds: 2, seats: 1, paceMs: 20 },
        () => undefined,
      );
    },
    { timeout: TIMEOUT_MS },
  );

  test('CMK and the cores reach the broker, and nothing of each other', (t) => {
    t.diagnostic(`${report.tries.length} attempts, kept apart by ${report.plan.fence}`);
    assert.deepEqual(astray(report.tries), []);
    assert.equal(report.forwarding, '0');
    assert.ok(report.tries.length > 30);
  });

  test('with the broker away L4 keys are served, orders wait, and all are done when it is back', (t) => {
    const { traffic, ordered, waited, convergedMs, wrongPlaintexts } = report;
    t.diagnostic(
      `${traffic.map(({ phase, served }) => `${phase}: ${served}`).join(', ')}; ${ordered} jobs, done ${Math.round(convergedMs)} ms after its return`,
    );
    for (const { phase, served, refused } of traffic) {
      assert.ok(served > 0, phase);
      assert.deepEqual([...refused], [], phase);
    }
    assert.equal(wrongPlaintexts, 0);
    assert.ok(ordered > 0);
    assert.equal(waited, ordered);
  });

  test('of every kind of task that crossed the broker none carries a key, and what is sealed opens in one region', (t) => {
    const { capture } = report;
    t.diagnostic(
      `${capture.bytes} bytes, ${capture.messages} messages, searched for ${capture.secrets} secrets`,
    );
    assert.deepEqual(failuresIn(capture), []);
  });
});
