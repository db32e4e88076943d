/**
 * Durations by the million in memory that does not grow, as an HDR histogram keeps them: buckets as wide as a tenth of a
 * per cent of what lies in them. Unlike that of `node:perf_hooks` it can be handed to another process and added to others.
 */

/** A tenth of a microsecond. */
const TICKS_PER_MS = 10_000;
/** Buckets of every power of two: 1,024, so that a bucket is at most a 1,024th of its values wide. */
const BUCKET_BITS = 10;
const BUCKETS = 2 ** BUCKET_BITS;
/** Seven minutes; what is longer counts as this long. */
const HIGHEST_TICKS = 2 ** 32 - 1;
const HIGHEST_INDEX = (31 - BUCKET_BITS) * BUCKETS + 2 * BUCKETS - 1;

/** Pairs of a bucket's number and how many lie in it, for JSON. */
export type PackedHistogram = readonly (readonly [number, number])[];

export class Histogram {
  readonly #counts = new Float64Array(HIGHEST_INDEX + 1);
  #count = 0;

  static unpack(packed: PackedHistogram): Histogram {
    const made = new Histogram();
    for (const [index, count] of packed) made.#put(index, count);
    return made;
  }

  get count(): number {
    return this.#count;
  }

  /** Milliseconds; below a tenth of a microsecond counts as nothing. */
  record(ms: number): void {
    const ticks = Math.min(HIGHEST_TICKS, Math.max(0, Math.round(ms * TICKS_PER_MS)));
    this.#put(indexOf(ticks), 1);
  }

  add(other: Histogram): void {
    for (const [index, count] of other.pack()) this.#put(index, count);
  }

  /** Milliseconds, by nearest rank, as the upper end of the bucket; NaN when empty. */
  percentile(percent: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil((percent / 100) * this.#count));
    let seen = 0;
    for (let index = 0; index <= HIGHEST_INDEX; index++) {
      seen += this.#counts[index] ?? 0;
      if (seen >= rank) return upperEnd(index) / TICKS_PER_MS;
    }
    return upperEnd(HIGHEST_INDEX) / TICKS_PER_MS;
  }

  /** The share of values that took at most so long, to the width of a bucket. */
  shareWithin(ms: number): number {
    const last = indexOf(Math.min(HIGHEST_TICKS, Math.max(0, Math.round(ms * TICKS_PER_MS))));
    let seen = 0;
    for (let index = 0; index <= last; index++) seen += this.#counts[index] ?? 0;
    return seen / this.#count;
  }

  pack(): [number, number][] {
    const packed: [number, number][] = [];
    for (const [index, count] of this.#counts.entries()) if (count > 0) packed.push([index, count]);
    return packed;
  }

  #put(index: number, count: number): void {
    this.#counts[index] = (this.#counts[index] ?? 0) + count;
    this.#count += count;
  }
}

/** Below 2 × BUCKETS every value has a bucket; above that each power of two has BUCKETS of them. */
function indexOf(ticks: number): number {
  const exponent = Math.max(0, 31 - BUCKET_BITS - Math.clz32(ticks));
  return exponent * BUCKETS + (ticks >>> exponent);
}

function upperEnd(index: number): number {
  if (index < 2 * BUCKETS) return index;
  const exponent = Math.floor(index / BUCKETS) - 1;
  return (index - exponent * BUCKETS + 1) * 2 ** exponent - 1;
}
