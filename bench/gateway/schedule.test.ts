import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Schedule } from './schedule.ts';

test('a request is due at its time and not before, and none after the last', () => {
  const schedule = new Schedule(1_000, 500, 2);
  assert.equal(schedule.total, 1_000);
  assert.equal(schedule.due(999.9), 0);
  assert.equal(schedule.due(1_000), 1);
  assert.equal(schedule.due(1_001.9), 1);
  assert.equal(schedule.due(1_002), 2);
  assert.equal(schedule.due(1_000_000), 1_000);
});

test('at any rate those that are due are those whose time has come', () => {
  for (const perSecond of [1, 7, 999, 10_000, 33_333]) {
    const schedule = new Schedule(12.5, perSecond, 3);
    for (let now = 12.5; now < 3_012.5; now += 0.73) {
      const due = schedule.due(now);
      if (due > 0) assert.ok(schedule.dueAt(due - 1) <= now + 1e-6);
      if (due < schedule.total) assert.ok(schedule.dueAt(due) > now - 1e-6);
    }
  }
});
