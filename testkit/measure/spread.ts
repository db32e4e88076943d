/** How far a handful of repeated measurements lie apart: what a table shows beside their median. */
export interface Spread {
  readonly runs: number;
  readonly min: number;
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
  readonly max: number;
}

/** Quartiles between two samples are interpolated (R's type 7); of no samples all is NaN. */
export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)] ?? Number.NaN;
    const above = sorted[Math.ceil(place)] ?? Number.NaN;
    // Of two equal neighbours the value itself, not a rounding of it.
    return below === above ? below : below + (above - below) * (place - Math.floor(place));
  };
  return { runs: sorted.length, min: at(0), q1: at(0.25), median: at(0.5), q3: at(0.75), max: at(1) };
}

export const medianOf = (samples: readonly number[]): number => spreadOf(samples).median;
