/** What the measurements of Orbital say: tables, failures and targets. */
import { type Cell, table } from '../../cli/output.ts';
import { distributionTable, type Measurement, ms } from '../../testkit/measure/command.ts';
import type { Distribution } from '../../testkit/measure/distribution.ts';
import { type Spread, spreadOf } from '../../testkit/measure/spread.ts';
import { atLeast, atMost, below, type Target } from '../../testkit/measure/target.ts';
import type { FanOutResult } from './fan-out.ts';
import { brokerNames, costNames, fanOutText, type OrbitalResult, type TransportResult } from './result.ts';

const UNLINK_LIMIT_MS = 1_000;
/** The deepest backlog may make a job so much dearer than the shallowest. */
const FLAT = 1.5;
const MIBIBYTE = 1024 ** 2;

export function verdict(result: OrbitalResult, unlinks: number): Measurement {
  const { transports, fanOut } = result;
  return {
    data: { ...result },
    text: [
      ...(transports.some(({ tenants }) => tenants) ? tenantsText(transports) : []),
      ...(transports.some(({ depths }) => depths) ? pendingText(transports) : []),
      ...(fanOut === undefined ? [] : [fanOutText(fanOut)]),
    ].join('\n\n'),
    failures: [
      ...transports.flatMap(failuresOf(unlinks)),
      ...(fanOut === undefined ? [] : fanOutFailures(fanOut)),
    ],
    targets: transports.flatMap(targetsOf),
  };
}

const spreadCells = ({ median, min, q1, q3, max }: Spread, digits: number): Cell[] =>
  [median, min, q1, q3, max].map((value) => value.toFixed(digits));

function tenantsText(transports: readonly TransportResult[]): string[] {
  const measured = transports.flatMap(({ transport, tenants }) =>
    tenants === undefined ? [] : [{ name: brokerNames[transport], tenants }],
  );
  const rates = measured.flatMap(({ name, tenants }): Cell[][] => [
    [name, 'tenants (jobs) a second', ...spreadCells(tenants.perSecond, 1)],
    [name, 'the broker alone, messages a second', ...spreadCells(tenants.brokerPerSecond, 0)],
    [name, "the jobs' messages ÷ the broker's", ...spreadCells(tenants.ofBroker, 3)],
  ]);
  const lags = measured.flatMap(({ name, tenants }): [string, Distribution][] => [
    [`${name}: under load`, tenants.lag],
    [`${name}: alone`, tenants.lagAlone],
  ]);
  const memory = measured.flatMap(({ name, tenants }) =>
    Object.entries(tenants.memory).map(([process, { before, after, most }]): Cell[] => [
      name,
      process,
      ...[before, after, most].map((mebibytes) => mebibytes.toFixed(0)),
    ]),
  );
  return [
    table(['transport', 'rate', 'median', 'min', 'q1', 'q3', 'max'], rates),
    distributionTable('accepted → active', lags),
    table(['transport', 'process', 'MiB before', 'MiB after', 'MiB at most'], memory),
  ];
}

function pendingText(transports: readonly TransportResult[]): string[] {
  const costs = transports.flatMap(({ transport, depths }) =>
    (depths?.depths ?? []).flatMap(({ pending, runs }): Cell[][] =>
      (['wall', 'managerCpu', 'databaseCpu'] as const).map((what) => [
        brokerNames[transport],
        pending.toLocaleString('en-US'),
        costNames[what],
        ...spreadCells(spreadOf(runs.map((run) => run[what])), 2),
      ]),
    ),
  );
  const overtaking = transports.flatMap(({ transport, overtaking: result }): [string, Distribution][] =>
    result === undefined
      ? []
      : [
          [`${brokerNames[transport]}: arrived in the last region`, result.arrived],
          [`${brokerNames[transport]}: known to the manager`, result.settled],
        ],
  );
  const memory = transports.flatMap(({ transport, memory: used }): Cell[][] =>
    used === undefined
      ? []
      : [
          ['manager', used.manager] as const,
          ...used.regions.map((region) => ['region', region] as const),
        ].map(([what, { bytes, mostBytes }]) => [
          brokerNames[transport],
          what,
          (bytes / MIBIBYTE).toFixed(0),
          (mostBytes / MIBIBYTE).toFixed(0),
        ]),
  );
  return [
    table(['transport', 'pending', 'ms for each job', 'median', 'min', 'q1', 'q3', 'max'], costs),
    distributionTable('UNLINK amid pending jobs, from its commit', overtaking),
    table(['transport', 'process', 'MiB', 'MiB at most'], memory),
  ];
}

const failuresOf =
  (unlinks: number) =>
  ({ transport, tenants, overtaking }: TransportResult): string[] => {
    const name = brokerNames[transport];
    return [
      ...(tenants !== undefined && tenants.failed > 0
        ? [`${name}: ${tenants.failed} tenants are not active`]
        : []),
      ...(overtaking !== undefined && !(overtaking.arrived.p99 < UNLINK_LIMIT_MS)
        ? [`${name}: UNLINK has arrived after ${ms(overtaking.arrived.p99)} (p99 of ${unlinks})`]
        : []),
    ];
  };

function fanOutFailures({ targets, appliedOnce, appliedMore, endedAtKill }: FanOutResult): string[] {
  return [
    ...(appliedOnce === targets ? [] : [`${appliedOnce} of ${targets} regions have applied the job once`]),
    ...(appliedMore === 0 ? [] : [`${appliedMore} regions have applied it more than once`]),
    ...(endedAtKill < targets ? [] : ['every region had answered before the manager was killed']),
  ];
}

function targetsOf({ transport, tenants, depths, overtaking }: TransportResult): Target[] {
  const name = brokerNames[transport];
  const ratio = (value: number): string => value.toFixed(2);
  const most = depths?.depths.at(-1)?.pending.toLocaleString('en-US') ?? '';
  return [
    ...(tenants === undefined
      ? []
      : [
          atLeast(tenants.tenants, {
            what: `${name}: tenants active of ${tenants.tenants}`,
            value: tenants.lag.runs,
            shown: (count) => count.toLocaleString('en-US'),
          }),
        ]),
    ...(depths === undefined
      ? []
      : [
          atMost(FLAT, {
            what: `${name}: time of a job with ${most} pending ÷ with 100, median`,
            value: depths.wallRatio.median,
            shown: ratio,
          }),
          atMost(FLAT, {
            what: `${name}: processor time of a job with ${most} pending ÷ with 100, median`,
            value: depths.cpuRatio.median,
            shown: ratio,
          }),
        ]),
    ...(overtaking === undefined
      ? []
      : [
          below(UNLINK_LIMIT_MS, {
            what: `${name}: UNLINK amid ${overtaking.pendingAfter.toLocaleString('en-US')} pending jobs or more, arrived in the last region, p99`,
            value: overtaking.arrived.p99,
            shown: ms,
          }),
        ]),
  ];
}
