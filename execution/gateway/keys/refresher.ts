/**
 * Work that nobody waits for and that must get done: tried again with growing pauses, so many pieces at a time, and one
 * piece for each name. What comes in while a piece is at work has it done once more.
 */
import { backoffMs, sleep } from '../../../platform/backoff.ts';
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import {
  MAX_BACKGROUND_REFRESHES,
  MAX_REFRESH_TRIES,
  REFRESH_BACKOFF,
  REFRESH_SPACING_MS,
} from '../limits.ts';

export interface RefreshTask {
  /** One try. Returns whether all is done; false: it went well, and more is to come. */
  run(): Promise<boolean>;
}

interface Loop {
  again: boolean;
}

export class Refresher {
  readonly #logger: Logger;
  readonly #loops = new Map<string, Loop>();
  readonly #waiting: (() => void)[] = [];
  readonly #stopping = new AbortController();
  #atWork = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Has the task of this name run, from its beginning, some time after now. */
  soon(name: string, task: RefreshTask): void {
    if (this.#stopping.signal.aborted) return;
    const known = this.#loops.get(name);
    if (known !== undefined) {
      known.again = true;
      return;
    }
    const loop: Loop = { again: false };
    this.#loops.set(name, loop);
    // It rejects only when it is stopped.
    this.#run(name, task, loop).catch(() => undefined);
  }

  /** Whether the task of this name is at work, or will be by itself. */
  has(name: string): boolean {
    return this.#loops.has(name);
  }

  close(): void {
    this.#stopping.abort();
    for (const start of this.#waiting.splice(0)) start();
  }

  async #run(name: string, task: RefreshTask, loop: Loop): Promise<void> {
    const { signal } = this.#stopping;
    try {
      for (let tries = 0; tries < MAX_REFRESH_TRIES; ) {
        loop.again = false;
        let pauseMs: number = REFRESH_SPACING_MS;
        try {
          const isDone = await this.#inTurn(() => task.run());
          if (isDone && !loop.again) return;
          tries = isDone ? 0 : tries + 1;
        } catch (error) {
          this.#logger.warn({ name, tries, cause: errorMessage(error) }, 'a lease could not be refreshed');
          pauseMs += backoffMs(tries++, REFRESH_BACKOFF);
        }
        await sleep(pauseMs, signal);
      }
    } finally {
      // In the same turn as the last look at `again`: whoever comes now starts a loop of their own.
      this.#loops.delete(name);
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#atWork >= MAX_BACKGROUND_REFRESHES) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#atWork += 1;
    }
    try {
      this.#stopping.signal.throwIfAborted();
      return await work();
    } finally {
      // The place passes on before anybody new can ask for it.
      const next = this.#waiting.shift();
      if (next === undefined) this.#atWork -= 1;
      else next();
    }
  }
}
