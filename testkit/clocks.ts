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
 * How long `work` waited, in milliseconds, give or take 10: counted by a timer of this process, so that the time in which
 * it is stopped, or busy without a pause, is none. Never more than has passed.
 */
export async function waitedMs(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, TURN_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return turns * TURN_MS;
}

/** Processor time that `work` took, in milliseconds: what it costs, however many others want the processor. */
export function processorMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
