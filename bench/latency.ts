/**
 * How soon a gateway answers while requests arrive at a fixed rate, whether it has answered the ones before or not: Encrypt
 * of 32 bytes, in pairs with a bare echo of as many bytes at the same rate. Latency counts from when a request was due. The
 * generator has a processor of its own, and what is on no gateway's machine goes behind the servers.
 *
 *     npm run bench:latency -- --rate 10000
 */
import { type Cell, table } from '../cli/output.ts';
import { measure, ms, type Tell } from '../testkit/measure/command.ts';
import { Histogram } from '../testkit/measure/histogram.ts';
import { type Spread, spreadOf } from '../testkit/measure/spread.ts';
import { atLeast, atMost, below } from '../testkit/measure/target.ts';
import { observedBetween, scrape } from './gateway/metrics.ts';
import { type Observed, OpenLoop } from './gateway/open-loop.ts';
import { Requests } from './gateway/requests.ts';
import { orderOf } from './gateway/rounds.ts';
import { aboutGroups, apart } from './gateway/scheduling.ts';
import { type Server, World } from './gateway/servers.ts';

const options = {
  rate: { default: 10_000, about: 'requests in a second' },
  pairs: { default: 9, about: 'turns of echo and gateway' },
  seconds: { default: 5, about: 'how long a turn lasts' },
  connections: { default: 16, about: 'connections to each server' },
  payload: { default: 32, about: 'bytes to encrypt' },
  grown: { default: false, about: 'the echo has as much room for young objects as a gateway gives itself' },
  quick: { default: false, about: 'two pairs of a fraction of a second, to see that it works' },
} as const;

const QUICK = { pairs: 2, seconds: 0.3 } as const;
/** Compiling what has become hot takes processors of its own, for seconds. */
const WARM_UP_SECONDS = 5;
/** What the picture is drawn from. */
const CURVE = [1, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99, 100] as const;
const SERVER_HISTOGRAM = 'okcm_gateway_hot_seconds';
const SERVER_LIMIT_S = 0.001;
const MOST_P50_MS = 0.2;
const MOST_P99_OF_ECHO = 1.3;
const LEAST_SHARE = 0.999;

const sides = ['echo', 'gateway'] as const;
type Side = (typeof sides)[number];

/** Milliseconds. */
interface Turn {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** The generator's own error in this turn. */
  readonly lateP50: number;
  readonly lateP99: number;
  readonly lateP999: number;
}

export interface LatencyResult {
  readonly turns: Readonly<Record<Side, readonly Turn[]>>;
  readonly p99Ratio: Spread;
  /** Percentile and milliseconds, of all turns together. */
  readonly curves: Readonly<Record<Side, readonly (readonly [number, number])[]>>;
  /** As the gateway itself has seen them. */
  readonly server: { readonly requests: number; readonly withinLimit: number; readonly limitMs: number };
  /** Why the core may have taken the processor from the gateway; absent when it may not. */
  readonly caution?: string;
}

await measure('bench:latency', options, async ({ quick, ...all }, stage) => {
  const given = quick ? { ...all, ...QUICK } : all;
  const world = await stage('start a region', () => World.start());
  let echo: Server | undefined;
  let loop: OpenLoop | undefined;
  try {
    const requests = await Requests.prepare(world.gateway);
    const step = await requests.step({ items: ['Encrypt'], payloadBytes: given.payload }, 1);
    echo = await world.echo([step.echo], given.grown);
    const target = ({ access }: Server) => ({
      access,
      request: step.bytes.toString('base64'),
      responseBytes: step.responseBytes,
      connections: given.connections,
    });
    const beside = await world.byItself();
    const generator = await OpenLoop.open([target(echo), target(world.gateway)]);
    loop = generator;
    const shared = await apart(generator.pid, [echo.pid, world.gateway.pid]);
    const { healthUrl = '' } = world.gateway;
    const result = await stage(
      `${given.rate} requests in a second, ${given.pairs} pairs of ${given.seconds} s`,
      (tell) => playPairs(generator, healthUrl, given, tell),
      ({ p99Ratio }) => `p99 is ${p99Ratio.median.toFixed(2)} of the echo's`,
    );
    const problems = [shared, beside].filter((problem) => problem !== undefined);
    const caution = await aboutGroups();
    const told = caution === undefined ? result : { ...result, caution };
    return verdict(told, given.rate, [...world.problems, ...problems]);
  } finally {
    loop?.close();
    await echo?.close();
    await world.close();
  }
});

interface Given {
  readonly rate: number;
  readonly pairs: number;
  readonly seconds: number;
}

async function playPairs(
  loop: OpenLoop,
  healthUrl: string,
  given: Given,
  tell: Tell,
): Promise<LatencyResult> {
  const turns: Record<Side, Turn[]> = { echo: [], gateway: [] };
  const sums: Record<Side, Histogram> = { echo: new Histogram(), gateway: new Histogram() };
  const server = { requests: 0, withinLimit: 0, limitMs: SERVER_LIMIT_S * 1_000 };
  const run = (side: Side, seconds: number): Promise<Observed> =>
    loop.run({ target: sides.indexOf(side), perSecond: given.rate, seconds });
  for (const side of sides) await run(side, Math.min(WARM_UP_SECONDS, given.seconds));
  for (let pair = 0; pair < given.pairs; pair++) {
    for (const side of orderOf(sides, pair)) {
      const before = await scrape(healthUrl);
      const observed = await run(side, given.seconds);
      turns[side].push(turnOf(observed));
      sums[side].add(observed.latency);
      if (side === 'echo') continue;
      const { count, within } = observedBetween(before, await scrape(healthUrl), SERVER_HISTOGRAM);
      server.requests += count;
      server.withinLimit += within(SERVER_LIMIT_S);
    }
    const last = turns.gateway.at(-1);
    tell(`pair ${pair + 1} of ${given.pairs}: p50 ${ms(last?.p50 ?? 0)}, p99 ${ms(last?.p99 ?? 0)}`);
  }
  const curve = (side: Side) => CURVE.map((percent) => [percent, sums[side].percentile(percent)] as const);
  return {
    turns,
    p99Ratio: spreadOf(turns.gateway.map(({ p99 }, pair) => p99 / (turns.echo[pair]?.p99 ?? Number.NaN))),
    curves: { echo: curve('echo'), gateway: curve('gateway') },
    server,
  };
}

function turnOf({ latency, lateness }: Observed): Turn {
  return {
    p50: latency.percentile(50),
    p99: latency.percentile(99),
    p999: latency.percentile(99.9),
    max: latency.percentile(100),
    lateP50: lateness.percentile(50),
    lateP99: lateness.percentile(99),
    lateP999: lateness.percentile(99.9),
  };
}

function verdict(result: LatencyResult, rate: number, failures: readonly string[]) {
  const { turns, p99Ratio, server, caution } = result;
  const spread = (side: Side, of: keyof Turn): Spread => spreadOf(turns[side].map((turn) => turn[of]));
  const line = (name: string, side: Side, of: keyof Turn): Cell[] => {
    const { median, min, q1, q3, max } = spread(side, of);
    return [name, side, ...[median, min, q1, q3, max].map(ms)];
  };
  const rows = [
    ...(['p50', 'p99', 'p999', 'max'] as const).flatMap((of) => sides.map((side) => line(of, side, of))),
    ...(['lateP50', 'lateP99', 'lateP999'] as const).map((of) =>
      line(`sent late, ${of.slice(4)}`, 'gateway', of),
    ),
  ];
  const share = server.requests === 0 ? Number.NaN : server.withinLimit / server.requests;
  const percent = (value: number): string => `${(value * 100).toFixed(3)} %`;
  const at = `at ${rate} requests in a second`;
  const ratio = [p99Ratio.min, p99Ratio.q1, p99Ratio.q3, p99Ratio.max].map((value) => value.toFixed(2));
  return {
    data: { ...result },
    text: [
      table(['latency', 'server', 'median', 'min', 'q1', 'q3', 'max'], rows),
      `p99, gateway ÷ echo: ${p99Ratio.median.toFixed(2)} (min q1 q3 max: ${ratio.join(' ')})`,
      `the gateway itself: ${percent(share)} of ${server.requests} requests within ${server.limitMs} ms`,
      ...(caution === undefined ? [] : [caution]),
    ].join('\n\n'),
    failures,
    targets: [
      below(MOST_P50_MS, {
        what: `latency of Encrypt, p50, ${at}`,
        value: spread('gateway', 'p50').median,
        shown: ms,
      }),
      atMost(MOST_P99_OF_ECHO, {
        what: `latency of Encrypt, p99, gateway ÷ echo, ${at}`,
        value: p99Ratio.median,
        shown: (value) => value.toFixed(2),
      }),
      atLeast(LEAST_SHARE, {
        what: `hot requests within ${server.limitMs} ms, as the gateway sees them, ${at}`,
        value: share,
        shown: percent,
      }),
    ],
  };
}
