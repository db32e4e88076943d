/** What docs/benchmarks.md says of Orbital. */
import { spreadOf } from '../../testkit/measure/spread.ts';
import { brokerNames, costNames, fanOutText } from '../orbital/result.ts';
import { distributionHead, distributionRows, figure, markdownTable, spreadText } from './markdown.ts';
import type { ResultOf, Section } from './results.ts';

export const orbitalSection: Section<'orbital'> = {
  title: 'Orbital: jobs from governance to the regions and back',
  method: `Over each of the three brokers. First a whole installation of two regions, to which tenants are onboarded over REST, eight at a
time: a tenant is one job of two tasks, in each region keys are made and wrapped, and each task is one message there and one
back. Times are those of CMK's own database, from the commit that accepts a tenant to the one after which it is active. In
turns with that the broker alone: messages of 1,200 bytes through Orbital's transport, confirmed to the publisher, delivered and
acknowledged, 64 in hand. The embedded broker's turns run on a PostgreSQL of their own.

Then a manager and two regions whose work is one row. So many jobs are committed at once; what counts is the time, and the
processor time of the manager and its PostgreSQL, until the first of them have ended in both regions. The rounds go
forwards and backwards, and the ratio of the deepest and the shallowest is taken within a round. Amid as many pending jobs UNLINK
is asked for, one after the other, of links of which an older job is pending.

Last one job for very many regions, each with an operator and tables of its own. They share one queue of the broker, since none
on a small machine holds two thousand; the manager's process is killed when half of them have answered.`,
  tables: ({ transports, fanOut }) => [
    ...orbitalTenants(transports),
    ...orbitalPending(transports),
    ...(fanOut === undefined ? [] : [fanOutText(fanOut)]),
  ],
};

type OrbitalTransports = ResultOf<'orbital'>['transports'];

function orbitalTenants(transports: OrbitalTransports): string[] {
  const measured = transports.flatMap(({ transport, tenants }) =>
    tenants === undefined ? [] : [{ name: brokerNames[transport], tenants }],
  );
  if (measured.length === 0) return [];
  const mebibytes = (memory: (typeof measured)[number]['tenants']['memory']): string =>
    Object.entries(memory)
      .map(
        ([process, { before, after, most }]) => `${process} ${[before, after, most].map(figure).join(' ')}`,
      )
      .join('; ');
  return [
    markdownTable(
      [
        'over',
        'tenants',
        'tenants (jobs) a second',
        'the broker alone, messages a second',
        'messages of the jobs ÷ of the broker',
      ],
      measured.map(({ name, tenants }) => [
        name,
        tenants.tenants.toLocaleString('en-US'),
        spreadText(tenants.perSecond, 1),
        spreadText(tenants.brokerPerSecond, 0),
        spreadText(tenants.ofBroker, 3),
      ]),
    ),
    markdownTable(
      distributionHead('accepted → active'),
      distributionRows(
        Object.fromEntries(
          measured.flatMap(({ name, tenants }) => [
            [`${name}, eight at a time`, tenants.lag],
            [`${name}, one after the other`, tenants.lagAlone],
          ]),
        ),
      ),
    ),
    `Resident MiB before, after, and at most: ${measured.map(({ name, tenants }) => `${name}: ${mebibytes(tenants.memory)}`).join('. ')}.`,
  ];
}

function orbitalPending(transports: OrbitalTransports): string[] {
  const measured = transports.flatMap(({ transport, depths, overtaking }) =>
    depths === undefined ? [] : [{ name: brokerNames[transport], depths, overtaking }],
  );
  if (measured.length === 0) return [];
  const costs = ['wall', 'managerCpu', 'databaseCpu'] as const;
  return [
    markdownTable(
      ['over', 'pending', 'ended', ...costs.map((cost) => `${costNames[cost]}, ms for each job`)],
      measured.flatMap(({ name, depths }) =>
        depths.depths.map(({ pending, measured: ended, runs }) => [
          name,
          pending.toLocaleString('en-US'),
          ended.toLocaleString('en-US'),
          ...costs.map((cost) => spreadText(spreadOf(runs.map((run) => run[cost])))),
        ]),
      ),
    ),
    markdownTable(
      ['over', 'the deepest ÷ the shallowest: time', 'processor time'],
      measured.map(({ name, depths }) => [name, spreadText(depths.wallRatio), spreadText(depths.cpuRatio)]),
    ),
    markdownTable(
      distributionHead('UNLINK amid pending jobs'),
      distributionRows(
        Object.fromEntries(
          measured.flatMap(({ name, overtaking }) =>
            overtaking === undefined
              ? []
              : [
                  [`${name}: committed → arrived in the last region`, overtaking.arrived],
                  [`${name}: committed → known to the manager`, overtaking.settled],
                ],
          ),
        ),
      ),
    ),
  ];
}
