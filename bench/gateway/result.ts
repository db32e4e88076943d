/** The results of the gateway's benches as they are kept as JSON, and what the verdict says of them. */
import type { Spread } from '../../testkit/measure/spread.ts';
import { atLeast, type Target } from '../../testkit/measure/target.ts';
import { type Cell, type Reference, titleOf } from './cells.ts';
import type { Negotiated } from './connections.ts';
import { ratioOf } from './rounds.ts';
import type { Server } from './servers.ts';

export interface Measured {
  readonly micros: readonly number[];
  readonly perSecond: readonly number[];
  readonly unsettled: number;
}

export interface Row {
  readonly cell: Cell;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly runs: Readonly<Partial<Record<Server['name'], Measured>>>;
}

export interface GatewayResult {
  readonly rows: readonly Row[];
  readonly tls: Readonly<Partial<Record<Server['name'], Negotiated>>>;
}

const LEAST_OF_ECHO = { one: 0.85, sixteen: 0.55 };
const LEAST_OVER_PYKMIP = 100;

/** A reference's processor time in that of the gateway; undefined where it was not measured. */
export function against({ runs }: Row, reference: Reference) {
  const [first, second] = [runs[reference], runs.gateway];
  return first === undefined || second === undefined
    ? undefined
    : ratioOf({ micros: [...first.micros] }, { micros: [...second.micros] });
}

export function ratioText(ratio: Spread | undefined): string {
  return ratio === undefined ? '–' : ratio.median.toFixed(ratio.median < 0.1 ? 3 : ratio.median < 10 ? 2 : 0);
}

export function targetsOf(rows: readonly Row[]): Target[] {
  const row = (depth: number): Row | undefined =>
    rows.find(
      ({ cell }) =>
        cell.verb === 'Encrypt' &&
        cell.payloadBytes === 32 &&
        cell.connections === 16 &&
        cell.depth === depth &&
        cell.batch === 1,
    );
  const bound = (of: Row | undefined, reference: Reference, digits: number) => ({
    what: `server CPU, ${reference === 'echo' ? 'echo' : 'PyKMIP'} ÷ gateway: ${of === undefined ? 'Encrypt' : titleOf(of.cell)}`,
    value: (of === undefined ? undefined : against(of, reference))?.median ?? Number.NaN,
    shown: (value: number) => value.toFixed(digits),
  });
  return [
    atLeast(LEAST_OF_ECHO.one, bound(row(1), 'echo', 2)),
    atLeast(LEAST_OF_ECHO.sixteen, bound(row(16), 'echo', 2)),
    atLeast(LEAST_OVER_PYKMIP, bound(row(1), 'pykmip', 0)),
  ];
}
