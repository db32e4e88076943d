/** What a process and those that it has started use of processor and memory. Linux only, as is everything measured here. */
import { readdirSync, readFileSync } from 'node:fs';
import { errorCode } from '../../platform/errors.ts';

/** USER_HZ, which every Linux that Node.js runs on has at 100. */
const TICKS_PER_SECOND = 100;
const BYTES_PER_KIB = 1_024;

/**
 * Seconds in user and system mode since their start, to a hundredth, with what their ended children have used: servers
 * that open a process for each connection keep closing some.
 */
export function cpuSeconds(pid: number): number {
  let ticks = 0;
  const queue = [pid];
  for (let process = queue.pop(); process !== undefined; process = queue.pop()) {
    const stat = readIfThere(`/proc/${process}/stat`);
    // The second field is a name in brackets, and may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // utime, stime, cutime, cstime
    ticks += [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field] ?? 0), 0);
    queue.push(...childrenOf(process));
  }
  return ticks / TICKS_PER_SECOND;
}

export interface ResidentMemory {
  readonly bytes: number;
  /** The most it has been since the process began. */
  readonly mostBytes: number;
}

export function residentMemory(pid: number): ResidentMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN) * BYTES_PER_KIB;
  return { bytes: of('VmRSS'), mostBytes: of('VmHWM') };
}

function childrenOf(pid: number): number[] {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
  return threads
    .flatMap((thread) => readIfThere(`/proc/${pid}/task/${thread}/children`).split(' '))
    .filter((child) => child.trim() !== '')
    .map(Number);
}

/** Empty where a process has ended meanwhile. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}
