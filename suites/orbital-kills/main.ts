/**
 * The storm of kills over both planes as a command: SIGKILL to CMK, a core, the broker or a PostgreSQL server at random while
 * jobs are ordered over REST, and in the end both sides' books compared.
 *
 *     npm run orbital-kills -- --jobs 10000 --kills 50
 */
import { table } from '../../cli/output.ts';
import { distributionTable, measure, ms } from '../../testkit/measure/command.ts';
import { distributionOf } from '../../testkit/measure/distribution.ts';
import { failuresOf, type KillReport, orbitalKills } from './orbital-kills.ts';
import { type BrokerName, brokers, type Victim, victims } from './plan.ts';

const options = {
  jobs: { default: 10_000, about: 'jobs that are made over REST, at least' },
  kills: { default: 50, about: 'times that a process is killed' },
  broker: { default: 'embedded', choices: brokers, about: 'what lies between the planes' },
  'one-core': { default: false, about: 'no second core in each region' },
  keys: { default: 24, about: 'services whose keys are rotated, each by one hand' },
  applications: { default: 8, about: 'applications that come and go' },
  links: { default: 4, about: 'tenants whose links are opened, rotated and closed' },
  pause: { default: 1_000, about: 'longest pause before a kill that is due, in milliseconds' },
} as const;

await measure('orbital-kills', options, async (given, stage) => {
  const { jobs, kills, keys, applications, links, pause: pauseMs } = given;
  const plan = {
    jobs,
    kills,
    // One of the choices, or the option would have been refused.
    broker: given.broker as BrokerName,
    secondCores: !given['one-core'],
    hands: { keys, applications, links },
    pauseMs,
  };
  const report = await stage(`${kills} kills during ${jobs} jobs`, (tell) => orbitalKills(plan, tell));
  return { data: dataOf(report), text: textOf(report), failures: failuresOf(report) };
});

function dataOf({ plan, kills, orders, reckoning, ...rest }: KillReport): Record<string, unknown> {
  const { asked, unanswered, foundDone, refusals } = orders;
  return {
    plan,
    kills,
    orders: { asked, unanswered, foundDone, refusals: Object.fromEntries(refusals) },
    ...reckoning,
    ...rest,
  };
}

function textOf({ kills, orders, reckoning, convergedMs, tookMs }: KillReport): string {
  const of = (victim: Victim) => kills.filter((kill) => kill.victim === victim);
  const { jobs, tasks, cancelled, repeated, faults } = reckoning;
  return [
    table(
      ['storm of kills', 'count'],
      [
        ...victims.map((victim) => [`killed: ${victim}`, of(victim).length] as const),
        ['orders over REST', orders.asked],
        ['answers that did not come', orders.unanswered],
        ['carried out all the same', orders.foundDone],
        ['jobs', jobs],
        ['their tasks', tasks],
        ['cancelled by a younger job', cancelled],
        ['said once more, without effect', repeated],
      ],
    ),
    table(
      ['by both sides’ books', 'places'],
      Object.entries(faults).map(([name, places]) => [name, places.length]),
    ),
    distributionTable(
      'until it answered again',
      victims
        .filter((victim) => of(victim).length > 0)
        .map((victim) => [victim, distributionOf(of(victim).map(({ backAfterMs }) => backAfterMs))] as const),
    ),
    `everything had ended ${ms(convergedMs)} after the last kill; ${Math.round((jobs / tookMs) * 1_000)} jobs a second over the whole`,
  ].join('\n\n');
}
