import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sleep } from '../platform/backoff.ts';
import { startChild } from './children.ts';
import { temporaryDirectory } from './directories.ts';
import { requireService } from './services.ts';

const shell = (script: string) => startChild({ name: 'shell', command: '/bin/sh', args: ['-c', script] });

test('it waits for lines and files, and tells how the process ended', async () => {
  const file = join(temporaryDirectory('child'), 'ready');
  const child = await shell(`echo starting; sleep 0.1; echo "port 42" >&2; touch ${file}; exec sleep 60`);
  assert.equal(await child.waitForLine(/^port \d+/), 'port 42');
  await child.waitForFile(file);
  assert.deepEqual(await child.stop(), { code: null, signal: 'SIGTERM' });
  await assert.rejects(child.expectCleanExit(), /SIGTERM/);
});

test('a process that ends early or stays silent fails the wait, with its output', async () => {
  const early = await shell('echo "no such option"; exit 3');
  await assert.rejects(early.waitForLine(/ready/), /exit code 3[\s\S]*no such option/);
  const silent = await shell('exec sleep 60');
  await assert.rejects(silent.waitForLine(/ready/, 100), { code: 'DEADLINE_EXCEEDED' });
  await silent.kill();
  await assert.rejects(startChild({ name: 'nothing', command: '/no/such/program' }), /nothing did not start/);
});

test('whatever a killed test process had started, and its directories, go with it', async () => {
  const script = `
    import { startChild } from ${JSON.stringify(join(import.meta.dirname, 'children.ts'))};
    import { temporaryDirectory } from ${JSON.stringify(join(import.meta.dirname, 'directories.ts'))};
    const directory = temporaryDirectory('orphan');
    const child = await startChild({ name: 'x', command: '/bin/sh', args: ['-c', 'sleep 60 & wait'] });
    console.log(JSON.stringify({ directory, pid: child.pid }));
    setInterval(() => {}, 1000);`;
  const parent = await startChild({
    name: 'parent',
    command: process.execPath,
    args: ['--input-type=module', '-e', script],
  });
  const { directory, pid } = JSON.parse(await parent.waitForLine(/^\{/));
  assert.ok(existsSync(directory) && isRunning(pid));
  await parent.kill();
  while (existsSync(directory) || isRunning(pid)) await sleep(20);
});

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('services are found where Debian puts them', () => {
  for (const name of ['nats', 'rabbitmq', 'epmd', 'pykmip', 'softhsm', 'python'] as const)
    assert.ok(existsSync(requireService(name)));
});
