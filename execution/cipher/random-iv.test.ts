/** IVs from the pool never repeat, also where one refill ends and the next begins, and never change later. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomIv } from './random-iv.ts';

test('ten thousand IVs of mixed sizes are as long as asked for, all different, and stay as they were', () => {
  const seen = new Set<string>();
  const kept: { iv: Buffer; text: string }[] = [];
  for (let i = 0; i < 10_000; i++) {
    const sizeBytes = i % 3 === 0 ? 16 : 12;
    const iv = randomIv(sizeBytes);
    assert.equal(iv.length, sizeBytes);
    const text = iv.subarray(0, 12).toString('hex');
    assert.ok(!seen.has(text));
    seen.add(text);
    kept.push({ iv, text });
  }
  assert.ok(kept.every(({ iv, text }) => iv.toString('hex').startsWith(text)));
});
