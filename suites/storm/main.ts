/**
 * The storm as a command: a million requests, valid, spoiled and random, over several connections.
 *
 *     npm run storm -- --requests 1000000
 *     npm run storm -- --requests 1000000 --seed 7
 */
import { randomInt } from 'node:crypto';
import { table } from '../../cli/output.ts';
import { distributionTable, measure } from '../../testkit/measure/command.ts';
import { watched } from './heap.ts';
import { kinds } from './requests.ts';
import { failuresOf, mib, type StormReport, storm } from './storm.ts';

const HEAP_GROWTH = 0.1;
/** Requests until V8 has compiled and cached what it will: a tenth, at least and at most so many, and half of a short run. */
const WARM_UP_SHARE = 0.1;
const MIN_WARM_UP = 10_000;
const MAX_WARM_UP = 50_000;
const SEEDS = 2 ** 31;
const HEAP_LOOKS = 10;
/** A run of fewer requests tells little of a leak: its heaps may grow by as much while V8 still warms up. */
const LONG_RUN = 200_000;
const SHORT_RUN_SLACK_BYTES = 64 * 1024 * 1024;

const options = {
  requests: { default: 1_000_000, about: 'how many requests' },
  connections: { default: 8, about: 'connections, each one request after the other' },
  seed: { default: randomInt(SEEDS), about: 'what decides all of them; the same again for the same storm' },
} as const;

await measure('storm', options, async ({ requests, connections, seed }, stage) => {
  const share = Math.max(MIN_WARM_UP, Math.min(requests * WARM_UP_SHARE, MAX_WARM_UP));
  const warmUp = Math.ceil(Math.min(share, requests / 2));
  const report = await stage(`${requests} requests with seed ${seed}`, (tell) =>
    storm({ seed, requests, connections, warmUp, heapLooks: HEAP_LOOKS }, tell),
  );
  const slackBytes = requests < LONG_RUN ? SHORT_RUN_SLACK_BYTES : 0;
  return {
    data: dataOf(report),
    text: textOf(report),
    failures: failuresOf(report, HEAP_GROWTH, slackBytes),
  };
});

function dataOf({ plan, tookSeconds, tally, connections, objects, heaps, unexpected, died }: StormReport) {
  return {
    plan,
    tookSeconds,
    sent: Object.fromEntries(tally.sent),
    results: Object.fromEntries(tally.results),
    closed: tally.closed,
    milliseconds: tally.latency,
    connections,
    objects: { ...objects, left: objects.left.length },
    heaps,
    unexpected: unexpected.length,
    died,
  };
}

function textOf(report: StormReport): string {
  const { plan, tookSeconds, tally, connections, objects, heaps } = report;
  const results = [...tally.results].sort(([, a], [, b]) => b - a);
  return [
    table(
      ['sent', 'requests'],
      [...kinds.map((kind) => [kind, tally.sent.get(kind) ?? 0]), ['all', tally.total]],
    ),
    table(['answered with', 'batch items'], results),
    distributionTable('until the answer or the end', [['all', tally.latency]]),
    table(
      ['heap', 'after the warm-up', 'in the end'],
      watched.map((name) => [name, mib(heaps.before[name]), mib(heaps.after[name])]),
    ),
    [
      `seed ${plan.seed}; ${tookSeconds.toFixed(0)} s after the warm-up, ${((plan.requests - plan.warmUp) / tookSeconds).toFixed(0)} requests per second`,
      `${connections} connections, of which the server ended ${tally.closed}`,
      `${objects.made} objects made, ${objects.destroyed} destroyed on the way, ${objects.left.length} left in the end`,
    ].join('\n'),
  ].join('\n\n');
}
