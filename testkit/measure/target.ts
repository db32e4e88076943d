/** What a measurement was meant to reach, and whether it did. */
import { type Cell, table } from '../../cli/output.ts';

export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly measured: string;
  readonly met: boolean;
}

export interface Bound {
  readonly what: string;
  readonly value: number;
  /** How a number is written, unit included. */
  readonly shown: (value: number) => string;
}

export const atLeast = (least: number, { what, value, shown }: Bound): Target => ({
  what,
  wanted: `≥ ${shown(least)}`,
  measured: Number.isNaN(value) ? 'not measured' : shown(value),
  met: value >= least,
});

export const atMost = (most: number, { what, value, shown }: Bound): Target => ({
  what,
  wanted: `≤ ${shown(most)}`,
  measured: Number.isNaN(value) ? 'not measured' : shown(value),
  met: value <= most,
});

export const below = (limit: number, { what, value, shown }: Bound): Target => ({
  ...atMost(limit, { what, value, shown }),
  wanted: `< ${shown(limit)}`,
  met: value < limit,
});

export function targetTable(targets: readonly Target[]): string {
  const rows = targets.map(({ what, wanted, measured, met }): Cell[] => [
    met ? '✔ met' : '✖ missed',
    what,
    wanted,
    measured,
  ]);
  return table(['target', 'of what', 'wanted', 'measured'], rows);
}
