/** Work that runs again and again, one run at a time; a run that fails is logged and the next one comes as usual. */
import type { Logger } from '../platform/log.ts';

export interface Periodic {
  /** Runs now, or once more after the present run. */
  wake(): void;
  /** Waits for the present run. */
  stop(): Promise<void>;
}

/** `everyMs` is counted from the end of a run. */
export function startPeriodic(
  name: string,
  everyMs: number,
  logger: Logger,
  run: () => Promise<void>,
): Periodic {
  let stopped = false;
  let woken = false;
  let interrupt: () => void = () => undefined;

  const loop = async (): Promise<void> => {
    while (!stopped) {
      woken = false;
      try {
        await run();
      } catch (error) {
        logger.error({ err: error, work: name }, 'periodic work failed; it is tried again');
      }
      if (stopped || woken) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, everyMs);
        interrupt = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      interrupt = () => undefined;
    }
  };
  const done = loop();
  return {
    wake: () => {
      woken = true;
      interrupt();
    },
    stop: async () => {
      stopped = true;
      interrupt();
      await done;
    },
  };
}
