// A lock between processes that the kernel releases when its holder dies, however it dies. Node has no flock; SQLite,
// which Node ships, takes such a lock on a file, and does it right on every system.
import { DatabaseSync } from 'node:sqlite';
import { sleep } from './backoff.ts';
import { OkcmError } from './errors.ts';

const RETRY_EVERY_MS = 50;
const SQLITE_BUSY = 5;

export interface FileLock {
  release(): void;
}

/**
 * Takes the lock, waiting up to `waitMs`. The file is created when missing and stays: removing it would let two
 * holders lock two files of one name. Error: FILE_LOCKED.
 */
export async function lockFile(path: string, waitMs: number): Promise<FileLock> {
  const giveUpAtMs = Date.now() + waitMs;
  for (;;) {
    const lock = tryLock(path);
    if (lock !== undefined) return lock;
    if (Date.now() >= giveUpAtMs) throw new OkcmError('FILE_LOCKED', `${path} is locked by another process`);
    await sleep(RETRY_EVERY_MS);
  }
}

/** The same for programs that cannot go on without it: nothing else of this process runs meanwhile. Error: FILE_LOCKED. */
export function lockFileNow(path: string, waitMs: number): FileLock {
  const lock = tryLock(path, waitMs);
  if (lock === undefined) throw new OkcmError('FILE_LOCKED', `${path} is locked by another process`);
  return lock;
}

function tryLock(path: string, timeout = 0): FileLock | undefined {
  const database = new DatabaseSync(path, { timeout });
  try {
    // The lock writes nothing that matters: a journal in memory leaves no second file behind.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
}
