// A loop is woken at once when it has waited, and once for many wakes in a row.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '../platform/log.ts';
import { until } from '../testkit/until.ts';
import { startLoop } from './loop.ts';

const logger = createLogger({ name: 'loop-test', level: 'silent' });
const LONG_MS = 60_000;

test('many wakes within the gap cost one step, and none of them is lost', async () => {
  let steps = 0;
  let wanted = 0;
  let seen = 0;
  const step = async (): Promise<number> => {
    steps++;
    seen = wanted;
    return LONG_MS;
  };
  const loop = startLoop('test', logger, step, 50);
  await until('it has begun', () => steps === 1);
  const startedAt = performance.now();
  for (let wake = 1; wake <= 200; wake++) {
    wanted = wake;
    loop.wake();
    await delay(1);
  }
  await until('the last one is seen', () => seen === 200);
  assert.ok(steps <= 3 + (performance.now() - startedAt) / 50, `${steps} steps`);
  await loop.stop();
});

test('a step that has more to do is run again at once, and a failing one after a while', async () => {
  let steps = 0;
  const loop = startLoop(
    'test',
    logger,
    async () => {
      if (steps++ === 3) throw new Error('a bad moment');
      return steps < 20 ? 0 : LONG_MS;
    },
    LONG_MS,
  );
  await until('all are run', () => steps === 20);
  await loop.stop();
});

test('it can be stopped while it waits for the gap to pass', async () => {
  let steps = 0;
  const step = async (): Promise<number> => {
    steps++;
    return LONG_MS;
  };
  const loop = startLoop('test', logger, step, LONG_MS);
  await until('it has begun', () => steps === 1);
  loop.wake();
  await delay(20);
  await loop.stop();
  assert.equal(steps, 1);
});
