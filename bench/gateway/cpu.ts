/** What a process has used of the processor. Linux only, as is everything that is measured here. */
import { readFileSync } from 'node:fs';

/** USER_HZ, which every Linux that Node.js runs on has at 100. */
const TICKS_PER_SECOND = 100;

/** Seconds in user and system mode, of all threads, in steps of 10 ms. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is a name in brackets, and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
