/**
 * What a gateway takes of the processor for each operation, and how many it serves: against a bare echo of as many bytes,
 * the general codec, and PyKMIP's server. All are measured in turns over the same number of connections; what counts is
 * the ratio within a round, since it does not depend on the machine. 1.00 of an echo would be a gateway for nothing.
 *
 *     npm run bench:gateway
 *     npm run bench:gateway -- --matrix targets --rounds 15
 */
import { table } from '../cli/output.ts';
import { errorMessage } from '../platform/errors.ts';
import { measure, type Stage } from '../testkit/measure/command.ts';
import { medianOf, type Spread } from '../testkit/measure/spread.ts';
import { startPyKmipServer } from '../testkit/pykmip-server.ts';
import { type Cell, cellsOf, type Matrix, matrices, titleOf } from './gateway/cells.ts';
import type { Negotiated } from './gateway/connections.ts';
import { Requests } from './gateway/requests.ts';
import { against, type Measured, type Row, targetsOf } from './gateway/result.ts';
import { type Contender, type Plan, play, type Runs } from './gateway/rounds.ts';
import { type Server, World } from './gateway/servers.ts';

const options = {
  matrix: { default: 'star', about: 'which rows are measured', choices: matrices },
  rounds: { default: 7, about: 'turns of every server in each row' },
  seconds: { default: 1, about: 'how long a turn lasts' },
  quick: { default: false, about: 'a few rows for a fraction of a second each, to see that it works' },
} as const;

/** Each Create and Get leaves something for the core, which is slower: shorter turns, so that it has caught up after them. */
const RECORDED_SHARE = 0.25;
const QUICK = { matrix: 'quick', rounds: 2, seconds: 0.2 } as const;

await measure('bench:gateway', options, async ({ quick, ...given }, stage) => {
  const { matrix, rounds, seconds } = quick ? QUICK : given;
  const cells = cellsOf(matrix as Matrix);
  const turns = cells.reduce((sum, { against: references }) => sum + references.length + 1, 0);
  const minutes = Math.ceil((turns * rounds * seconds) / 60);
  const bench = await stage(
    'start a region with two gateways, and PyKMIP',
    () => Bench.start(),
    () => `${cells.length} rows, some ${minutes} min`,
  );
  try {
    const rows: Row[] = [];
    const failures: string[] = [];
    for (const cell of cells) {
      // One row that cannot be measured is no reason to lose the others, which may have taken an hour.
      const row = await bench
        .row(cell, { rounds, turnMs: seconds * 1_000 }, stage)
        .catch((error: unknown) => void failures.push(`${titleOf(cell)}: ${errorMessage(error)}`));
      if (row !== undefined) rows.push(row);
    }
    return verdict(rows, Object.fromEntries(bench.tls), failures);
  } finally {
    await bench.close();
  }
});

class Bench {
  readonly tls = new Map<Server['name'], Negotiated>();
  readonly #world: World;
  readonly #servers: ReadonlyMap<Server['name'], Server>;
  readonly #requests: ReadonlyMap<Server['name'], Requests>;

  private constructor(world: World, servers: readonly Server[], requests: readonly Requests[]) {
    this.#world = world;
    this.#servers = new Map(servers.map((server) => [server.name, server]));
    this.#requests = new Map(requests.map((one, index) => [servers[index]?.name ?? 'gateway', one]));
  }

  static async start(): Promise<Bench> {
    const world = await World.start();
    const servers = [world.gateway, await world.general(), await pyKmip(world)];
    const requests: Requests[] = [];
    for (const server of servers) requests.push(await Requests.prepare(server));
    return new Bench(world, servers, requests);
  }

  async row(cell: Cell, given: Pick<Plan, 'rounds' | 'turnMs'>, stage: Stage): Promise<Row> {
    const isRecorded = cell.verb === 'Get' || cell.verb === 'Create';
    const plan: Plan = {
      rounds: given.rounds,
      turnMs: given.turnMs * (isRecorded ? RECORDED_SHARE : 1),
      connections: cell.connections,
      settles: isRecorded,
    };
    return await stage(
      titleOf(cell),
      async (tell) => {
        const contenders = await this.#contenders(cell);
        const [first] = contenders;
        try {
          const runs = await play(contenders, plan, (round) => tell(`round ${round} of ${plan.rounds}`));
          this.#note(runs);
          const { requestBytes = 0, responseBytes = 0 } = first?.echo ?? {};
          return { cell, requestBytes, responseBytes, runs: Object.fromEntries([...runs].map(kept)) };
        } finally {
          for (const { server } of contenders) if (server.name === 'echo') await server.close();
        }
      },
      (row) => cell.against.map((name) => `${name} ${shown(against(row, name))}`).join(', '),
    );
  }

  async close(): Promise<void> {
    for (const server of this.#servers.values()) await server.close();
    await this.#world.close();
  }

  async #contenders(cell: Cell) {
    const wanted = { items: new Array(cell.batch).fill(cell.verb), payloadBytes: cell.payloadBytes };
    const contenders: (Contender & { readonly echo: { requestBytes: number; responseBytes: number } })[] = [];
    for (const name of ['gateway', ...cell.against] as const) {
      if (name === 'echo') continue;
      const [server, requests] = [this.#servers.get(name), this.#requests.get(name)];
      if (server === undefined || requests === undefined) throw new Error(`there is no ${name}`);
      const step = await requests.step(wanted, cell.depth);
      contenders.push({ server, steps: [step], echo: step.echo });
    }
    const [gateway] = contenders;
    if (gateway !== undefined && cell.against.includes('echo')) {
      const { steps, echo } = gateway;
      contenders.splice(1, 0, { server: await this.#world.echo([echo]), steps, echo });
    }
    return contenders;
  }

  /** A comparison over another protocol would be none; PyKMIP alone knows no newer one. */
  #note(runs: ReadonlyMap<string, Runs>): void {
    const [own, echo] = [runs.get('gateway')?.negotiated, runs.get('echo')?.negotiated];
    if (echo !== undefined && (own?.version !== echo.version || own.cipher !== echo.cipher))
      throw new Error(
        `the gateway speaks ${own?.version} ${own?.cipher}, the echo ${echo.version} ${echo.cipher}`,
      );
    for (const [name, { negotiated }] of runs) this.tls.set(name as Server['name'], negotiated);
  }
}

async function pyKmip(world: World): Promise<Server> {
  const server = await startPyKmipServer(world.serverFiles);
  const { host, port, pid } = server;
  return {
    name: 'pykmip',
    access: { ...world.gateway.access, host, port },
    pid,
    close: () => server.close(),
  };
}

const kept = ([name, { micros, perSecond, unsettled }]: [string, Runs]): [string, Measured] => [
  name,
  { micros: micros.map(rounded), perSecond: perSecond.map(Math.round), unsettled },
];
const rounded = (micros: number): number => Number(micros.toFixed(3));

function shown(ratio: Spread | undefined): string {
  if (ratio === undefined) return '–';
  const digits = ratio.median < 10 ? 2 : 0;
  return ratio.median.toFixed(digits);
}

function verdict(
  rows: readonly Row[],
  tls: Readonly<Record<string, Negotiated>>,
  failures: readonly string[],
) {
  const lines = rows.map((row) => {
    const { cell, requestBytes, responseBytes, runs } = row;
    const echo = against(row, 'echo');
    const micros = (name: Server['name']): string | undefined => {
      const own = runs[name];
      return own === undefined ? undefined : medianOf(own.micros).toFixed(1);
    };
    return [
      titleOf(cell),
      `${requestBytes} → ${responseBytes}`,
      ...(['echo', 'gateway', 'general', 'pykmip'] as const).map(micros),
      shown(echo),
      echo === undefined
        ? undefined
        : [echo.min, echo.q1, echo.q3, echo.max].map((value) => value.toFixed(2)).join(' '),
      Math.round(medianOf(runs.gateway?.perSecond ?? [])),
    ];
  });
  const head = [
    'operation',
    'bytes',
    'echo µs',
    'gateway µs',
    'general µs',
    'PyKMIP µs',
    'echo ÷ gateway',
    'min q1 q3 max',
    'a second',
  ];
  const protocols = Object.entries(tls).map(([name, { version, cipher }]) => `${name} ${version} ${cipher}`);
  return {
    data: { rows, tls },
    text: `Processor time of the server for each item.\n${table(head, lines)}\n${protocols.join('; ')}`,
    failures,
    targets: targetsOf(rows),
  };
}
