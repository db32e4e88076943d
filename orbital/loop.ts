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

/** `step` answers how many milliseconds to wait before it is run again. */
export function startLoop(name: string, logger: Logger, step: () => Promise<number>): Loop {
  let stopped = false;
  let woken = false;
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
      if (!stopped && !woken && waitMs > 0) await wait(waitMs);
    }
  }

  const running = run();
  return {
    wake() {
      woken = true;
      endWait();
    },
    async stop() {
      stopped = true;
      endWait();
      await running;
    },
  };
}
