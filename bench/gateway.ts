/**
 * What a gateway takes of the processor for each operation, and how many it serves: against a bare echo of as many bytes,
 * the general codec, and PyKMIP's server. All are measured in turns over the same number of connections; what counts is
 * the ratio within a round, since it does not depend on the machine.
 *
 *     npm run bench:gateway
 *     npm run bench:gateway -- --matrix targets --rounds 15
 */
import { table } from '../cli/output.ts';
import { errorMessage } from '../platform/errors.ts';
import { measure } from '../testkit/measure/command.ts';
import { medianOf } from '../testkit/measure/spread.ts';
import { Bench } from './gateway/bench.ts';
import { cellsOf, type Matrix, matrices, titleOf } from './gateway/cells.ts';
import type { Negotiated } from './gateway/connections.ts';
import { against, type Row, ratioText, targetsOf } from './gateway/result.ts';
import type { Server } from './gateway/servers.ts';

const options = {
  matrix: { default: 'star', about: 'which rows are measured', choices: matrices },
  rounds: { default: 7, about: 'turns of every server in each row' },
  seconds: { default: 1, about: 'how long a turn lasts' },
  grown: { default: false, about: 'the echo has as much room for young objects as a gateway gives itself' },
  quick: { default: false, about: 'a few rows for a fraction of a second each, to see that it works' },
} as const;

const QUICK = { matrix: 'quick', rounds: 2, seconds: 0.2 } as const;

await measure('bench:gateway', options, async ({ quick, ...given }, stage) => {
  const { grown } = given;
  const { matrix, rounds, seconds } = quick ? QUICK : given;
  const cells = cellsOf(matrix as Matrix);
  const turns = cells.reduce((sum, { against: references }) => sum + references.length + 1, 0);
  const minutes = Math.ceil((turns * rounds * seconds) / 60);
  const bench = await stage(
    'start a region with two gateways, and PyKMIP',
    () => Bench.start(),
    () => `${cells.length} rows, some ${minutes} min`,
  );
  try {
    const rows: Row[] = [];
    const failures = [...bench.problems];
    for (const cell of cells) {
      // One row that cannot be measured is no reason to lose the others, which may have taken an hour.
      const row = await bench
        .row(cell, { rounds, turnMs: seconds * 1_000, grown }, stage)
        .catch((error: unknown) => void failures.push(`${titleOf(cell)}: ${errorMessage(error)}`));
      if (row !== undefined) rows.push(row);
    }
    return verdict(rows, Object.fromEntries(bench.tls), failures);
  } finally {
    await bench.close();
  }
});

function verdict(
  rows: readonly Row[],
  tls: Readonly<Record<string, Negotiated>>,
  failures: readonly string[],
) {
  const lines = rows.map((row) => {
    const { cell, requestBytes, responseBytes, runs } = row;
    const echo = against(row, 'echo');
    const micros = (name: Server['name']): string | undefined => {
      const own = runs[name];
      return own === undefined ? undefined : medianOf(own.micros).toFixed(1);
    };
    return [
      titleOf(cell),
      `${requestBytes} → ${responseBytes}`,
      ...(['echo', 'gateway', 'general', 'pykmip'] as const).map(micros),
      ratioText(echo),
      echo === undefined
        ? undefined
        : [echo.min, echo.q1, echo.q3, echo.max].map((value) => value.toFixed(2)).join(' '),
      Math.round(medianOf(runs.gateway?.perSecond ?? [])),
    ];
  });
  const head = [
    'operation',
    'bytes',
    'echo µs',
    'gateway µs',
    'general µs',
    'PyKMIP µs',
    'echo ÷ gateway',
    'min q1 q3 max',
    'a second',
  ];
  const protocols = Object.entries(tls).map(([name, { version, cipher }]) => `${name} ${version} ${cipher}`);
  return {
    data: { rows, tls },
    text: `Processor time of the server for each item.\n${table(head, lines)}\n${protocols.join('; ')}`,
    failures,
    targets: targetsOf(rows),
  };
}
