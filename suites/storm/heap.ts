/** How large the heaps of the region's processes are, as their metrics tell. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { System } from '../../testkit/system.ts';

const METRIC = /^nodejs_heap_size_used_bytes(?:\{[^}]*\})? (\S+)$/m;
const LOOK_EVERY_MS = 1_000;

export const watched = ['gateway', 'core'] as const;
export type Watched = (typeof watched)[number];
export type Heaps = Readonly<Record<Watched, number>>;

/**
 * V8 collects what is left over some seconds after a process has fallen idle. Until then a heap is as large as it
 * happens to be: the smallest of as many looks counts, a second apart.
 */
export async function idleHeaps(system: System, region: string, looks: number): Promise<Heaps> {
  const smallest = { gateway: Number.POSITIVE_INFINITY, core: Number.POSITIVE_INFINITY };
  for (let look = 0; look < looks; look++) {
    await sleep(LOOK_EVERY_MS);
    for (const name of watched) {
      smallest[name] = Math.min(smallest[name], await heapOf(system.region(region).health[name]));
    }
  }
  return smallest;
}

async function heapOf(healthUrl: string): Promise<number> {
  const text = await (await fetch(new URL('/metrics', healthUrl))).text();
  const [, value] = METRIC.exec(text) ?? [];
  if (value === undefined) throw new Error('the metrics do not tell the heap');
  return Number(value);
}
