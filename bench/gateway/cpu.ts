/**
 * What a server has used of the processor: its process and those that it started, all threads of each, in user and system
 * mode. Linux only, as is everything that is measured here.
 *
 * The kernel keeps the time of every thread in nanoseconds and tells it in `/proc/PID/task/TID/schedstat`; a thread that
 * has ended is no longer there. `/proc/PID/stat` includes those, but tells tens of milliseconds: it is read as well, and
 * used where a thread has ended in between. A thread that runs while it is read may lack what it has used since the last
 * tick of the clock: read when the server waits.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { errorCode } from '../../platform/errors.ts';

/** USER_HZ, which every Linux that Node.js runs on has at 100. */
const TICKS_PER_SECOND = 100;
const NANOSECONDS = 1e9;

export interface CpuReading {
  /** Nanoseconds by process and thread. */
  readonly threads: ReadonlyMap<string, number>;
  /** Hundredths of a second by process, of threads that have ended, too. */
  readonly processes: ReadonlyMap<number, number>;
}

export function readCpu(pid: number): CpuReading {
  const threads = new Map<string, number>();
  const processes = new Map<number, number>();
  for (const process of withDescendants(pid)) {
    processes.set(process, ticksOf(process));
    for (const thread of threadsOf(process)) {
      const running = readIfThere(`/proc/${process}/task/${thread}/schedstat`);
      if (running !== '') threads.set(`${process}/${thread}`, Number(running.split(' ')[0]));
    }
  }
  return { threads, processes };
}

/** A process, those that it has started, and so on. */
export function withDescendants(pid: number): readonly number[] {
  const found = [pid];
  // What is appended is looked at, too.
  for (const process of found)
    for (const thread of threadsOf(process)) {
      const children = readIfThere(`/proc/${process}/task/${thread}/children`).trim();
      if (children !== '') found.push(...children.split(' ').map(Number));
    }
  return found;
}

/** None of a process that has ended meanwhile. */
function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Errors: when a process has ended in between, whose time is lost. */
export function cpuSecondsBetween(before: CpuReading, after: CpuReading): number {
  for (const pid of before.processes.keys())
    if (!after.processes.has(pid)) throw new Error(`process ${pid} ended while it was measured`);
  const threads = [...before.threads.keys()];
  const isWhole = threads.length > 0 && threads.every((thread) => after.threads.has(thread));
  return isWhole
    ? (sum(after.threads) - sum(before.threads)) / NANOSECONDS
    : (sum(after.processes) - sum(before.processes)) / TICKS_PER_SECOND;
}

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is a name in brackets, and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Empty where a thread has ended meanwhile, or the kernel was built without this. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}

const sum = (times: ReadonlyMap<unknown, number>): number =>
  [...times.values()].reduce((total, time) => total + time, 0);
