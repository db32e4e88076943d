// Clocks that only the test moves, for what runs out by them: a processor that is busy elsewhere changes nothing.
import type { TestContext } from 'node:test';

/** Stops `performance.now` and `Date.now` until the test `t` ends. Timers go on by the real time. */
export function standingClocks(t: TestContext): { readonly advance: (ms: number) => void } {
  const [monotonicMs, wallMs] = [performance.now(), Date.now()];
  let movedMs = 0;
  t.mock.method(performance, 'now', () => monotonicMs + movedMs);
  t.mock.method(Date, 'now', () => wallMs + movedMs);
  return {
    advance: (ms) => {
      movedMs += ms;
    },
  };
}

const TURN_MS = 10;

/**
 * How long `work` took of this process, in milliseconds, give or take 10: counted by a timer of it, so that the time in which
 * the process is stopped, or waits for a processor, is none; and at least the processor time that was spent meanwhile, so
 * that whoever blocks the process is not let off.
 */
export async function waitedMs(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  const before = process.cpuUsage();
  const timer = setInterval(() => {
    turns += 1;
  }, TURN_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  const { user, system } = process.cpuUsage(before);
  return Math.max(turns * TURN_MS, (user + system) / 1_000);
}

/** Processor time that `work` took, in milliseconds: what it costs, however many others want the processor. */
export function processorMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
