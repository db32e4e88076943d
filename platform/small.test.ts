// The small parts: waiting, errors, locks, ports, health, metrics, the process guard and shutdown.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { startChild } from '../testkit/children.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { backoffMs, deadline, sleep, waitAtMost, withDeadline } from './backoff.ts';
import { errorMessage, OkcmError } from './errors.ts';
import { lockFile } from './file-lock.ts';
import { startHealthServer } from './http-health.ts';
import { Counter, createRegistry } from './metrics.ts';
import { freePort } from './ports.ts';

test('backoff stays between 0 and the cap, and reaches the doubled base', () => {
  const options = fc.record({
    baseMs: fc.integer({ min: 1, max: 10_000 }),
    capMs: fc.integer({ min: 1, max: 600_000 }),
  });
  const random = fc.double({ min: 0, max: 0.999999, noNaN: true });
  fc.assert(
    fc.property(fc.nat(2_000), options, random, (attempt, bounds, value) => {
      const waitMs = backoffMs(attempt, bounds, () => value);
      assert.ok(Number.isSafeInteger(waitMs) && waitMs >= 0 && waitMs <= bounds.capMs);
      assert.ok(waitMs <= bounds.baseMs * 2 ** Math.min(attempt, 52));
    }),
  );
  assert.equal(
    backoffMs(3, { baseMs: 100, capMs: 10_000 }, () => 0.999999),
    799,
  );
  assert.equal(
    backoffMs(60, { baseMs: 100, capMs: 10_000 }, () => 0.999999),
    9_999,
  );
});

test('sleeping and deadlines end with their signal, and say why', async () => {
  const controller = new AbortController();
  const sleeping = sleep(60_000, controller.signal);
  controller.abort(new Error('enough'));
  await assert.rejects(sleeping, /enough/);
  await assert.rejects(sleep(60_000, deadline(10)), { name: 'TimeoutError' });
  await assert.rejects(
    withDeadline(10, 'the answer', () => new Promise(() => {})),
    { code: 'DEADLINE_EXCEEDED', message: /the answer took longer than 10 ms/ },
  );
  assert.equal(await withDeadline(1_000, 'the answer', () => Promise.resolve(42)), 42);
  await assert.rejects(
    withDeadline(1_000, 'work', () => Promise.reject(new Error('own'))),
    /own/,
  );
});

test('whoever waits at most so long leaves nothing behind that would keep the process alive', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  await waitAtMost(60_000, Promise.resolve());
  assert.equal(timers(), before);
  await waitAtMost(10, new Promise(() => {}));
  await assert.rejects(waitAtMost(60_000, Promise.reject(new Error('own'))), /own/);
  assert.equal(timers(), before);
});

test('errorMessage shows causes once and never throws', () => {
  const cause = new Error('disk full');
  assert.equal(errorMessage(new OkcmError('X', 'cannot save', { cause })), 'cannot save: disk full');
  assert.equal(errorMessage(new Error('cannot save: disk full', { cause })), 'cannot save: disk full');
  assert.equal(
    errorMessage(new AggregateError([new Error('v4 refused'), new Error('v6 refused')])),
    'v4 refused; v6 refused',
  );
  const loop = new Error('loop');
  loop.cause = loop;
  assert.equal(errorMessage(loop), 'loop');
  fc.assert(fc.property(fc.anything(), (value) => typeof errorMessage(value) === 'string'));
});

test('a file lock excludes other processes and is released by their death', async () => {
  const path = join(temporaryDirectory('lock'), 'x.lock');
  const script = `
    import { lockFile } from ${JSON.stringify(join(import.meta.dirname, 'file-lock.ts'))};
    await lockFile(process.argv[1], 0);
    console.log('held');
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  await assert.rejects(lockFile(path, 100), { code: 'FILE_LOCKED' });
  holder.kill('SIGKILL');
  const lock = await lockFile(path, 5_000);
  await assert.rejects(lockFile(path, 0), { code: 'FILE_LOCKED' }, 'a second lock in the same process');
  lock.release();
  (await lockFile(path, 0)).release();
});

test('free ports can be listened on, and the system gives them to nobody else', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, () => freePort()));
  assert.equal(new Set(ports).size, ports.length, 'no port twice');
  const [first = 0, last = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    .split('\t')
    .map(Number);
  // A machine may hand out nearly all ports; then there is no better place.
  if (first > 29_999)
    assert.ok(
      ports.every((port) => port < first || port > last),
      ports.join(' '),
    );

  const [port = 0] = ports;
  const server = await startHealthServer({
    port,
    health: () => ({ ok: true }),
    registry: createRegistry({ processMetrics: false }),
  });
  assert.equal(server.port, port);
  await server.close();
});

test('health tells 200 or 503 with its JSON, metrics carry their labels, and nothing else is served', async () => {
  const registry = createRegistry({ labels: { component: 'core' } });
  new Counter({ name: 'things_total', help: 'Things.', registers: [registry] }).inc(3);
  let health: () => { ok: boolean; sealed?: boolean } = () => ({ ok: true, sealed: false });
  const server = await startHealthServer({ port: 0, health: () => health(), registry });
  try {
    const good = await fetch(`${server.url}/healthz`);
    assert.deepEqual([good.status, await good.json()], [200, { ok: true, sealed: false }]);
    health = () => ({ ok: false });
    assert.equal((await fetch(`${server.url}/healthz?verbose`)).status, 503);
    health = () => {
      throw new Error('no database');
    };
    const broken = await fetch(`${server.url}/healthz`);
    assert.deepEqual([broken.status, await broken.json()], [503, { ok: false, error: 'no database' }]);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    assert.match(metrics, /things_total\{component="core"\} 3/);
    assert.match(metrics, /nodejs_eventloop_lag_seconds\{component="core"\}/);
    assert.equal((await fetch(`${server.url}/`)).status, 404);
    assert.equal((await fetch(`${server.url}/healthz`, { method: 'POST' })).status, 405);
    await assert.rejects(startHealthServer({ port: server.port, health, registry }), { code: 'EADDRINUSE' });
  } finally {
    await server.close();
  }
});

function node(script: string, ...args: string[]) {
  const load = (name: string) => JSON.stringify(join(import.meta.dirname, name));
  const imports = `
    import { createLogger } from ${load('log.ts')};
    import { guardProcess } from ${load('process-guard.ts')};
    import { installShutdown, onShutdown, shutdown } from ${load('shutdown.ts')};`;
  return startChild({
    name: 'script',
    command: process.execPath,
    args: ['--input-type=module', '-e', imports + script, ...args],
  });
}

test('the process guard empties core dumps, keeps the debugger shut, and names what it cannot do', async () => {
  const child = await node(`
    import { readFileSync } from 'node:fs';
    const report = await guardProcess();
    console.log(JSON.stringify({ ...report, filter: readFileSync('/proc/self/coredump_filter', 'utf8').trim() }));
    process.kill(process.pid, 'SIGUSR1');
    setTimeout(() => console.log('end'), 200);`);
  const report: Record<string, unknown> = JSON.parse(await child.waitForLine(/coreDumpsEmptied/));
  assert.equal(report['coreDumpsEmptied'], true);
  assert.match(String(report['filter']), /^0+$/);
  assert.match(String(report['coreSizeLimit']), /^(\d+|unlimited)$/);
  await child.expectCleanExit();
  assert.doesNotMatch(child.output(), /Debugger listening/);
});

test('shutdown runs the steps in reverse order, goes on after a failing one, and exits 0 or 1', async () => {
  const script = `
    installShutdown({ logger: createLogger({ name: 'test' }) });
    onShutdown('first', () => console.log('step first'));
    const takeBack = onShutdown('closed before', () => console.log('step closed before'));
    onShutdown('second', async () => { await null; console.log('step second'); if (process.argv[1]) throw new Error('stuck'); });
    takeBack();
    setInterval(() => {}, 1000);
    console.log('ready');`;
  for (const [argument, code] of [
    ['', 0],
    ['fail', 1],
  ] as const) {
    const child = await node(script, argument);
    await child.waitForLine(/^ready/);
    child.signal('SIGTERM');
    const exit = await child.stop('SIGINT');
    assert.deepEqual(exit, { code, signal: null }, child.output());
    assert.deepEqual(child.output().match(/^step .*$/gm), ['step second', 'step first']);
  }
});

test('a step that hangs is ended by the deadline', async () => {
  const child = await node(`
    installShutdown({ logger: createLogger({ name: 'test' }), deadlineMs: 100 });
    onShutdown('hangs', () => new Promise(() => {}));
    setInterval(() => {}, 1000);
    console.log('ready');`);
  await child.waitForLine(/^ready/);
  assert.deepEqual(await child.stop(), { code: 1, signal: null });
  assert.match(child.output(), /shutdown took too long/);
});

test('a promise that nobody caught is logged, and ends the process in order with 1', async () => {
  const child = await node(`
    installShutdown({ logger: createLogger({ name: 'test' }) });
    onShutdown('clean', () => console.log('step clean'));
    setInterval(() => {}, 1000);
    Promise.reject(new Error('forgotten'));`);
  assert.deepEqual(await child.exited, { code: 1, signal: null });
  assert.match(child.output(), /"message":"forgotten"/);
  assert.match(child.output(), /^step clean$/m);
});
