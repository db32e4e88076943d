/** A supervisor that is told to stop while something is still starting, or while something refuses to end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Component, type Running } from './component.ts';
import { Supervisor } from './supervisor.ts';

function add(supervisor: Supervisor, name: string, tier: number, start: () => Promise<Running>): Component {
  return supervisor.add(
    new Component({
      name,
      tier,
      runner: { start },
      health: null,
      log: '/dev/null',
      onChange: () => undefined,
    }),
  );
}

const REFUSED = /is not started: everything is stopping/;

describe('a supervisor that stops', () => {
  test('refuses every later start, also between two tiers', async () => {
    const supervisor = new Supervisor();
    let starts = 0;
    const start = (): Promise<Running> => Promise.reject(new Error(`start ${++starts}`));
    const outer = add(supervisor, 'outer', 1, start);
    const inner = add(supervisor, 'inner', 0, start);
    const stopping = supervisor.stopAll();
    await assert.rejects(outer.start(), REFUSED);
    await stopping;
    await assert.rejects(inner.start(), REFUSED);
    assert.equal(starts, 0);
  });

  test('waits for a start in flight and stops what came of it', async () => {
    const supervisor = new Supervisor();
    let stopped = false;
    const slow = add(supervisor, 'slow', 0, async () => {
      await sleep(100);
      return {
        pid: 0,
        ended: new Promise(() => undefined),
        stop: async () => {
          stopped = true;
        },
      };
    });
    const starting = assert.rejects(slow.start(), REFUSED);
    await sleep(20);
    assert.deepEqual(await supervisor.stopAll(), { inOrder: true });
    assert.ok(stopped);
    await starting;
  });

  test('kills what has not ended in time', async () => {
    const supervisor = new Supervisor();
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    const exit = once(child, 'exit');
    const ended = exit.then(() => 'killed');
    const stubborn = add(supervisor, 'stubborn', 0, async () => ({
      pid: child.pid ?? assert.fail('it did not start'),
      ended,
      stop: async () => void (await ended),
    }));
    await stubborn.start();
    assert.deepEqual(await supervisor.stopAll(100), { inOrder: false });
    assert.equal((await exit)[1], 'SIGKILL');
  });
});
