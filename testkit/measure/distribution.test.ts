import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distributionOf, Recorder } from './distribution.ts';

test('percentiles are by nearest rank, whatever the order', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual(distributionOf(hundred), { runs: 100, min: 1, p50: 50, p99: 99, max: 100 });
  assert.deepEqual(distributionOf([3]), { runs: 1, min: 3, p50: 3, p99: 3, max: 3 });
  assert.deepEqual(distributionOf([2, 1]), { runs: 2, min: 1, p50: 1, p99: 2, max: 2 });
  const { runs, p50 } = distributionOf([]);
  assert.ok(runs === 0 && Number.isNaN(p50));
});

test('a recorder tells the same to three digits', () => {
  const recorder = new Recorder();
  assert.ok(Number.isNaN(recorder.distribution.p99));
  for (let ms = 1; ms <= 1_000; ms++) recorder.record(ms);
  const { runs, min, p50, p99, max } = recorder.distribution;
  assert.equal(runs, 1_000);
  for (const [told, true_] of [
    [min, 1],
    [p50, 500],
    [p99, 990],
    [max, 1_000],
  ] as const)
    assert.ok(Math.abs(told / true_ - 1) < 0.002, `${told}, not ${true_}`);
});

test('what is shorter than a microsecond or longer than ten minutes is counted at the end of the scale', () => {
  const recorder = new Recorder();
  for (const ms of [0, -1, 1e9]) recorder.record(ms);
  const { runs, min, max } = recorder.distribution;
  assert.equal(runs, 3);
  assert.equal(min, 0.001);
  assert.ok(max >= 599_000 && max < 601_000);
});
