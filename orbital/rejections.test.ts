// A flood of refused messages becomes a few sums, and none of them is lost when the trail cannot be written.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../platform/log.ts';
import { MAX_REJECTION_SUMS } from './limits.ts';
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

test('frames that were seen are known, and no more of them than there is room for', () => {
  const seen = new SeenFrames();
  for (let i = 0; i < 100_000; i++) {
    seen.add(`signature ${i}`);
    assert.ok(seen.has(`signature ${i}`));
    assert.ok(seen.has(`signature ${Math.max(0, i - 1_000)}`));
  }
  assert.ok(!seen.has('signature 0'));
});
