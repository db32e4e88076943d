// What many measurements say, in a few numbers.
import { createHistogram } from 'node:perf_hooks';

/** Percentiles by nearest rank: of 100 runs p50 is the 50th and p99 the 99th, in order of size. */
export interface Distribution {
  readonly runs: number;
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const noRuns: Distribution = { runs: 0, min: Number.NaN, p50: Number.NaN, p99: Number.NaN, max: Number.NaN };

export function distributionOf(samples: readonly number[]): Distribution {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (index: number): number => sorted[Math.max(0, index)] ?? Number.NaN;
  const ranked = (share: number): number => at(Math.ceil(share * sorted.length) - 1);
  return { runs: sorted.length, min: at(0), p50: ranked(0.5), p99: ranked(0.99), max: at(sorted.length - 1) };
}

const MICROSECONDS = 1_000;
const HIGHEST_MS = 600_000;
const FIGURES = 3;

/** The same of millions of durations in milliseconds, in memory that does not grow: to three digits, none below 1 µs. */
export class Recorder {
  readonly #histogram = createHistogram({
    lowest: 1,
    highest: HIGHEST_MS * MICROSECONDS,
    figures: FIGURES,
  });

  record(ms: number): void {
    this.#histogram.record(Math.max(1, Math.round(Math.min(HIGHEST_MS, ms) * MICROSECONDS)));
  }

  get distribution(): Distribution {
    const { count, min, max } = this.#histogram;
    if (count === 0) return noRuns;
    const ms = (value: number): number => value / MICROSECONDS;
    return {
      runs: count,
      min: ms(min),
      p50: ms(this.#histogram.percentile(50)),
      p99: ms(this.#histogram.percentile(99)),
      max: ms(max),
    };
  }
}
