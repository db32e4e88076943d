/**
 * What may come between a start and its end: somebody takes a port, somebody presses Ctrl-C, once or twice. One installation
 * goes through all of it, the first start of which is never left in peace; each start goes on where the last one ended.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from '../testkit/children.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { eventually, REPOSITORY } from '../testkit/system.ts';

const STEP_TIMEOUT_MS = 60_000;
const INTERRUPT_LIMIT_MS = 20_000;
/** Longer than what counts as one key press that npm has doubled. */
const SECOND_KEY_PRESS_MS = 700;

const home = join(temporaryDirectory('interrupted'), 'home');

const start = (...options: readonly string[]): Promise<Child> =>
  startChild({
    name: 'okcm up',
    command: process.execPath,
    args: ['cli/okcm.ts', 'up', '--home', home, ...options],
    cwd: REPOSITORY,
  });

/** Lines of `ps` about what belongs to the home. */
const running = (): string[] =>
  execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(home));

async function interrupt(child: Child): Promise<void> {
  process.kill(child.pid, 'SIGINT');
  const late = AbortSignal.timeout(INTERRUPT_LIMIT_MS);
  await Promise.race([
    child.exited,
    once(late, 'abort').then(() => assert.fail(`it still runs:\n${child.output()}`)),
  ]);
  assert.deepEqual(running(), []);
}

const ends = (moment: RegExp): string =>
  `a start ends within ${INTERRUPT_LIMIT_MS / 1000} s of a Ctrl-C at ${moment}, and leaves nothing running`;

const SERVERS = /❯ PostgreSQL servers/;
const PLANES = /❯ CMK, two cores, two gateways/;
const SOME_UP = /› up: /;

test(ends(SERVERS), async () => {
  const child = await start('--once', '--ports', 'auto');
  await child.waitForLine(SERVERS, STEP_TIMEOUT_MS);
  await interrupt(child);
});

test(`a port that somebody takes before its component does is changed for another; ${ends(PLANES)}`, async () => {
  const readPorts = async (): Promise<Record<string, number>> =>
    (JSON.parse(await readFile(join(home, 'installation.json'), 'utf8')) as { ports: Record<string, number> })
      .ports;
  const child = await start();
  await child.waitForLine(SERVERS, STEP_TIMEOUT_MS);
  const { 'eu-west-1/db': taken, ...others } = await readPorts();
  const squatter = createServer().listen(taken, '127.0.0.1');
  await once(squatter, 'listening');
  try {
    const said = await child.waitForLine(/starting again with another port/, STEP_TIMEOUT_MS);
    assert.match(said, new RegExp(`eu-west-1/db does not start: port ${taken} is already in use`));
    await child.waitForLine(/✔ PostgreSQL servers/, STEP_TIMEOUT_MS);
    const { 'eu-west-1/db': changed, ...kept } = await readPorts();
    assert.notEqual(changed, taken);
    assert.deepEqual(kept, others);
    await child.waitForLine(PLANES, STEP_TIMEOUT_MS);
  } finally {
    squatter.close();
    await interrupt(child);
  }
});

test(ends(SOME_UP), async () => {
  const child = await start('--once');
  await child.waitForLine(SOME_UP, STEP_TIMEOUT_MS);
  await interrupt(child);
});

test('a second Ctrl-C ends an installation at once, with 130', async () => {
  const child = await start();
  await child.waitForLine(PLANES, STEP_TIMEOUT_MS);
  // A frozen server cannot stop in order, however quick the machine is; only SIGKILL ends it.
  const postmaster = running().find((line) => line.includes('postgres -D')) ?? assert.fail('no server');
  process.kill(Number.parseInt(postmaster, 10), 'SIGSTOP');
  process.kill(child.pid, 'SIGINT');
  // Counted from when the first was seen: two that come to a process before it runs are one to it.
  await child.waitForLine(/interrupted: stopping everything/, STEP_TIMEOUT_MS);
  await sleep(SECOND_KEY_PRESS_MS);
  assert.equal((await child.stop('SIGINT', 5_000)).code, 130, child.output());
  await eventually('the end of all children', 12_000, () => running().length === 0);
});

test('after all that the installation comes up, and everything is done in it', async () => {
  const child = await start('--once');
  const { code } = await child.exited;
  assert.equal(code, 0, child.output());
  assert.deepEqual(running(), []);
});
