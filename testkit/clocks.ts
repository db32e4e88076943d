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
/** A machine is taken for so many times slower than it should be, and not for more. */
const SLOWEST = 5;

/**
 * How long `work` took of this process, in milliseconds, give or take 10: each turn of a timer of it counts as what it should
 * take, and as the processor time that was spent in it where that is more. The time in which the process is stopped, or waits for
 * a processor, is none; that of a system call that does not come back counts as a fifth.
 */
export async function waitedMs(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let sumMs = 0;
  let [seenAt, seenCpuMs] = [startedAt, cpuMs()];
  const turn = (leastMs: number): void => {
    const [now, spentMs] = [performance.now(), cpuMs()];
    sumMs += Math.max(leastMs, Math.min(now - seenAt, spentMs - seenCpuMs));
    [seenAt, seenCpuMs] = [now, spentMs];
  };
  const timer = setInterval(() => turn(TURN_MS), TURN_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  turn(0);
  return Math.max(sumMs, (performance.now() - startedAt) / SLOWEST);
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Processor time that `work` took, in milliseconds: what it costs, however many others want the processor. */
export function processorMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
