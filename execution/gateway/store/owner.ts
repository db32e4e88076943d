/** A store belongs to one gateway, of one process or several: two would each take the other's announcements for their own. */
import { OkcmError } from '../../../platform/errors.ts';
import { type FileLock, lockFileNow } from '../../../platform/file-lock.ts';
import { STORE_LOCK_WAIT_MS } from '../limits.ts';

/** Until it is released, or this process ends. Waits for a predecessor that is about to end. Error: STORE_UNUSABLE. */
export function ownStore(path: string): FileLock {
  try {
    return lockFileNow(`${path}.owner`, STORE_LOCK_WAIT_MS);
  } catch (error) {
    if (!(error instanceof OkcmError) || error.code !== 'FILE_LOCKED') throw error;
    throw new OkcmError('STORE_UNUSABLE', `the key store ${path} is another gateway’s`, {
      cause: error,
      hint: 'give each gateway a store path of its own',
    });
  }
}
