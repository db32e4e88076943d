/**
 * How many data records a gateway encrypts and decrypts in a minute, minute after minute, with the load generator on the
 * same machine: in several shapes, each after a minute of a bare echo of as many bytes. An item of a batch is one operation.
 *
 *     npm run bench:sustained -- --minutes 5
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { table } from '../cli/output.ts';
import { measure, type Tell } from '../testkit/measure/command.ts';
import { medianOf } from '../testkit/measure/spread.ts';
import { atLeast } from '../testkit/measure/target.ts';
import { Connections } from './gateway/connections.ts';
import { cpuSecondsBetween, readCpu } from './gateway/cpu.ts';
import { REFUSALS, scrape, sumOf } from './gateway/metrics.ts';
import { Requests } from './gateway/requests.ts';
import { type Server, World } from './gateway/servers.ts';
import { aboutShape, type Shape, type Shaped, shaped, shapes } from './gateway/shapes.ts';

const options = {
  minutes: { default: 5, about: 'how long the main shape lasts' },
  others: { default: 1, about: 'minutes of each of the other shapes, and of each echo' },
  shape: { default: 'depth 16', about: 'the main shape, which the target is about', choices: shapes },
  connections: { default: 16, about: 'connections' },
  payload: { default: 32, about: 'bytes of a record' },
  quick: { default: false, about: 'a fraction of a second of each, to see that it works' },
} as const;

const QUICK = { minutes: 0.01, others: 0.005 } as const;
const MINUTE_MS = 60_000;
const LOOK_EVERY_MS = 1_000;
const LEAST_A_MINUTE = 2_000_000;

export interface Sustained {
  /** Operations in each minute; where it lasted less than one, scaled up. */
  readonly minutes: readonly number[];
  /** Processors that were used all the time. */
  readonly serverCpus: number;
  readonly generatorCpus: number;
}

export interface ShapeResult {
  readonly shape: Shape;
  readonly echo: Sustained;
  readonly gateway: Sustained;
  /** That the gateway counted as refused or failed. */
  readonly refusals: number;
}

export interface SustainedResult {
  readonly main: Shape;
  readonly shapes: readonly ShapeResult[];
}

await measure('bench:sustained', options, async ({ quick, ...all }, stage) => {
  const given = quick ? { ...all, ...QUICK } : all;
  const world = await stage('start a region', () => World.start());
  try {
    const requests = await Requests.prepare(world.gateway);
    const results: ShapeResult[] = [];
    for (const shape of shapes) {
      const minutes = shape === given.shape ? given.minutes : given.others;
      const what = await shaped(requests, shape, given.payload);
      const echo = await stage(`${shape}: echo, ${given.others} min`, (tell) =>
        withEcho(world, what, (server) => sustain(server, what, { ...given, minutes: given.others }, tell)),
      );
      const { healthUrl = '' } = world.gateway;
      const before = sumOf(await scrape(healthUrl), REFUSALS);
      const gateway = await stage(
        `${shape}: gateway, ${minutes} min`,
        (tell) => sustain(world.gateway, what, { ...given, minutes }, tell),
        (made) => `${millions(Math.min(...made.minutes))} in the worst minute`,
      );
      results.push({ shape, echo, gateway, refusals: sumOf(await scrape(healthUrl), REFUSALS) - before });
    }
    return verdict({ main: given.shape as Shape, shapes: results }, world.problems);
  } finally {
    await world.close();
  }
});

async function withEcho<T>(world: World, { echo }: Shaped, run: (server: Server) => Promise<T>): Promise<T> {
  const server = await world.echo(echo);
  try {
    return await run(server);
  } finally {
    await server.close();
  }
}

async function sustain(
  server: Server,
  { steps }: Shaped,
  given: { readonly minutes: number; readonly connections: number },
  tell: Tell,
): Promise<Sustained> {
  const connections = await Connections.open(server.access, steps, given.connections);
  try {
    const [startedAt, cpu, own] = [performance.now(), readCpu(server.pid), process.cpuUsage()];
    const endsAt = startedAt + given.minutes * MINUTE_MS;
    const minutes: number[] = [];
    connections.start();
    for (let from = startedAt; from < endsAt; ) {
      const before = connections.answered;
      const until = Math.min(from + MINUTE_MS, endsAt);
      for (let now = from; now < until; now = performance.now()) {
        await sleep(Math.min(LOOK_EVERY_MS, until - now));
        connections.check();
        tell(`minute ${minutes.length + 1}: ${millions(connections.answered - before)}`);
      }
      const now = performance.now();
      minutes.push(Math.round(((connections.answered - before) * MINUTE_MS) / (now - from)));
      from = now;
    }
    await connections.stop();
    const seconds = (performance.now() - startedAt) / 1_000;
    const { user, system } = process.cpuUsage(own);
    return {
      minutes,
      serverCpus: cpuSecondsBetween(cpu, readCpu(server.pid)) / seconds,
      generatorCpus: (user + system) / 1e6 / seconds,
    };
  } finally {
    connections.close();
  }
}

function verdict(result: SustainedResult, problems: readonly string[]) {
  const rows = result.shapes.flatMap(({ shape, echo, gateway }) =>
    (['echo', 'gateway'] as const).map((name) => {
      const { minutes, serverCpus, generatorCpus } = name === 'echo' ? echo : gateway;
      return [
        shape,
        name,
        minutes.length,
        millions(medianOf(minutes)),
        millions(Math.min(...minutes)),
        minutes.map(millions).join(' '),
        serverCpus.toFixed(2),
        generatorCpus.toFixed(2),
      ];
    }),
  );
  const head = ['shape', 'server', 'minutes', 'median', 'worst', 'each', 'CPUs: server', 'generator'];
  const main = result.shapes.find(({ shape }) => shape === result.main);
  return {
    data: { ...result },
    text: [
      `Operations in a minute: half Encrypt, half Decrypt.\n${table(head, rows)}`,
      ...shapes.map((shape) => `${shape}: ${aboutShape[shape]}`),
    ].join('\n'),
    failures: [
      ...problems,
      ...result.shapes
        .filter(({ refusals }) => refusals > 0)
        .map(({ shape, refusals }) => `${shape}: the gateway refused ${refusals} requests`),
    ],
    targets: [
      atLeast(LEAST_A_MINUTE, {
        what: `data-record operations in the worst minute, ${result.main}`,
        value: Math.min(...(main?.gateway.minutes ?? [Number.NaN])),
        shown: millions,
      }),
    ],
  };
}

function millions(count: number): string {
  return `${(count / 1e6).toFixed(2)} M`;
}
