import assert from 'node:assert/strict';
import { test } from 'node:test';
import { medianOf, spreadOf } from './spread.ts';

test('median and quartiles, whatever the order; between two samples they are interpolated', () => {
  assert.deepEqual(spreadOf([5, 1, 4, 2, 3]), { runs: 5, min: 1, q1: 2, median: 3, q3: 4, max: 5 });
  assert.deepEqual(spreadOf([4, 1, 2, 3]), { runs: 4, min: 1, q1: 1.75, median: 2.5, q3: 3.25, max: 4 });
  assert.deepEqual(spreadOf([7]), { runs: 1, min: 7, q1: 7, median: 7, q3: 7, max: 7 });
  assert.equal(medianOf([Number.POSITIVE_INFINITY, 1, Number.POSITIVE_INFINITY]), Number.POSITIVE_INFINITY);
  assert.ok(Number.isNaN(medianOf([])));
});

test('one wild run moves the maximum, and neither median nor quartiles much', () => {
  const calm = spreadOf([10, 11, 12, 13, 14, 15, 16, 17, 18]);
  const wild = spreadOf([10, 11, 12, 13, 14, 15, 16, 17, 18_000]);
  assert.equal(wild.median, calm.median);
  assert.equal(wild.q3, calm.q3);
  assert.equal(wild.max, 18_000);
});
