/** The servers of a supervisor that was killed do not live on. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { reapAtEnd } from '../../testkit/reaper.ts';

const GONE_WITHIN_MS = 5_000;

/** A supervisor in miniature: as many servers as it is given directories, started as `okcm up` starts them. */
const SUPERVISOR = `
  import { postgresRunner } from ${JSON.stringify(join(import.meta.dirname, 'databases.ts'))};
  import { freePort } from ${JSON.stringify(join(import.meta.dirname, '..', '..', 'platform', 'ports.ts'))};
  const signal = new AbortController().signal;
  const servers = await Promise.all(process.argv.slice(1).map(async (directory) => await postgresRunner({
    name: directory,
    port: await freePort(),
    dataDir: directory + '/data',
    log: directory + '/postgres.log',
    prepare: async () => {},
  }).start(signal)));
  console.log(JSON.stringify(servers.map(({ pid }) => pid)));
  process.stdin.on('data', async () => {
    await Promise.all(servers.map((server) => server.stop()));
    process.exit(0);
  });`;

async function supervise(t: TestContext, directories: readonly string[]) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SUPERVISOR, ...directories], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  const pids = JSON.parse(String(line)) as number[];
  reapAtEnd({ processGroups: pids, signal: 'QUIT' });
  return { child, pids };
}

/** A zombie, which an idle init process has not collected yet, runs no more. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** The processes, watchers included, that have the given number among their arguments. */
function watchersOf(pid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((each) => {
      try {
        return readFileSync(`/proc/${each}/cmdline`, 'utf8').split('\0').includes(String(pid));
      } catch {
        return false; // no process, or one that has just ended
      }
    });
}

async function gone(what: string, left: () => number[]): Promise<void> {
  const deadline = Date.now() + GONE_WITHIN_MS;
  while (left().length > 0) {
    assert.ok(Date.now() < deadline, `${what} after ${GONE_WITHIN_MS} ms: ${left().join(', ')}`);
    await sleep(20);
  }
}

test('when the supervisor is killed, its servers shut down in order, and leave nobody behind', async (t) => {
  const directories = [temporaryDirectory('killed'), temporaryDirectory('killed')];
  const { child, pids } = await supervise(t, directories);
  assert.ok(pids.length === 2 && pids.every(isRunning));
  child.kill('SIGKILL');
  await once(child, 'exit');
  await gone('servers still run', () => pids.filter(isRunning));
  await gone('watchers still run', () => pids.flatMap(watchersOf));
  for (const directory of directories) {
    assert.match(readFileSync(join(directory, 'postgres.log'), 'utf8'), /received fast shutdown request/);
    assert.ok(!existsSync(join(directory, 'data', 'cluster', 'postmaster.pid')));
  }
});

test('a server that was stopped in order takes its watcher with it', async (t) => {
  const { child, pids } = await supervise(t, [temporaryDirectory('stopped')]);
  assert.deepEqual(
    pids.map((pid) => watchersOf(pid).length),
    [1],
  );
  child.stdin.write('stop');
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  await gone('watchers still run', () => pids.flatMap(watchersOf));
});
