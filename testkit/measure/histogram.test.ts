import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Histogram } from './histogram.ts';

const of = (samples: readonly number[]): Histogram => {
  const histogram = new Histogram();
  for (const sample of samples) histogram.record(sample);
  return histogram;
};
/** Tenths of microseconds up to minutes, each magnitude as likely as the others. */
const duration = fc
  .tuple(fc.integer({ min: 0, max: 9 }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([magnitude, part]) => Math.min(400_000, (1 + 9 * part) * 10 ** (magnitude - 4)));

test('percentiles are those of the sorted samples, to a tenth of a per cent', () => {
  fc.assert(
    fc.property(fc.array(duration, { minLength: 1, maxLength: 300 }), (samples) => {
      const histogram = of(samples);
      const sorted = [...samples].sort((a, b) => a - b);
      for (const percent of [0, 50, 90, 99, 99.9, 100]) {
        const exact = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
        const told = histogram.percentile(percent);
        // Half of the smallest step besides, by which a sample is rounded.
        assert.ok(Math.abs(told - exact) <= exact / 1_000 + 0.000_051, `p${percent}: ${told}, not ${exact}`);
      }
    }),
    { numRuns: 300 },
  );
});

test('two that are added up, one of them from another process, say what one of both would', () => {
  fc.assert(
    fc.property(fc.array(duration), fc.array(duration), (some, others) => {
      const sum = of(some);
      sum.add(Histogram.unpack(JSON.parse(JSON.stringify(of(others).pack()))));
      const both = of([...some, ...others]);
      assert.deepEqual(sum.pack(), both.pack());
      assert.equal(sum.count, some.length + others.length);
    }),
    { numRuns: 100 },
  );
});

test('the share within a limit; what is out of the scale is counted at its ends', () => {
  const histogram = of([0.5, 0.9, 1, 1.1, 2]);
  assert.equal(histogram.shareWithin(1), 0.6);
  const ends = of([-1, 0, 1e12]);
  assert.equal(ends.count, 3);
  assert.equal(ends.percentile(50), 0);
  assert.ok(Math.abs(ends.percentile(100) - 429_497) < 1);
  assert.ok(Number.isNaN(new Histogram().percentile(50)));
});
