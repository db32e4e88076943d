/**
 * A gateway of several processes under a load of Creates, killed again and again; in the end every acknowledged key has to
 * be there (D6). The region is real: core, PostgreSQL, TLS, and a supervisor that starts the gateway anew.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { startCore } from '../../execution/core/index.ts';
import type { KmipClient } from '../../execution/kmip/index.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { GatewayProcesses } from '../support/gateway-processes.ts';
import { startRegion, until } from '../support/region.ts';
import { type Kill, kill, randomVictim, type Victim } from './kills.ts';
import { Load } from './load.ts';
import { type Reckoning, reckon } from './reckoning.ts';

export interface CrashPlan {
  readonly kills: number;
  readonly workers: number;
  readonly connections: number;
  /** The longest pause before a kill, in milliseconds; the shortest is none. */
  readonly pauseMs: number;
  /** What is killed first; the rest is left to chance. */
  readonly first?: readonly Victim[];
}

export interface CrashReport {
  readonly plan: CrashPlan;
  readonly kills: readonly Kill[];
  readonly reckoning: Reckoning;
  readonly refusals: ReadonlyMap<string, number>;
  readonly tookMs: number;
}

const ANNOUNCED_TIMEOUT_MS = 300_000;
const WHOLE_TIMEOUT_MS = 120_000;

export async function crashes(plan: CrashPlan, tell: Tell): Promise<CrashReport> {
  const startedAt = performance.now();
  const gateway = new GatewayProcesses(plan.workers);
  const world = await startRegion(undefined, { core: startCore, gateway: gateway.run });
  const clients: KmipClient[] = [];
  try {
    await world.provision('acme', 'orders');
    await world.link('acme', 1);
    const certificate = await world.application('storm', 'acme', ['orders']);
    const client = (poolSize: number): KmipClient => {
      const made = world.client(certificate, { poolSize });
      clients.push(made);
      return made;
    };
    const load = new Load();
    load.start(Array.from({ length: plan.connections }, () => client(1)));
    const kills = await killAll(gateway, plan, load, tell);
    await load.stop();
    await gateway.whole(WHOLE_TIMEOUT_MS);
    const announced = async (): Promise<void> => {
      const isEmpty = async (): Promise<boolean> => (await gateway.status()).backlog === 0;
      await until('every key is announced', isEmpty, ANNOUNCED_TIMEOUT_MS);
    };
    await announced();
    const reckoning = await reckon(client(4), load, announced, tell);
    return { plan, kills, reckoning, refusals: load.refusals, tookMs: performance.now() - startedAt };
  } finally {
    for (const client of clients) client.close();
    await world.close();
  }
}

async function killAll(
  gateway: GatewayProcesses,
  { kills, pauseMs, first = [] }: CrashPlan,
  load: Load,
  tell: Tell,
): Promise<Kill[]> {
  const done: Kill[] = [];
  while (done.length < kills) {
    // Something is under way at every kill.
    const acknowledged = load.acknowledged.length;
    await until('keys are made', () => load.acknowledged.length > acknowledged, WHOLE_TIMEOUT_MS);
    await delay(randomInt(pauseMs + 1));
    done.push(await kill(gateway, first[done.length] ?? randomVictim()));
    tell(`${done.length} of ${kills} kills, ${load.acknowledged.length} keys acknowledged`);
  }
  return done;
}
