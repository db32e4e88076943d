/** One supervisor per home; the kernel lets go of the lock when its holder dies, however it dies. */
import { existsSync } from 'node:fs';
import { errorCode } from '../../platform/errors.ts';
import { type FileLock, lockFile } from '../../platform/file-lock.ts';
import { CliError } from '../errors.ts';
import type { HomePaths } from './paths.ts';

/** A supervisor that was just told to stop may need this long to let go, in milliseconds. */
const PATIENCE_MS = 500;

/** Errors: HOME_LOCKED while another process holds it. */
export async function lockHome(paths: HomePaths): Promise<FileLock> {
  try {
    return await lockFile(paths.lock, PATIENCE_MS);
  } catch (error) {
    if (errorCode(error) !== 'FILE_LOCKED') throw error;
    throw new CliError('HOME_LOCKED', `another okcm is running on ${paths.root}`);
  }
}

/** Whether a supervisor has it, which need not be ready yet. */
export async function isHomeLocked(paths: HomePaths): Promise<boolean> {
  if (!existsSync(paths.lock)) return false;
  try {
    (await lockFile(paths.lock, 0)).release();
    return false;
  } catch (error) {
    if (errorCode(error) === 'FILE_LOCKED') return true;
    throw error;
  }
}
