/** What docs/benchmarks.md says of each bench: how it measures, and the tables of its result. */
import { medianOf, spreadOf } from '../../testkit/measure/spread.ts';
import { against, type Row } from '../gateway/result.ts';
import { aboutShape, shapes } from '../gateway/shapes.ts';
import {
  distributionHead,
  distributionRows,
  figure,
  type MarkdownCell,
  markdownTable,
  spreadText,
} from './markdown.ts';
import { orbitalSection } from './orbital.ts';
import type { ResultName, ResultOf, Section } from './results.ts';

const MIBIBYTE = 1024 ** 2;
const millions = (count: number): string => (count / 1e6).toFixed(2);

export const sections: { readonly [N in ResultName]: Section<N> } = {
  gateway: {
    title: 'The gateway: processor time and throughput',
    method: `A whole region runs: core, PostgreSQL, broker, and a gateway with authorisation, metrics and audit on, over TLS with client
certificates. Messages are encoded beforehand; each connection sends one write and waits for all of its answers. *Depth* is
messages in one write, *batch* is items in one message; times are for each item. *Wrap* and *Unwrap* are Encrypt and Decrypt
under the service's own key, \`l3:SERVICE\`.

- **echo**: a Node.js server that only counts bytes and answers with as many as the gateway does, all that is due in one write,
  with the gateway's certificates, TLS version and cipher. It is a server as one writes it in Node: each read comes in memory of its
  own, and V8 decides how much room young objects have. The gateway reads into memory that it uses again and gives itself more
  room, which pays for some of its own work: 1.00 is no bound. \`--grown\` gives the echo as much room; with it the first two
  rows were 0.81 and 0.62.
- **general**: a second gateway of the region with its hot path off, so that the general codec answers everything.
- **PyKMIP**: the server of Debian's \`python3-pykmip\`, asked for the same Encrypt (AES-256-GCM, an IV of the server's). It knows no
  TLS newer than 1.2, wants the algorithm in every request, and logs errors alone here.

Processor time is that of the server's process and its children, user and system, all threads: nanoseconds from
\`/proc/PID/task/*/schedstat\`, read while the server waits. The servers take turns, forwards and backwards (A B B A), and a
ratio is taken within a round. For Get and Create the time goes on until the gateway has told its core of every key and
every entry of the audit trail.`,
    tables: ({ rows, tls }) => [
      markdownTable(
        [
          'operation',
          'connections',
          'depth',
          'batch',
          'bytes in → out',
          'echo µs',
          'gateway µs',
          'echo ÷ gateway',
          'general µs',
          'general ÷ gateway',
          'gateway, items a second',
          'echo, items a second',
        ],
        rows.map(gatewayRow),
      ),
      ...rows.flatMap(pykmipText),
      Object.entries(tls)
        .map(([name, { version, cipher }]) => `${name}: ${version}, ${cipher}`)
        .join('; '),
      ...unsettledText(rows),
    ],
  },
  latency: {
    title: 'Latency at a fixed rate',
    method: `An open loop: requests are due at fixed times, whatever the server does, and latency counts from when a request was due to the
last byte of its answer; a server that stalls is charged for all that it keeps waiting. Encrypt of 32 bytes, turns of a gateway
and a bare echo of as many bytes at the same rate. The generator is a process of its own, which polls instead of using timers;
how late it sent is in the table, and in the latencies. It has a processor of its own. Governance is stopped, and the core with its
database gets what time of the processors the servers leave (\`SCHED_IDLE\`): neither is ever on a gateway's machine. With
\`--grown\`, which gives the echo as much room for young objects as the gateway gives itself, p99 was 1.25 of the echo's. Percentiles are of each turn, out of a histogram whose buckets are a tenth of a per cent wide.`,
    tables: ({ turns, p99Ratio, server, curves, caution }) => [
      markdownTable(
        ['', 'echo, ms', 'gateway, ms'],
        [
          ...(['p50', 'p99', 'p999', 'max'] as const).map((of) => [
            ({ p50: 'p50', p99: 'p99', p999: 'p99.9', max: 'slowest' } as const)[of],
            spreadText(spreadOf(turns.echo.map((turn) => turn[of])), 3),
            spreadText(spreadOf(turns.gateway.map((turn) => turn[of])), 3),
          ]),
          ...(['lateP50', 'lateP99', 'lateP999'] as const).map((of) => [
            `sent late by, ${({ lateP50: 'p50', lateP99: 'p99', lateP999: 'p99.9' } as const)[of]}`,
            spreadText(spreadOf(turns.echo.map((turn) => turn[of])), 3),
            spreadText(spreadOf(turns.gateway.map((turn) => turn[of])), 3),
          ]),
        ],
      ),
      `p99, gateway ÷ echo: ${spreadText(p99Ratio)}. ${serverText(server)}`,
      ...(caution === undefined ? [] : [`> ${caution}`]),
      'All turns together:',
      markdownTable(
        ['percentile', 'echo, ms', 'gateway, ms'],
        curves.gateway.map(([percent, value], index) => [
          percent,
          figure(curves.echo[index]?.[1]),
          figure(value),
        ]),
      ),
    ],
  },
  sustained: {
    title: 'Sustained load',
    method: `Encrypt and Decrypt of 32 bytes by turns, minute after minute, as fast as the gateway answers, with the load generator on the same
machine. An item of a batch is one operation. Before each shape an echo of as many bytes has its turn.

${shapes.map((shape) => `- **${shape}**: ${aboutShape[shape]}.`).join('\n')}`,
    tables: ({ main, shapes: results }) => [
      markdownTable(
        [
          'shape',
          'server',
          'minutes',
          'median, M',
          'worst, M',
          'each minute, M',
          'processors: server',
          'generator',
        ],
        results.flatMap(({ shape, echo, gateway }) =>
          (['echo', 'gateway'] as const).map((name): MarkdownCell[] => {
            const { minutes, serverCpus, generatorCpus } = name === 'echo' ? echo : gateway;
            return [
              shape === main ? `**${shape}**` : shape,
              name,
              minutes.length,
              millions(medianOf(minutes)),
              millions(Math.min(...minutes)),
              minutes.map(millions).join(' '),
              serverCpus.toFixed(2),
              generatorCpus.toFixed(2),
            ];
          }),
        ),
      ),
      `Millions of operations in a minute. The target is about the shape in bold.`,
    ],
  },
  unlink: {
    title: 'UNLINK',
    method: `Two regions, applications that encrypt without a pause through both gateways, and a tenant that is unlinked through CMK's REST API
and linked again. What counts is the time from the answer of the REST call to the first refusal on the last connection. The
reference is a message of the same size through the same broker, with nothing behind it.`,
    tables: ({ milliseconds, ratioToRoundTrip, recordsEncrypted, connectionsPerGateway }) => [
      markdownTable(distributionHead('UNLINK'), distributionRows(milliseconds)),
      `Call sent to all refused, in round trips of the broker: ${figure(ratioToRoundTrip.p50)} (p50 of pairs). ${connectionsPerGateway} connections to
each gateway; ${recordsEncrypted.toLocaleString('en-US')} records were encrypted meanwhile.`,
    ],
  },
  hydration: {
    title: 'Hydration: many tenants in one core',
    method: `How long a core's key chain takes to start and to read a service's keys, cold from PostgreSQL and warm from memory, and what
each tenant held takes of memory. The reference of a cold read is a bare select of the same rows, in turns with it.`,
    tables: ({ tenants, milliseconds, coldInBareSelects, coldLinkedInBareSelects, memory }) => [
      markdownTable(distributionHead('key chain'), distributionRows(milliseconds)),
      `A cold read in bare selects: ${figure(coldInBareSelects.p50)}; of a linked tenant: ${figure(coldLinkedInBareSelects.p50)} (p50 of pairs; ${tenants.toLocaleString('en-US')} tenants).`,
      markdownTable(
        ['tenants held', 'resident MiB', 'heap MiB', 'locked MiB'],
        memory.map(({ tenants: held, use }) => [
          held.toLocaleString('en-US'),
          ...[use.residentBytes, use.heapBytes, use.lockedBytes ?? Number.NaN].map((bytes) =>
            figure(bytes / MIBIBYTE),
          ),
        ]),
      ),
    ],
  },
  orbital: orbitalSection,
};

function gatewayRow(row: Row): MarkdownCell[] {
  const { cell, requestBytes, responseBytes, runs } = row;
  const echo = against(row, 'echo');
  const size = cell.verb === 'Get' || cell.verb === 'Create' ? '' : ` ${cell.payloadBytes} B`;
  const micros = (name: keyof typeof runs): string => figure(medianOf(runs[name]?.micros ?? []));
  const rate = (name: keyof typeof runs): string => figure(medianOf(runs[name]?.perSecond ?? []));
  return [
    `${cell.verb}${size}`,
    cell.connections,
    cell.depth,
    cell.batch,
    `${requestBytes} → ${responseBytes}`,
    micros('echo'),
    micros('gateway'),
    spreadText(echo, digitsOf(echo?.median)),
    micros('general'),
    figure(against(row, 'general')?.median),
    rate('gateway'),
    rate('echo'),
  ];
}

const digitsOf = (ratio = 1): number => (ratio < 0.1 ? 3 : 2);

function pykmipText(row: Row): string[] {
  const ratio = against(row, 'pykmip');
  const { pykmip } = row.runs;
  if (ratio === undefined || pykmip === undefined) return [];
  return [
    `PyKMIP's server takes ${figure(medianOf(pykmip.micros))} µs for the same Encrypt and serves ${figure(medianOf(pykmip.perSecond))} a second: PyKMIP ÷ gateway
is ${spreadText(ratio, 0)}.`,
  ];
}

function unsettledText(rows: readonly Row[]): string[] {
  const left = Math.max(
    ...rows.map(({ runs }) => Math.max(runs.gateway?.unsettled ?? 0, runs.general?.unsettled ?? 0)),
  );
  return left > 0
    ? [
        `Of Get and Create at most ${left.toLocaleString('en-US')} keys and entries were not yet told to the core when a turn's time was up.`,
      ]
    : [];
}

function serverText({ requests, withinLimit, limitMs }: ResultOf<'latency'>['server']): string {
  if (requests === 0 || Number.isNaN(withinLimit ?? Number.NaN))
    return 'The gateway has counted no hot requests.';
  const share = ((withinLimit / requests) * 100).toFixed(3);
  return `As the gateway itself sees them, from the first byte read to the answer handed to TLS, ${share} % of
${requests.toLocaleString('en-US')} requests took at most ${limitMs} ms.`;
}
