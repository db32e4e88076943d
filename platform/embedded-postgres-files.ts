// How root looks at what the server's user owns. A server that was broken into may put links, pipes and other people's
// files there: nothing is followed, and what is not the user's own is refused. Only links further up could still lead
// astray, and those directories are root's (embedded-postgres-home.ts).
import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunAs } from './embedded-postgres-user.ts';
import { errorCode, OkcmError } from './errors.ts';

/** The superuser's password, beside the cluster. */
export const PASSWORD_FILE = 'superuser-password';
/** PostgreSQL's lock file has eight short lines. */
const MAX_LOCK_FILE_SIZE_BYTES = 8192;

/** Root's directory with the cluster in it: whoever owned it could swap the cluster. Error: POSTGRES_DATA_UNSAFE. */
export async function assertHomeIsOurs(home: string, user: RunAs): Promise<void> {
  if (user.ids === undefined || (await lstat(home)).uid === process.getuid?.()) return;
  // The password's file is the only other thing in it.
  const mend = `chown root ${home} ${join(home, PASSWORD_FILE)} && chmod 711 ${home}`;
  throw unsafe(`${home} does not belong to root`, mend);
}

/** Whether there is a cluster: a directory of the user's, and no link to one. Error: POSTGRES_DATA_UNSAFE. */
export async function clusterExists(cluster: string, user: RunAs): Promise<boolean> {
  try {
    const entry = await lstat(cluster);
    if (entry.isDirectory() && belongsTo(entry, user)) return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
  throw unsafe(`${cluster} is no directory of user ${user.name}`);
}

/** The postmaster's lock file, by lines; empty when there is none. Error: POSTGRES_DATA_UNSAFE. */
export async function readLockFile(cluster: string, user: RunAs): Promise<string[]> {
  return (await withLockFile(cluster, user, constants.O_RDONLY, readLines)) ?? [];
}

/** Changes the lock file in its place, unless it is gone. Error: POSTGRES_DATA_UNSAFE. */
export async function changeLockFile(
  cluster: string,
  user: RunAs,
  change: (lines: string[]) => string[] | undefined,
): Promise<void> {
  await withLockFile(cluster, user, constants.O_RDWR, async (file) => {
    const changed = change(await readLines(file));
    if (changed === undefined) return;
    await file.truncate();
    await file.write(changed.join('\n'), 0);
  });
}

async function withLockFile<T>(
  cluster: string,
  user: RunAs,
  access: number,
  use: (file: FileHandle) => Promise<T>,
): Promise<T | undefined> {
  const path = join(cluster, 'postmaster.pid');
  let file: FileHandle;
  try {
    // Opening a pipe would wait for its other end.
    file = await open(path, access | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP' || code === 'ENXIO') throw unsafe(`${path} is not a file`);
    throw error;
  }
  try {
    // Asked of the open file: a path could be swapped, and a hard link makes a file of somebody else appear here.
    const entry = await file.stat();
    if (!entry.isFile() || !belongsTo(entry, user) || entry.size > MAX_LOCK_FILE_SIZE_BYTES)
      throw unsafe(`${path} is no lock file of user ${user.name}`);
    return await use(file);
  } finally {
    await file.close();
  }
}

async function readLines(file: FileHandle): Promise<string[]> {
  const buffer = Buffer.alloc(MAX_LOCK_FILE_SIZE_BYTES);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  return buffer.toString('utf8', 0, bytesRead).split('\n');
}

function belongsTo(entry: { uid: number }, user: RunAs): boolean {
  return user.ids === undefined || entry.uid === user.ids.uid;
}

function unsafe(
  problem: string,
  hint = 'find out who changed it; restore the data, or move them away to begin anew',
) {
  return new OkcmError('POSTGRES_DATA_UNSAFE', problem, { hint });
}
