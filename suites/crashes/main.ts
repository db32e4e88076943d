/**
 * The crash storm of the gateway as a command: SIGKILL to a worker, to the primary or to all of them at random under a
 * load of Creates, and in the end every acknowledged key found.
 *
 *     npm run crashes -- --kills 100
 */
import { table } from '../../cli/output.ts';
import { distributionTable, measure } from '../../testkit/measure/command.ts';
import { distributionOf } from '../../testkit/measure/distribution.ts';
import { type CrashReport, crashes } from './crashes.ts';
import { victims } from './kills.ts';
import { failuresOf } from './reckoning.ts';

const options = {
  kills: { default: 100, about: 'times that something is killed' },
  workers: { default: 3, about: 'worker processes of the gateway' },
  connections: { default: 16, about: 'connections that make keys, each one after the other' },
  pause: { default: 500, about: 'longest pause before a kill, in milliseconds' },
} as const;

await measure('crashes', options, async (given, stage) => {
  const { kills, workers, connections, pause: pauseMs } = given;
  const report = await stage(`${kills} kills`, (tell) =>
    crashes({ kills, workers, connections, pauseMs }, tell),
  );
  return { data: dataOf(report), text: textOf(report), failures: failuresOf(report.reckoning) };
});

function dataOf({ plan, kills, reckoning, refusals, tookMs }: CrashReport): Record<string, unknown> {
  return {
    plan,
    kills: Object.fromEntries(victims.map((victim) => [victim, countOf(kills, victim)])),
    wholeAfterMs: Object.fromEntries(victims.map((victim) => [victim, timesOf(kills, victim)])),
    reckoning,
    refusals: Object.fromEntries(refusals),
    tookMs,
  };
}

function textOf({ kills, reckoning, refusals }: CrashReport): string {
  const rows = victims.map((victim) => [`killed: ${victim}`, countOf(kills, victim)] as const);
  return [
    table(
      ['crash storm', 'count'],
      [
        ...rows,
        ['keys acknowledged', reckoning.acknowledged],
        ['Creates without an answer', reckoning.unanswered],
        ['lost', reckoning.lost.length],
        ['values compared', reckoning.compared],
        ['values changed', reckoning.changed],
        ['found in the core', reckoning.located],
        ['missing in the core', reckoning.missingAtCore],
        ['twice in the core', reckoning.locatedTwice],
        ['names astray', reckoning.namesAstray],
      ],
    ),
    distributionTable(
      'until every worker served again',
      victims
        .filter((victim) => countOf(kills, victim) > 0)
        .map((victim) => [victim, distributionOf(timesOf(kills, victim))] as const),
    ),
    refusals.size === 0
      ? 'nothing was refused'
      : table(['refused while a process was away', 'times'], [...refusals]),
  ].join('\n\n');
}

const countOf = (kills: CrashReport['kills'], victim: string): number => timesOf(kills, victim).length;

function timesOf(kills: CrashReport['kills'], victim: string): number[] {
  return kills.filter((kill) => kill.victim === victim).map(({ wholeAfterMs }) => wholeAfterMs);
}
