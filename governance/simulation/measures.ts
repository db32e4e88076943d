/**
 * How long a drill took to be felt, and to be over. Times are differences on one clock, governance's, from asking a region to
 * hearing its answer: they hold whatever the clocks of the regions say, and what they take for the way back they are too
 * long, never too short.
 */
import type { DrillRegion } from '../store/simulation-tables.ts';

export interface RegionMeasures {
  /** Until the last gateway refused; null: not known, or a gateway has not confirmed. */
  refusedWithinMs: number | null;
  /** Until every gateway could serve again; null: not known, or the region ended the drill before it was asked to. */
  backWithinMs: number | null;
  /** When the gateways that have not confirmed refused at the latest: their leases ended. */
  refusedBy: string | null;
}

export function measuresOf(row: DrillRegion): RegionMeasures {
  const { cut, restored } = row;
  const silent = cut !== null && cut.untold.length > 0;
  return {
    refusedWithinMs: cut === null || silent ? null : between(row.asked_at, row.cut_answered_at),
    backWithinMs:
      restored === null || !restored.heldUntilNow || restored.untold.length > 0
        ? null
        : between(row.restore_asked_at, row.restore_answered_at),
    refusedBy: cut !== null && silent ? cut.leasesEndBy : null,
  };
}

function between(from: Date | null, to: Date | null): number | null {
  return from === null || to === null ? null : Math.max(0, to.getTime() - from.getTime());
}

export interface Measured {
  /** Time to last refusal: of the slowest region; null as long as one of them is not known. */
  timeToLastRefusalMs: number | null;
  timeBackMs: number | null;
}

export function measured(rows: readonly DrillRegion[]): Measured {
  const regions = rows.map(measuresOf);
  return {
    timeToLastRefusalMs: slowest(regions.map(({ refusedWithinMs }) => refusedWithinMs)),
    timeBackMs: slowest(regions.map(({ backWithinMs }) => backWithinMs)),
  };
}

function slowest(times: readonly (number | null)[]): number | null {
  let most: number | null = null;
  for (const time of times) {
    if (time === null) return null;
    most = Math.max(most ?? 0, time);
  }
  return most;
}
