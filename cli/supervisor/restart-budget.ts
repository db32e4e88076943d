/** How often a component that dies may be started again: a few times a minute, further and further apart. */

export const MAX_RESTARTS = 5;
export const RESTART_WINDOW_MS = 60_000;
const BASE_MS = 200;
const CAP_MS = 5_000;

export class RestartBudget {
  readonly #now: () => number;
  #restarts: number[] = [];

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** How long to wait before the next start, in milliseconds; undefined when the budget is spent. */
  next(): number | undefined {
    const now = this.#now();
    this.#restarts = this.#restarts.filter((at) => now - at < RESTART_WINDOW_MS);
    if (this.#restarts.length >= MAX_RESTARTS) return undefined;
    const delay = Math.min(CAP_MS, BASE_MS * 2 ** this.#restarts.length);
    this.#restarts.push(now);
    return delay;
  }

  reset(): void {
    this.#restarts = [];
  }
}
