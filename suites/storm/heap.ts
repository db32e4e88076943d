/** How large the heaps of the region's processes are once all garbage has been collected, as their metrics tell. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { System } from '../../testkit/system.ts';

const METRIC = /^nodejs_heap_size_used_bytes(?:\{[^}]*\})? (\S+)$/m;
const LOOK_EVERY_MS = 1_000;

export const watched = ['gateway', 'core'] as const;
export type Watched = (typeof watched)[number];
export type Heaps = Readonly<Record<Watched, number>>;

/** What a system has to be started with, to be asked for its heaps. */
export const nodeOptions = [
  '--expose-gc',
  `--import=${new URL('./collect.ts', import.meta.url).href}`,
] as const;

/**
 * V8 leaves garbage lying until it needs the room, so that a heap is as large as it happens to be: it is told to collect
 * first. Then the smallest of as many looks counts, a second apart, since the processes are never quite idle.
 */
export async function collectedHeaps(system: System, region: string, looks: number): Promise<Heaps> {
  const { processes } = await system.refreshed();
  const smallest = { gateway: Number.POSITIVE_INFINITY, core: Number.POSITIVE_INFINITY };
  for (let look = 0; look < looks; look++) {
    for (const { name, pid } of processes) {
      if (pid !== null && watched.some((one) => name === `${region}/${one}`)) process.kill(pid, 'SIGUSR2');
    }
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
