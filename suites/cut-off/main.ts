/**
 * The cut-off as a command: full load, the core killed for as long as leases last without it, and every key accounted for.
 *
 *     npm run cut-off -- --minutes 10
 */
import { table } from '../../cli/output.ts';
import { measure, ms } from '../../testkit/measure/command.ts';
import { type CutOffReport, cutOff, failuresOf } from './cut-off.ts';
import { type PhaseResult, refusalsIn } from './tally.ts';

const MINUTE_S = 60;

const options = {
  minutes: {
    default: 10,
    about: 'how long the core is away before leases end: their TTL and grace together',
  },
  connections: { default: 16, about: 'connections' },
  depth: { default: 4, about: 'requests under way on each' },
  'create-percent': { default: 1, about: 'of a hundred requests, those that make a key' },
} as const;

await measure('cut-off', options, async (given, stage) => {
  const plan = {
    graceSeconds: given.minutes * MINUTE_S,
    warmSeconds: 5,
    refusedSeconds: 5,
    connections: given.connections,
    depth: given.depth,
    paceMs: 0,
    createPercent: given['create-percent'],
  };
  const report = await stage(`cut-off for ${given.minutes} minutes`, (tell) => cutOff(plan, tell));
  return { data: dataOf(report), text: textOf(report), failures: failuresOf(report) };
});

function dataOf({ hot, lifecycle, seconds, ...rest }: CutOffReport): Record<string, unknown> {
  const plain = (results: readonly PhaseResult[]) =>
    results.map(({ phase, served, refused, latency }) => ({
      phase,
      seconds: seconds.get(phase) ?? 0,
      served,
      refused: Object.fromEntries(refused),
      milliseconds: latency,
    }));
  return { ...rest, hot: plain(hot.results), lifecycle: plain(lifecycle.results) };
}

function textOf(report: CutOffReport): string {
  const { hot, lifecycle, seconds, foundMs, announcedMs, backlog, reckoning, wrongPlaintexts } = report;
  const rows = [
    ...hot.results.map((result) => ['hot', result] as const),
    ...lifecycle.results.map((result) => ['lifecycle', result] as const),
  ].map(([path, result]) => {
    const took = seconds.get(result.phase) ?? 0;
    const { p50, p99, max } = result.latency;
    return [
      path,
      result.phase,
      took.toFixed(1),
      result.served,
      took > 0 ? Math.round(result.served / took) : 0,
      refusalsIn(result),
      ms(p50),
      ms(p99),
      ms(max),
    ];
  });
  const { acknowledged, announced, lost, unasked, twice, unusable } = reckoning;
  return [
    table(['path', 'phase', 'seconds', 'served', 'a second', 'refused', 'p50', 'p99', 'max'], rows),
    [
      `keys: ${acknowledged} acknowledged, ${announced} known to the core; ${lost} lost, ${unasked} that nobody asked for, ${twice} twice, ${unusable} of the sample unusable, ${wrongPlaintexts} wrong plaintexts`,
      `the core was found again after ${ms(foundMs)}; ${backlog} keys had waited, and were announced within ${ms(announcedMs)}`,
      ...reasonsOf(report),
    ].join('\n'),
  ].join('\n\n');
}

function reasonsOf({ hot, lifecycle }: CutOffReport): string[] {
  const lines = (path: string, results: readonly PhaseResult[]) =>
    results.flatMap(({ phase, refused }) =>
      [...refused].map(([reason, count]) => `${path}, ${phase}: ${count} × ${reason}`),
    );
  return [...lines('hot', hot.results), ...lines('lifecycle', lifecycle.results)];
}
