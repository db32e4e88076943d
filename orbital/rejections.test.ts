// A flood of refused messages becomes a few sums, and none of them is lost when the trail cannot be written.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as others } from 'node:timers/promises';
import { createLogger } from '../platform/log.ts';
import {
  FLOODED_REJECTIONS_EVERY_MS,
  MAX_REJECTION_SUMS,
  REJECTION_SUM_REFILL_MS,
  REJECTIONS_EVERY_MS,
} from './limits.ts';
import type { Rejection, RejectionCode } from './messages.ts';
import { rejectionCodes } from './messages.ts';
import { type RejectionSum, RejectionSums } from './rejections.ts';
import { SeenFrames } from './seen.ts';

const logger = createLogger({ name: 'rejections', level: 'silent' });
const forged: Rejection = { code: 'BAD_SIGNATURE', channel: 'okcm.status', keyId: 'x', claims: 'north' };

test('equal refusals are one sum, whatever became of the first attempt to write it', async () => {
  const written: RejectionSum[] = [];
  let isAway = true;
  const sums = new RejectionSums(async (each) => {
    if (isAway) throw new Error('the database is away');
    written.push(...each);
  }, logger);
  for (let i = 0; i < 1_000; i++) sums.add(forged);
  await sums.stop();
  assert.deepEqual(written, []);
  isAway = false;
  sums.add(forged);
  await sums.stop();
  assert.deepEqual(
    written.map(({ code, keyId, claims, count }) => ({ code, keyId, claims, count })),
    [{ code: 'BAD_SIGNATURE', keyId: 'x', claims: 'north', count: 1_001 }],
  );
});

test('whoever makes up a name for each message fills no trail, and is counted whole', async () => {
  const written: RejectionSum[] = [];
  const sums = new RejectionSums(async (each) => {
    written.push(...each);
  }, logger);
  const codes = Object.keys(rejectionCodes) as RejectionCode[];
  const flood = 5_000;
  for (let i = 0; i < flood; i++)
    sums.add({ code: codes[i % codes.length] ?? 'MALFORMED', channel: 'okcm.status', keyId: `k-${i}` });
  await sums.stop();
  assert.ok(written.length <= MAX_REJECTION_SUMS + codes.length, `${written.length} sums`);
  assert.equal(
    written.reduce((all, { count }) => all + count, 0),
    flood,
  );
});

const HOUR_MS = 3_600_000;

/** Sums under a clock that is moved by hand, and what they have written. */
function playedSums(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() });
  const written: RejectionSum[] = [];
  const sums = new RejectionSums(async (each) => {
    written.push(...each);
  }, logger);
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    await others();
  };
  return { sums, written, pass };
}
const countOf = (written: readonly RejectionSum[]): number =>
  written.reduce((all, { count }) => all + count, 0);

for (const [what, rejection] of [
  ['a new name each time', (i: number) => ({ ...forged, keyId: `k-${i}` })],
  ['the same name', () => forged],
  ['no name', (): Rejection => ({ code: 'MALFORMED', channel: 'okcm.status' })],
] as const)
  test(`a flood of messages with ${what} that lasts fills no trail in the course of time`, async (t) => {
    const { sums, written, pass } = playedSums(t);
    const seconds = (6 * HOUR_MS) / 1_000;
    for (let second = 0; second < seconds; second++) {
      for (let i = 0; i < 3; i++) sums.add(rejection(3 * second + i));
      await pass(1_000);
    }
    await sums.stop();
    assert.equal(countOf(written), 3 * seconds);
    const budget = MAX_REJECTION_SUMS + (6 * HOUR_MS) / REJECTION_SUM_REFILL_MS;
    const floods = (6 * HOUR_MS) / FLOODED_REJECTIONS_EVERY_MS;
    assert.ok(written.length <= budget + 2 * floods, `${written.length} entries`);
    assert.ok(written.length >= floods, 'what lasts is told again and again');
  });

test('names count again a while after a flood, and the first word of a quiet time comes at once', async (t) => {
  const { sums, written, pass } = playedSums(t);
  for (let i = 0; i < 1_000; i++) sums.add({ ...forged, keyId: `k-${i}` });
  await pass(REJECTIONS_EVERY_MS);
  assert.equal(written.length, MAX_REJECTION_SUMS + 1);
  sums.add(forged);
  await pass(FLOODED_REJECTIONS_EVERY_MS);
  assert.equal(written.at(-1)?.keyId, undefined, 'the budget is used up');
  written.length = 0;
  await pass(2 * REJECTION_SUM_REFILL_MS);
  sums.add(forged);
  await pass(REJECTIONS_EVERY_MS);
  assert.deepEqual(
    written.map(({ keyId, claims, count }) => ({ keyId, claims, count })),
    [{ keyId: 'x', claims: 'north', count: 1 }],
  );
  await sums.stop();
});

test('frames that were seen are known, and no more of them than there is room for', () => {
  const seen = new SeenFrames();
  for (let i = 0; i < 100_000; i++) {
    seen.add(`signature ${i}`);
    assert.ok(seen.has(`signature ${i}`));
    assert.ok(seen.has(`signature ${Math.max(0, i - 1_000)}`));
  }
  assert.ok(!seen.has('signature 0'));
});
