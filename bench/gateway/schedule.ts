/**
 * When requests of an open loop are due: at a fixed rate, whatever the server does. Latency counts from here, so that a
 * server that stalls is charged for every request that it kept from being sent in time (no coordinated omission).
 */
export class Schedule {
  readonly total: number;
  readonly #startMs: number;
  readonly #perMs: number;

  /** `startMs` is when the first is due, on the clock that `due` is asked by. */
  constructor(startMs: number, perSecond: number, seconds: number) {
    this.total = Math.max(1, Math.round(perSecond * seconds));
    this.#startMs = startMs;
    this.#perMs = perSecond / 1_000;
  }

  dueAt(index: number): number {
    return this.#startMs + index / this.#perMs;
  }

  /** How many are due by now, of all that there are. */
  due(nowMs: number): number {
    return Math.min(this.total, Math.max(0, Math.floor((nowMs - this.#startMs) * this.#perMs) + 1));
  }
}
