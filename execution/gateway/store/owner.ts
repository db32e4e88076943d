/** A store belongs to one gateway, of one process or several: two would each take the other's announcements for their own. */
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OkcmError } from '../../../platform/errors.ts';
import { type FileLock, lockFileNow } from '../../../platform/file-lock.ts';
import { STORE_LOCK_WAIT_MS } from '../limits.ts';
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
 * The lock is a name beside the file, and the file may have another name: whoever has it open by that has another log, and
 * would be undone. SQLite's own locks are on the file itself. Nobody of this process has it open yet. Error: STORE_UNUSABLE.
 */
export function nobodyElseHas(path: string): void {
  const look = new DatabaseSync(path, { timeout: STORE_LOCK_WAIT_MS });
  try {
    look.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; ROLLBACK');
  } catch (error) {
    throw isBusy(error) ? anothers(path, error) : error;
  } finally {
    look.close();
  }
}

const anothers = (path: string, cause: unknown): OkcmError =>
  new OkcmError('STORE_UNUSABLE', `the key store ${path} is another gateway’s`, {
    cause,
    hint: 'give each gateway a store path of its own',
  });
