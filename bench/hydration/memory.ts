/** What the process takes of memory, after the collector has done what it can. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memoryLockStatus } from '../../execution/envelope/index.ts';

export interface MemoryUse {
  readonly residentBytes: number;
  readonly heapBytes: number;
  /** Asked for as locked memory, and what the kernel says it has locked. */
  readonly secretBytes: number;
  readonly lockedBytes: number | undefined;
  readonly lock: string;
}

const COLLECTIONS = 3;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

export async function memoryUse(): Promise<MemoryUse> {
  for (let round = 0; round < COLLECTIONS; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { rss, heapUsed } = process.memoryUsage();
  const { wantedBytes, lockedBytes, state } = memoryLockStatus();
  return { residentBytes: rss, heapBytes: heapUsed, secretBytes: wantedBytes, lockedBytes, lock: state };
}
