/**
 * Who runs on which processor, and before whom. A generator that polls keeps its processor, and a request over the loopback
 * wakes the server on the one that it was sent from: there it waits for milliseconds, as often as the scheduler likes, and
 * that is what would be measured. So it waits behind a process that is never on its machine, such as the core of its region.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { errorMessage } from '../../platform/errors.ts';
import { isAlive } from '../../testkit/system.ts';

const execute = promisify(execFile);
const AUTOGROUP = '/proc/sys/kernel/sched_autogroup_enabled';

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

/**
 * These processes, and what they start from now on, get the time that nobody else wants. It says nothing of memory, caches and
 * disks, which they go on sharing. `listed` is asked until it names no others: they start and end all the time.
 * @returns why that is not so, or nothing
 */
export async function behindAllOthers(listed: () => readonly number[]): Promise<string | undefined> {
  const done = new Set<number>();
  try {
    for (let found = listed(); found.length > 0; found = listed().filter((pid) => !done.has(pid)))
      for (const pid of found) {
        done.add(pid);
        // All threads of each.
        await execute('chrt', ['--idle', '--all-tasks', '--pid', '0', String(pid)]).catch(
          (error: unknown) => {
            if (isAlive(pid)) throw error;
          },
        );
      }
    return undefined;
  } catch (error) {
    return `what is on no gateway's machine could not be put behind it by chrt: ${errorMessage(error)}`;
  }
}

/**
 * With automatic groups the kernel shares a processor out among sessions, and a policy counts only within one of them.
 * @returns what somebody who measures has to know, or nothing
 */
export async function aboutGroups(): Promise<string | undefined> {
  const enabled = await readFile(AUTOGROUP, 'utf8').catch(() => '0');
  return enabled.trim() === '0'
    ? undefined
    : 'the core and its database take the processor from the servers: sysctl kernel.sched_autogroup_enabled=0 puts them behind';
}

/** All threads of a process. */
async function pin(pid: number, processors: string): Promise<void> {
  await execute('taskset', ['--all-tasks', '--cpu-list', '--pid', processors, String(pid)]);
}
