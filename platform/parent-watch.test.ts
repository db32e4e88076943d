import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../testkit/until.ts';
import { GO, watchParent } from './parent-watch.ts';

test('the end of standard input is the end of the parent, told once', async () => {
  const stdin = new PassThrough();
  let told = 0;
  watchParent({ supervised: true, stdin, onParentGone: () => told++ });
  await sleep(20);
  assert.equal(told, 0);
  stdin.end();
  await until('it is told', () => told > 0);
  stdin.destroy();
  await sleep(20);
  assert.equal(told, 1);
});

test('nobody is told while nobody supervises, or after stop', async () => {
  const stdin = new PassThrough();
  let told = 0;
  watchParent({ supervised: false, stdin, onParentGone: () => told++ });
  watchParent({ supervised: true, stdin, onParentGone: () => told++ }).stop();
  stdin.end();
  await sleep(20);
  assert.equal(told, 0);
});

test('a program is held until the word, and one without a supervisor is not', async () => {
  const stdin = new PassThrough();
  let told = 0;
  let free = false;
  const { released } = watchParent({ supervised: true, stdin, onParentGone: () => told++ });
  void released.then(() => {
    free = true;
  });
  await sleep(20);
  assert.equal(free, false);
  stdin.write(GO);
  await released;
  stdin.end();
  await until('it is told', () => told > 0);
  await watchParent({ supervised: false, stdin: new PassThrough() }).released;
});

describe('a process', () => {
  const WATCH = new URL('./parent-watch.ts', import.meta.url).href;
  /** It says `loaded`, and goes on to `then` at the word. */
  const start = (then: string) => {
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `import { watchParent } from ${JSON.stringify(WATCH)};
         const { released } = watchParent();
         console.log('loaded');
         await released;
         console.log('begun');
         ${then}`,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, OKCM_SUPERVISED: '1' } },
    );
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    return {
      stdin: child.stdin,
      ended,
      says: (what: string) => until(`it says ${what}`, () => said.includes(what)),
    };
  };

  test('that has done what it was to do ends, though its supervisor lives', async () => {
    const program = start('');
    program.stdin.write(GO);
    assert.deepEqual(await program.ended, [0, null]);
  });

  test('whose supervisor dies before the word, or while it begins, ends with it', async () => {
    const held = start('');
    await held.says('loaded');
    held.stdin.destroy();
    assert.deepEqual(await held.ended, [null, 'SIGTERM']);
    const beginning = start('await new Promise((done) => setTimeout(done, 60_000));');
    beginning.stdin.write(GO);
    await beginning.says('begun');
    beginning.stdin.destroy();
    assert.deepEqual(await beginning.ended, [null, 'SIGTERM']);
  });
});
