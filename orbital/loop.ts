/** A background step that runs again and again, can be woken early, and outlives its own failures. */
import { backoffMs } from '../platform/backoff.ts';
import type { Logger } from '../platform/log.ts';

export interface Loop {
  /** Runs the next step now; during a step, right after it. */
  wake(): void;
  /** Waits for the step that runs. */
  stop(): Promise<void>;
}

const FAILURE_BACKOFF = { baseMs: 200, capMs: 2_000 } as const;

/**
 * `step` answers how many milliseconds to wait before it is run again; after 0 it is at once. Otherwise `gapMs` at least
 * lie between the end of a step and the next, so that many calls of `wake` in a row cost one step. Who wakes a loop that
 * has waited longer than that waits for nothing.
 */
export function startLoop(name: string, logger: Logger, step: () => Promise<number>, gapMs = 0): Loop {
  let stopped = false;
  let woken = false;
  let resting = false;
  let endWait = (): void => {};

  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopped) {
      woken = false;
      let waitMs: number;
      try {
        waitMs = await step();
        failures = 0;
      } catch (error) {
        waitMs = 50 + backoffMs(failures++, FAILURE_BACKOFF);
        logger.warn({ err: error, loop: name, waitMs }, 'a background step failed and will be tried again');
        await wait(waitMs); // a wake must not turn a failing step into a hot loop
        continue;
      }
      if (waitMs <= 0) continue;
      const endedAt = performance.now();
      if (!stopped && !woken) await wait(waitMs);
      await rest(gapMs - (performance.now() - endedAt));
    }
  }

  /** Ended by `stop` alone. */
  async function rest(ms: number): Promise<void> {
    if (stopped || ms <= 0) return;
    resting = true;
    await wait(ms);
    resting = false;
  }

  const running = run();
  return {
    wake() {
      woken = true;
      if (!resting) endWait();
    },
    async stop() {
      stopped = true;
      endWait();
      await running;
    },
  };
}
