// What an earlier postmaster left behind: itself, when only its supervisor was killed, or its lock file. The lock file
// belongs to the server's user and may name any process, so root signals nobody on its word: signals are sent as that
// user, and the kernel refuses them for everybody else's processes.
import { spawnSync } from 'node:child_process';
import { readFile, readlink, realpath } from 'node:fs/promises';
import { platform } from 'node:os';
import { basename } from 'node:path';
import { sleep } from './backoff.ts';
import { changeLockFile, readLockFile } from './embedded-postgres-files.ts';
import { endProcess, FAST_STOP_TIMEOUT_MS } from './embedded-postgres-process.ts';
import type { RunAs } from './embedded-postgres-user.ts';
import { errorCode } from './errors.ts';

const POLL_EVERY_MS = 20;
const COMMAND_TIMEOUT_MS = 10_000;
/** Above the kernel's largest process id, so nobody has it. */
const NOBODY_PID = 2 ** 22 + 1;

/**
 * Ends a server that runs on this cluster although nobody holds our lock, and clears what would make PostgreSQL refuse
 * to start. Only for the holder of the lock. Error: POSTGRES_DATA_UNSAFE.
 */
export async function stopOrphan(cluster: string, user: RunAs): Promise<void> {
  const pid = Number((await readLockFile(cluster, user))[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return;
  if (isAlive(pid) && (await isPostmasterOf(pid, cluster, user))) {
    await endProcess((signal) => signalAs(user, pid, signal), whenGone(pid, cluster, user));
  }
  // PostgreSQL removes a stale lock file by itself, unless the number in it belongs to somebody again (after a reboot,
  // or in a restarted container): that it would take for its predecessor. Only the number is changed, since the rest
  // tells PostgreSQL whether its predecessor's children still live.
  if (!isAlive(pid)) return;
  await changeLockFile(cluster, user, (lines) =>
    Number(lines[0]) === pid ? [String(NOBODY_PID), ...lines.slice(1)] : undefined,
  );
}

async function isPostmasterOf(pid: number, cluster: string, user: RunAs): Promise<boolean> {
  const uid = user.ids?.uid ?? process.getuid?.();
  if (platform() !== 'linux') {
    const args = ['-ww', '-o', 'uid=,command=', '-p', String(pid)];
    const { status, stdout } = spawnSync('ps', args, { encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS });
    return status === 0 && Number.parseInt(stdout, 10) === uid && stdout.includes(`-D ${cluster}`);
  }
  try {
    // A postmaster works inside its data directory. A zombie works nowhere, and so counts as gone.
    if ((await readlink(`/proc/${pid}/cwd`)) !== (await realpath(cluster))) return false;
    // Another version of the program may have been installed since: its name is what stays.
    const program = (await readlink(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, '');
    if (basename(program) !== 'postgres') return false;
    // All four of them, real to file system: a program that changed its user is not the user's own.
    const uids = /^Uid:\s+(.*)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]?.split(/\s+/);
    return uids?.every((each) => Number(each) === uid) ?? false;
  } catch {
    return false; // it ended, or belongs to another user, as whom our server never runs
  }
}

async function whenGone(pid: number, cluster: string, user: RunAs): Promise<void> {
  const giveUpAtMs = Date.now() + FAST_STOP_TIMEOUT_MS * 2;
  while (Date.now() < giveUpAtMs && isAlive(pid) && (await isPostmasterOf(pid, cluster, user)))
    await sleep(POLL_EVERY_MS);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** Failing is fine: the process has gone in the meantime, or is not the user's. */
function signalAs(user: RunAs, pid: number, signal: NodeJS.Signals): void {
  spawnSync('/bin/sh', ['-c', 'kill -s "$1" "$2"', 'sh', signal.slice('SIG'.length), String(pid)], {
    ...user.ids,
    cwd: '/',
    stdio: 'ignore',
    timeout: COMMAND_TIMEOUT_MS,
  });
}
