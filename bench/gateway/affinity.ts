/**
 * Who runs on which processor. A generator that polls keeps its processor, and a request over the loopback wakes the server
 * on the one that it was sent from: there it waits for milliseconds, as often as the scheduler likes, and that is what would be measured.
 */
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { errorMessage } from '../../platform/errors.ts';

const execute = promisify(execFile);

/**
 * The generator gets the first processor, with everything else of the machine that wants it, and servers the others.
 * @returns why that is not so, or nothing
 */
export async function apart(generator: number, servers: readonly number[]): Promise<string | undefined> {
  const processors = availableParallelism();
  if (processors < 2) return 'generator and servers share the one processor';
  try {
    await pin(generator, '0');
    for (const server of servers) await pin(server, `1-${processors - 1}`);
    return undefined;
  } catch (error) {
    return `generator and servers could not be kept on processors of their own by taskset: ${errorMessage(error)}`;
  }
}

/** All threads of a process. */
async function pin(pid: number, processors: string): Promise<void> {
  await execute('taskset', ['--all-tasks', '--cpu-list', '--pid', processors, String(pid)]);
}
