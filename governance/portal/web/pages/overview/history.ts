/** The last readings of figures that CMK tells only as they are now, kept while the portal is open. */
import { useEffect, useState } from 'react';

/** At a reading every two seconds, six minutes. */
const MAX_READINGS = 180;

const kept = new Map<string, readonly number[]>();
const MAX_FIGURES = 200;

/** @param at When it was read: the same reading counts once. */
export function useHistory(figure: string, value: number, at: number): readonly number[] {
  const [readings, setReadings] = useState<readonly number[]>(() => kept.get(figure) ?? []);
  // A new reading is one that was read at another time, also where the value is the same.
  useEffect(() => {
    const next = [...(kept.get(figure) ?? []), value].slice(-MAX_READINGS);
    if (kept.has(figure) || kept.size < MAX_FIGURES) kept.set(figure, next);
    setReadings(next);
  }, [figure, at]);
  return readings;
}
