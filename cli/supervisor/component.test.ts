import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Component, type Runner } from './component.ts';
import { MAX_RESTARTS, RESTART_WINDOW_MS, RestartBudget } from './restart-budget.ts';

/** A runner whose instances end when the test says so. */
function fakeRunner(
  options: { failAfter?: number } = {},
): Runner & { starts: number; die: (why?: string) => void } {
  const fake = {
    starts: 0,
    die: (_why?: string): void => undefined,
    start: async () => {
      fake.starts++;
      if (options.failAfter !== undefined && fake.starts > options.failAfter) throw new Error('no more');
      let end: (why: string) => void = () => undefined;
      const ended = new Promise<string>((resolve) => {
        end = resolve;
      });
      fake.die = (why = 'killed'): void => end(why);
      return { pid: 1000 + fake.starts, ended, stop: async () => end('stopped') };
    },
  };
  return fake;
}

function component(
  runner: Runner,
  notes: string[] = [],
  budget: Pick<RestartBudget, 'next' | 'reset'> = new RestartBudget(),
): Component {
  return new Component({
    name: 'thing',
    runner,
    tier: 0,
    health: null,
    log: '/tmp/thing.log',
    budget,
    onChange: (_component, note) => {
      if (note !== undefined) notes.push(note);
    },
  });
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !holds(); i++) await sleep(10);
  assert.ok(holds());
}

describe('a component', () => {
  test('is started again when it dies', async () => {
    const runner = fakeRunner();
    const thing = component(runner);
    await thing.start();
    assert.equal(thing.pid, 1001);
    runner.die();
    await until(() => thing.state === 'up' && thing.pid === 1002);
    await thing.stop();
  });

  test('that was prepared and never started is given up, once, when it stops or everything does', async () => {
    for (const end of ['stop', 'retire', 'kill'] as const) {
      const told: string[] = [];
      const prepare = (): (() => Promise<void>) => {
        told.push('prepared');
        return async () => void told.push('given up');
      };
      const thing = component({ ...fakeRunner(), prepare });
      thing.prepare();
      await thing[end]();
      if (end !== 'stop') thing.prepare();
      assert.deepEqual(told, ['prepared', 'given up'], end);
    }
  });

  test('stays down when it was stopped', async () => {
    const runner = fakeRunner();
    const thing = component(runner);
    await thing.start();
    await thing.stop();
    await sleep(300);
    assert.equal(thing.state, 'stopped');
    assert.equal(thing.pid, null);
    assert.equal(runner.starts, 1);
    await thing.start();
    assert.equal(thing.state, 'up');
    await thing.stop();
  });

  test('a stop during the wait for a restart wins', async () => {
    const runner = fakeRunner();
    const thing = component(runner);
    await thing.start();
    runner.die();
    await until(() => thing.state === 'restarting');
    await thing.stop();
    await sleep(400);
    assert.equal(thing.state, 'stopped');
    assert.equal(runner.starts, 1);
  });

  test('gives up, and says so, when the budget is spent', async () => {
    const notes: string[] = [];
    const runner = fakeRunner({ failAfter: 1 });
    const spent = new RestartBudget(() => 0);
    while (spent.next() !== undefined);
    const thing = component(runner, notes, { reset: () => undefined, next: () => spent.next() });
    await thing.start();
    runner.die('it fell');
    await until(() => thing.state === 'failed');
    assert.match(notes.join(), /it fell.*stays down/);
  });

  test('that does not start says why', async () => {
    const thing = component(fakeRunner({ failAfter: 0 }));
    await assert.rejects(thing.start(), /thing does not start/);
    assert.equal(thing.state, 'failed');
  });
});

describe('the restart budget', () => {
  test('allows a few restarts a minute, further and further apart', () => {
    let now = 0;
    const budget = new RestartBudget(() => now);
    const delays = Array.from({ length: MAX_RESTARTS }, () => budget.next());
    assert.deepEqual(
      delays,
      delays.toSorted((a, b) => (a ?? 0) - (b ?? 0)),
    );
    assert.equal(budget.next(), undefined);
    now += RESTART_WINDOW_MS;
    assert.equal(typeof budget.next(), 'number');
  });
});
