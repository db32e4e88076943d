/** How long calls take, counted in buckets, in milliseconds. */

/** Upper bounds in milliseconds, each inclusive; what is above them is counted as well. */
export const LATENCY_BUCKETS_MS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export interface HistogramSnapshot {
  readonly count: number;
  readonly sumMs: number;
  /** How many took no longer than each bound, cumulative as Prometheus counts. */
  readonly buckets: readonly { readonly leMs: number; readonly count: number }[];
}

export class Histogram {
  /** One more than there are bounds: what is above the last. */
  readonly #counts = new Float64Array(LATENCY_BUCKETS_MS.length + 1);
  #sumMs = 0;

  record(durationMs: number): void {
    let i = 0;
    while (i < LATENCY_BUCKETS_MS.length && durationMs > (LATENCY_BUCKETS_MS[i] ?? 0)) i++;
    this.#counts[i] = (this.#counts[i] ?? 0) + 1;
    this.#sumMs += durationMs;
  }

  snapshot(): HistogramSnapshot {
    let count = 0;
    const buckets = LATENCY_BUCKETS_MS.map((leMs, i) => {
      count += this.#counts[i] ?? 0;
      return { leMs, count };
    });
    return { count: count + (this.#counts[LATENCY_BUCKETS_MS.length] ?? 0), sumMs: this.#sumMs, buckets };
  }
}
