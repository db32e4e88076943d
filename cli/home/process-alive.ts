/** Whether whoever wrote a file of the home still lives: a supervisor that was killed leaves its files behind. */
import { errorCode } from '../../platform/errors.ts';

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}
