// What the server's user owns, a server that was broken into controls: root must not be led astray by any of it.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { temporaryDirectory } from '../testkit/directories.ts';
import { type EmbeddedPostgres, removePostgres, startPostgres } from './embedded-postgres.ts';
import { createDataHome } from './embedded-postgres-home.ts';
import { ordinaryUser } from './embedded-postgres-user.ts';
import { OkcmError } from './errors.ts';
import { withClient } from './postgres-admin.ts';

const asRoot = { skip: process.getuid?.() !== 0 && 'needs root: an ordinary user has no power to lend' };

let template: string;
before(async () => {
  template = temporaryDirectory('template');
  await (await startIn(template)).stop();
});

function startIn(directory: string): Promise<EmbeddedPostgres> {
  return startPostgres({ dataDir: join(directory, 'data'), port: 0, logFile: join(directory, 'log') });
}

function copyOfTemplate(): { directory: string; home: string; cluster: string; lockFile: string } {
  const directory = temporaryDirectory('owned');
  execFileSync('cp', ['-a', join(template, 'data'), directory]);
  const cluster = join(directory, 'data', 'cluster');
  return { directory, home: join(directory, 'data'), cluster, lockFile: join(cluster, 'postmaster.pid') };
}

function asUser(command: string, ...args: string[]): number | null {
  return spawnSync(command, args, { ...ordinaryUser().ids, cwd: '/', stdio: 'ignore' }).status;
}

/** A process inside the cluster's directory, named by its lock file, as an orphan would be. */
async function claimLock(
  { cluster, lockFile }: { cluster: string; lockFile: string },
  ids: object,
): Promise<ChildProcess> {
  const child = spawn('sleep', ['60'], { ...ids, cwd: cluster, stdio: 'ignore' });
  await once(child, 'spawn');
  writeFileSync(lockFile, `${child.pid}\n${cluster}\n`);
  const { uid, gid } = statSync(cluster);
  chownSync(lockFile, uid, gid);
  return child;
}

test('the superuser password lies in nothing that the user owns', asRoot, () => {
  const { home, cluster } = copyOfTemplate();
  const password = join(home, 'superuser-password');
  assert.deepEqual([statSync(home).uid, statSync(home).mode & 0o777], [0, 0o711]);
  assert.deepEqual([statSync(password).uid, statSync(password).mode & 0o777], [0, 0o600]);
  assert.deepEqual([statSync(cluster).uid, statSync(cluster).mode & 0o777], [ordinaryUser().ids?.uid, 0o700]);
  assert.notEqual(asUser('cat', password), 0);
  assert.notEqual(asUser('mv', cluster, join(home, 'elsewhere')), 0);
});

test('while data are made, the user can put nothing beside them', asRoot, async () => {
  const directory = temporaryDirectory('made');
  const place = { dataDir: join(directory, 'data'), stateDir: '/nowhere', user: ordinaryUser() };
  const umask = process.umask(0o077);
  try {
    await createDataHome(place, async (temporary) => {
      assert.notEqual(asUser('touch', join(temporary, 'superuser-password')), 0);
      writeFileSync(join(temporary, 'made'), '');
    });
  } finally {
    process.umask(umask);
  }
  assert.equal(asUser('sh', '-c', `cd "${place.dataDir}"`), 0, 'whatever the umask, the user may pass');
});

test('data whose directory the user owns are refused, with the way to mend it', asRoot, async () => {
  const { directory, home } = copyOfTemplate();
  const { uid, gid } = ordinaryUser().ids ?? { uid: 0, gid: 0 };
  chownSync(home, uid, gid);
  chownSync(join(home, 'superuser-password'), uid, gid);
  chmodSync(home, 0o700);
  await assert.rejects(startIn(directory), (error) => {
    assert.ok(
      error instanceof OkcmError && error.code === 'POSTGRES_DATA_UNSAFE' && error.hint !== undefined,
    );
    execFileSync('sh', ['-c', error.hint]);
    return true;
  });
  await (await startIn(directory)).stop();
});

test('a lock file that is a link does not lead root to another file', asRoot, async () => {
  const { directory, lockFile } = copyOfTemplate();
  const victim = join(directory, 'victim');
  const content = `${process.pid}\nof root\n`;
  writeFileSync(victim, content, { mode: 0o600 });
  symlinkSync(victim, lockFile);
  await assert.rejects(startIn(directory), { code: 'POSTGRES_DATA_UNSAFE' });
  assert.equal(readFileSync(victim, 'utf8'), content);
});

test('nor does one that is a file of somebody else, as by a hard link, or a pipe', asRoot, async () => {
  const { directory, lockFile } = copyOfTemplate();
  const content = `${process.pid}\nof root\n`;
  writeFileSync(lockFile, content, { mode: 0o600 });
  await assert.rejects(startIn(directory), { code: 'POSTGRES_DATA_UNSAFE' });
  assert.equal(readFileSync(lockFile, 'utf8'), content);
  rmSync(lockFile);
  execFileSync('mkfifo', [lockFile]);
  await assert.rejects(startIn(directory), { code: 'POSTGRES_DATA_UNSAFE' });
});

test('a lock file does not make root end a process of somebody else', asRoot, async () => {
  const place = copyOfTemplate();
  const stranger = await claimLock(place, {});
  try {
    const server = await startIn(place.directory);
    await withClient({ url: server.url('postgres') }, (client) => client.query('SELECT 1'));
    await server.stop();
    assert.deepEqual([stranger.exitCode, stranger.signalCode], [null, null]);
  } finally {
    stranger.kill('SIGKILL');
  }
});

test('nor another program of the user', asRoot, async () => {
  const place = copyOfTemplate();
  const stranger = await claimLock(place, ordinaryUser().ids ?? {});
  try {
    await (await startIn(place.directory)).stop();
    assert.deepEqual([stranger.exitCode, stranger.signalCode], [null, null]);
  } finally {
    stranger.kill('SIGKILL');
  }
});

test('a cluster that is a link is refused, and its target is neither used nor removed', asRoot, async () => {
  const { directory, home, cluster } = copyOfTemplate();
  const elsewhere = join(directory, 'elsewhere');
  renameSync(cluster, elsewhere);
  symlinkSync(elsewhere, cluster);
  await assert.rejects(startIn(directory), { code: 'POSTGRES_DATA_UNSAFE' });
  await assert.rejects(removePostgres(home), { code: 'POSTGRES_DATA_UNSAFE' });
  assert.ok(existsSync(join(elsewhere, 'PG_VERSION')));
});

test('removing data follows no link out of them', asRoot, async () => {
  const { directory, home, cluster } = copyOfTemplate();
  const kept = join(directory, 'kept');
  mkdirSync(kept);
  chmodSync(kept, 0o777);
  writeFileSync(join(kept, 'file'), '');
  symlinkSync(kept, join(cluster, 'pg_tblspc', '1'));
  await removePostgres(home);
  assert.ok(!existsSync(home));
  assert.ok(existsSync(join(kept, 'file')));
});
