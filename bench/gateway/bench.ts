/** The servers that bench:gateway compares, each with a key of its own, and one row of its table after another. */
import type { Stage } from '../../testkit/measure/command.ts';
import { startPyKmipServer } from '../../testkit/pykmip-server.ts';
import { type Cell, titleOf } from './cells.ts';
import type { Negotiated } from './connections.ts';
import type { EchoStep } from './echo.ts';
import { Requests } from './requests.ts';
import { against, type Measured, type Row, ratioText } from './result.ts';
import { type Contender, type Plan, play, type Runs } from './rounds.ts';
import { type Server, World } from './servers.ts';

/** Each Create and Get leaves something for the core, which is slower: shorter turns, so that it has caught up after them. */
const RECORDED_SHARE = 0.25;

export class Bench {
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

  get problems(): readonly string[] {
    return this.#world.problems;
  }

  async row(
    cell: Cell,
    given: Pick<Plan, 'rounds' | 'turnMs'> & { readonly grown: boolean },
    stage: Stage,
  ): Promise<Row> {
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
        const contenders = await this.#contenders(cell, given.grown);
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
      (row) => cell.against.map((name) => `${name} ${ratioText(against(row, name))}`).join(', '),
    );
  }

  async close(): Promise<void> {
    for (const server of this.#servers.values()) await server.close();
    await this.#world.close();
  }

  async #contenders(cell: Cell, grown: boolean) {
    const wanted = { items: new Array(cell.batch).fill(cell.verb), payloadBytes: cell.payloadBytes };
    const contenders: (Contender & { readonly echo: EchoStep })[] = [];
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
      contenders.splice(1, 0, { server: await this.#world.echo([echo], grown), steps, echo });
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
