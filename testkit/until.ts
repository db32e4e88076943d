// Waiting for what becomes true by itself.
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

/** Until `holds` does; fails after `withinMs`, naming what was waited for. Returns how long it took, in milliseconds. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 3_000,
): Promise<number> {
  const startedAt = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedAt > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(POLL_MS);
  }
  return performance.now() - startedAt;
}
