/**
 * Several servers measured in turns, forwards and backwards (A B B A …), so that what drifts on the machine meets all of
 * them alike. What counts is the ratio of two servers within a round.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Spread, spreadOf } from '../../testkit/measure/spread.ts';
import { Connections, type Negotiated, type Step } from './connections.ts';
import { cpuSecondsBetween, readCpu } from './cpu.ts';
import { settle } from './metrics.ts';
import type { Server } from './servers.ts';

export interface Contender {
  readonly server: Server;
  readonly steps: readonly [Step, ...Step[]];
}

export interface Plan {
  readonly rounds: number;
  readonly turnMs: number;
  readonly connections: number;
  /** Until a gateway has told its core what its requests leave behind: that belongs to their cost. */
  readonly settles: boolean;
}

/** Of one server, round by round. */
export interface Runs {
  /** Processor time of the server for each item. */
  readonly micros: number[];
  /** Items in a second, all connections together. */
  readonly perSecond: number[];
  readonly negotiated: Negotiated;
  /** Most that was left to tell the core when a turn's time was up. */
  unsettled: number;
}

const SETTLE_WITHIN_MS = 20_000;
const MICROSECONDS = 1e6;

/** Who comes when in a round. */
export function orderOf<T>(contenders: readonly T[], round: number): readonly T[] {
  return round % 2 === 0 ? contenders : contenders.toReversed();
}

export async function play(
  contenders: readonly Contender[],
  plan: Plan,
  told: (round: number, runs: ReadonlyMap<string, Runs>) => void,
): Promise<Map<string, Runs>> {
  const opened = new Map<Contender, Connections>();
  try {
    const runs = new Map<string, Runs>();
    for (const contender of contenders) {
      const { server, steps } = contender;
      const connections = await Connections.open(server.access, steps, plan.connections);
      opened.set(contender, connections);
      // Code is compiled, and the server has what it needs in memory, before anything counts.
      await turn(server, connections, plan);
      const { negotiated } = connections;
      runs.set(server.name, { micros: [], perSecond: [], negotiated, unsettled: 0 });
    }
    for (let round = 0; round < plan.rounds; round++) {
      for (const [{ server }, connections] of orderOf([...opened], round)) {
        const { micros, perSecond, left } = await turn(server, connections, plan);
        const own = runs.get(server.name);
        own?.micros.push(micros);
        own?.perSecond.push(perSecond);
        if (own !== undefined) own.unsettled = Math.max(own.unsettled, left);
      }
      told(round + 1, runs);
    }
    return runs;
  } finally {
    for (const connections of opened.values()) connections.close();
  }
}

async function turn(server: Server, connections: Connections, { turnMs, settles }: Plan) {
  const [before, answeredBefore, startedAt] = [readCpu(server.pid), connections.answered, performance.now()];
  connections.start();
  await sleep(turnMs);
  await connections.stop();
  const tookMs = performance.now() - startedAt;
  const left =
    settles && server.healthUrl !== undefined ? await settle(server.healthUrl, SETTLE_WITHIN_MS) : 0;
  const answered = connections.answered - answeredBefore;
  return {
    micros: (cpuSecondsBetween(before, readCpu(server.pid)) * MICROSECONDS) / answered,
    perSecond: (answered * 1_000) / tookMs,
    left,
  };
}

/** How many times the first takes what the second does, round by round. */
export function ratioOf(first: Pick<Runs, 'micros'>, second: Pick<Runs, 'micros'>): Spread {
  return spreadOf(first.micros.map((micros, round) => micros / (second.micros[round] ?? Number.NaN)));
}
