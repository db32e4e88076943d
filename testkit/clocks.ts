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
