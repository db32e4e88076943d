/** A store belongs to one gateway, of one process or several: two would each take the other's announcements for their own. */
import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorMessage, OkcmError } from '../../../platform/errors.ts';
import { type FileLock, lockFileNow } from '../../../platform/file-lock.ts';
import { STORE_LEFT_WAIT_MS, STORE_LOCK_WAIT_MS } from '../limits.ts';
import { isBusy } from './sqlite-errors.ts';

/** Until it is released, or this process ends. Waits for a predecessor that is about to end. Error: STORE_UNUSABLE. */
export function ownStore(path: string): FileLock {
  const owner = `${path}.owner`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (!existsSync(owner)) closeSync(openSync(owner, 'a', 0o600));
    return lockFileNow(owner, STORE_LOCK_WAIT_MS);
  } catch (error) {
    if (!(error instanceof OkcmError) || error.code !== 'FILE_LOCKED') throw error;
    throw anothers(path, error);
  }
}

/**
 * The lock is a name beside the file, and SQLite's own locks are on the file itself: whoever has it open by another name has
 * another log, and would be undone. Waits for workers whose primary was killed. Nobody of this process has it open yet. Error:
 * STORE_UNUSABLE.
 */
export function nobodyElseHas(path: string, waitMs = STORE_LEFT_WAIT_MS): void {
  if (!existsSync(path)) return;
  if (statSync(path).nlink > 1) {
    throw new OkcmError('STORE_UNUSABLE', `the key store ${path} has a second name, a hard link`, {
      hint: 'remove the other name (find -samefile): each has a log of its own, which the other does not know',
    });
  }
  let look: DatabaseSync | undefined;
  try {
    look = new DatabaseSync(path, { timeout: waitMs });
    look.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; ROLLBACK');
  } catch (error) {
    if (!isBusy(error)) {
      throw new OkcmError('STORE_UNUSABLE', `the key store ${path} cannot be used: ${errorMessage(error)}`, {
        cause: error,
      });
    }
    throw new OkcmError('STORE_UNUSABLE', `the key store ${path} is open in another process`, {
      cause: error,
      hint: 'end that process; each gateway has a store path of its own',
    });
  } finally {
    look?.close();
  }
}

const anothers = (path: string, cause: unknown): OkcmError =>
  new OkcmError('STORE_UNUSABLE', `the key store ${path} is another gateway’s`, {
    cause,
    hint: 'give each gateway a store path of its own',
  });
