// Where a cluster's data lie: in the directory that was asked for, or, where root asks for a place that the ordinary
// user cannot enter, in a directory below the state directory, with a symbolic link at the place that was asked for.
// The link carries a random name: whoever deletes the installation and makes it anew does not meet the old data.
//
// The directory is ours, and only the cluster in it the user's: root works in no directory in which the user could put
// a link in the place of a file.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, lchown, lstat, mkdir, readdir, realpath, rename, rm, rmdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RunAs } from './embedded-postgres-user.ts';
import { errorCode, OkcmError } from './errors.ts';

const COMMAND_TIMEOUT_MS = 10_000;
const REMOVAL_TIMEOUT_MS = 120_000;

/** Where the data of `dataDir` really are; undefined when there are none yet (absent or an empty directory). */
export async function realDataHome(dataDir: string): Promise<string | undefined> {
  try {
    const real = await realpath(dataDir);
    return (await readdir(real)).length > 0 ? real : undefined;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    // A link whose target is gone would otherwise be taken for "no data yet", and the loss hidden by a new cluster.
    if (await isLink(dataDir)) {
      throw new OkcmError('POSTGRES_DATA_UNREACHABLE', `${dataDir} is a link to data that no longer exist`, {
        hint: `restore the data, or remove ${dataDir} to begin anew`,
      });
    }
    return undefined;
  }
}

/** Whether the user may enter the directory. The kernel is asked, as that user, and not our reading of mode bits. */
export function dataHomeIsReachable(directory: string, user: RunAs): boolean {
  if (user.ids === undefined) return true;
  const result = spawnSync('/bin/sh', ['-c', 'cd -P "$1"', 'sh', directory], {
    ...user.ids,
    cwd: '/',
    stdio: 'ignore',
    timeout: COMMAND_TIMEOUT_MS,
  });
  return result.status === 0;
}

/** Lets `fill` make the data in an empty directory of ours, in which the user may pass, then publishes it under `dataDir` in one step. */
export async function createDataHome(
  place: { readonly dataDir: string; readonly stateDir: string; readonly user: RunAs },
  fill: (temporary: string) => Promise<void>,
): Promise<string> {
  const { dataDir, stateDir, user } = place;
  const id = randomBytes(16).toString('hex');
  const beside = join(dirname(dataDir), `.${id}.new`);
  await makeHome(beside, user);
  if (dataHomeIsReachable(beside, user)) {
    await fillOrRemove(beside, fill);
    await rename(beside, dataDir); // replaces an empty directory, never one that holds something
    return dataDir;
  }
  await rmdir(beside);
  const data = join(stateDir, 'data');
  await mkdir(data, { recursive: true, mode: 0o755 });
  await chmod(data, 0o711); // one may pass, not look around
  const away = join(data, id);
  await makeHome(away, user);
  if (!dataHomeIsReachable(away, user)) {
    await rmdir(away);
    throw new OkcmError(
      'POSTGRES_DATA_UNREACHABLE',
      `user ${user.name} can enter neither ${dirname(dataDir)} nor ${data}`,
    );
  }
  await fillOrRemove(away, fill);
  await removeEmptyDirectory(dataDir);
  await symlink(away, dataDir);
  return away;
}

/** Removes data, and the link that leads to them. */
export async function removeDataHome(dataDir: string, home: string): Promise<void> {
  await rm(dataDir, { recursive: true, force: true });
  await rm(home, { recursive: true, force: true });
}

/** A directory of the user's, in one of ours. */
export async function makeOwned(directory: string, user: RunAs): Promise<void> {
  await mkdir(directory, { mode: 0o700 });
  if (user.ids !== undefined) await lchown(directory, user.ids.uid, user.ids.gid);
}

/**
 * Removes a directory of the user's. What is in it the user itself removes: whoever deletes as root in there, while
 * the user may still move things about, could be led elsewhere. Error: POSTGRES_DATA_UNSAFE.
 */
export async function removeOwned(directory: string, user: RunAs): Promise<void> {
  const args = [directory, '-mindepth', '1', '-delete'];
  const { status } = spawnSync('find', args, {
    ...user.ids,
    cwd: '/',
    stdio: 'ignore',
    timeout: REMOVAL_TIMEOUT_MS,
    env: { PATH: '/usr/bin:/bin' },
  });
  if (status === 0) return await rmdir(directory);
  throw new OkcmError(
    'POSTGRES_DATA_UNSAFE',
    `user ${user.name} could not remove all that is in ${directory}`,
    {
      hint: 'look for files of others in it, remove them, and try again',
    },
  );
}

async function makeHome(directory: string, user: RunAs): Promise<void> {
  const mode = user.ids === undefined ? 0o700 : 0o711;
  await mkdir(directory, { mode });
  await chmod(directory, mode); // the process' umask may have taken bits away
}

async function fillOrRemove(directory: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  try {
    await fill(directory);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function removeEmptyDirectory(path: string): Promise<void> {
  await rmdir(path).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error;
  });
}

async function isLink(path: string): Promise<boolean> {
  return await lstat(path).then(
    (entry) => entry.isSymbolicLink(),
    () => false,
  );
}
