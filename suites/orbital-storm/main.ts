/**
 * The storm of Orbital as a command: jobs over two regions with several cores each, through a broker that loses, repeats,
 * delays, reorders and alters frames, over networks that break, with restarts of the broker; and in the end the verdict
 * from the databases of both sides.
 *
 *     npm run orbital-storm -- --transport nats --jobs 10000
 *     npm run orbital-storm -- --transport rabbitmq --jobs 10000 --seed 7
 */
import { randomInt } from 'node:crypto';
import { table } from '../../cli/output.ts';
import { fateNames, fates } from '../../orbital/testing/hostile.ts';
import { distributionTable, measure } from '../../testkit/measure/command.ts';
import { type TransportName, transports } from './brokers.ts';
import { kindNames, kinds } from './plan.ts';
import { failuresOf, HOSTILITY, orbitalStorm, type StormReport } from './storm.ts';
import { faults, networkFaults } from './weather.ts';

const SEEDS = 2 ** 31;

const options = {
  transport: { default: 'embedded', choices: [...transports, 'all'], about: 'the broker' },
  jobs: { default: 10_000, about: 'how many jobs, over each broker' },
  seed: { default: randomInt(SEEDS), about: 'what decides the jobs and the fates of frames, in their order' },
  entities: { default: 100, about: 'things that the jobs are about; the jobs of each run in order' },
  living: { default: 120, about: 'jobs alive at once' },
  managers: { default: 2, about: 'managers that share the database of governance' },
  cores: { default: 2, about: 'cores in each of the two regions' },
  restarts: { default: 5, about: 'times that the broker is killed and started again' },
} as const;

await measure('orbital-storm', options, async ({ transport, ...given }, stage) => {
  const chosen = transport === 'all' ? transports : [transport as TransportName];
  const reports: StormReport[] = [];
  for (const name of chosen)
    reports.push(
      await stage(
        `${given.jobs} jobs over ${name} with seed ${given.seed}`,
        (tell) => orbitalStorm({ ...given, transport: name, hostility: HOSTILITY }, tell),
        ({ tookMs }) => `${(tookMs / 1_000).toFixed(0)} s`,
      ),
    );
  return {
    data: { storms: reports.map(dataOf) },
    text: reports.map(textOf).join('\n\n'),
    failures: reports.flatMap((report) =>
      failuresOf(report).map((failure) => `${report.plan.transport}: ${failure}`),
    ),
  };
});

function dataOf(report: StormReport) {
  return {
    ...report,
    networkFaults: Object.fromEntries(report.networkFaults),
    rejections: Object.fromEntries(report.rejections),
  };
}

function textOf(report: StormReport): string {
  const { plan, tookMs, jobs, tasks, attempts, outcomes, befell, rejections, restarts, findings } = report;
  return [
    table(
      [`jobs over ${plan.transport}`, 'done', 'failed', 'cancelled', 'what they do'],
      kindNames.map((kind) => [
        kind,
        ...['done', 'failed', 'cancelled'].map((state) => outcomes[kind][state] ?? 0),
        kinds[kind].about,
      ]),
    ),
    table(
      ['fate', 'frames', 'what it is'],
      fateNames.map((fate) => [fate, befell[fate], fates[fate]]),
    ),
    table(
      ['network', 'times', 'what it is'],
      [
        ...networkFaults.map((fault) => [fault, report.networkFaults.get(fault) ?? 0, faults[fault].about]),
        ['restart', restarts, 'the broker killed, and started again'],
      ],
    ),
    table(['refused as', 'messages'], [...rejections].sort()),
    distributionTable('from creation to the end', [['jobs not cancelled', report.lag]]),
    [
      `seed ${plan.seed}; ${jobs} jobs, ${tasks} tasks, sent ${attempts} times, in ${(tookMs / 1_000).toFixed(0)} s`,
      findings.length === 0
        ? 'every job ended once, each entity in its order, nothing applied twice'
        : `${findings.length} rules are broken`,
    ].join('\n'),
  ].join('\n\n');
}
