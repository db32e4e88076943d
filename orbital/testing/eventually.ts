/** Waiting in tests for what becomes true by itself. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

const WAIT_MS = 15_000;

/** Until `holds` does; fails after `waitMs`, naming what was waited for. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  waitMs = WAIT_MS,
): Promise<void> {
  const end = performance.now() + waitMs;
  while (!(await holds())) {
    if (performance.now() > end) assert.fail(`still not so after ${waitMs} ms: ${what}`);
    await delay(10);
  }
}
