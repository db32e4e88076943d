import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QueueFullError, Semaphore } from './semaphore.ts';

/** Work that ends when the test says so. */
function work(started: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const run = async () => {
    started.push(name);
    await promise;
  };
  return { run, end: resolve };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('Semaphore', () => {
  test('nobody takes more than their share, and the others pass them in the line', async () => {
    const semaphore = new Semaphore({ max: 3, maxQueued: 10, maxPerKey: 2 });
    const started: string[] = [];
    const jobs = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2'].map((name) => ({ name, ...work(started, name) }));
    const ends = jobs.map(({ name, run }) => semaphore.run(run, name.slice(0, 1)));
    await settled();
    assert.deepEqual(started, ['a1', 'a2', 'b1']);
    jobs[4]?.end();
    await settled();
    assert.deepEqual(started, ['a1', 'a2', 'b1', 'b2']);
    jobs[0]?.end();
    await settled();
    assert.deepEqual(started, ['a1', 'a2', 'b1', 'b2', 'a3']);
    for (const { end } of jobs) end();
    await Promise.all(ends);
    assert.equal(started.length, 6);
  });

  test('the line is bounded, as a whole and for each', async () => {
    const semaphore = new Semaphore({ max: 1, maxQueued: 3, maxPerKey: 1, maxQueuedPerKey: 2 });
    const started: string[] = [];
    const jobs = ['a1', 'a2', 'a3', 'b1'].map((name) => ({ name, ...work(started, name) }));
    const ends = jobs.map(({ name, run }) => semaphore.run(run, name.slice(0, 1)));
    await assert.rejects(
      semaphore.run(async () => {}, 'a'),
      QueueFullError,
    );
    await assert.rejects(
      semaphore.run(async () => {}, 'c'),
      QueueFullError,
    );
    for (const { end } of jobs) end();
    await Promise.all(ends);
    await semaphore.run(async () => void started.push('later'), 'a');
    assert.equal(started.at(-1), 'later');
  });

  test('whoever waits for too long is turned away, and the line goes on', async () => {
    const semaphore = new Semaphore({ max: 1, maxQueued: 3, maxWaitMs: 20 });
    const started: string[] = [];
    const first = work(started, 'first');
    const atWork = semaphore.run(first.run);
    await assert.rejects(
      semaphore.run(async () => void started.push('late')),
      QueueFullError,
    );
    assert.equal(semaphore.queued, 0);
    const next = semaphore.run(async () => void started.push('next'));
    first.end();
    await Promise.all([atWork, next]);
    assert.deepEqual(started, ['first', 'next']);
    assert.equal(semaphore.active, 0);
  });

  test('work that fails gives its place back', async () => {
    const semaphore = new Semaphore({ max: 1, maxQueued: 1 });
    await assert.rejects(
      semaphore.run(async () => {
        throw new Error('no');
      }),
      /no/,
    );
    assert.equal(await semaphore.run(async () => 1), 1);
  });
});
