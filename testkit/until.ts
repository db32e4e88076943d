// Waiting for what becomes true by itself.
import { setTimeout as delay } from 'node:timers/promises';

const MIN_PAUSE_MS = 20;
const MAX_PAUSE_MS = 150;
/** Of what has been waited already. */
const PAUSE_SHARE = 1 / 8;
/** Not a bound on anything: what never happens fails by it, and what a busy processor has happen late does not. */
const PATIENCE_MS = 20_000;

/** The real clock, also where a test has stopped it for what it tests. */
const nowMs = performance.now.bind(performance);

/** Before asking again: what is soon there is soon seen, and what takes long is not kept from its processor by questions. */
const pause = (waitedMs: number): Promise<void> =>
  delay(Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, waitedMs * PAUSE_SHARE)));

/** Until `holds` does; fails after `withinMs` (20 s), naming what was waited for. Returns how long it took, in milliseconds. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = PATIENCE_MS,
): Promise<number> {
  const startedAt = nowMs();
  while (!(await holds())) {
    const waitedMs = nowMs() - startedAt;
    if (waitedMs > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await pause(waitedMs);
  }
  return nowMs() - startedAt;
}
