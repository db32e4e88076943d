/**
 * What is killed, and when: any process of both planes, and what lies between them. Kills may come while others are not
 * back yet. What belongs to the installation is brought back by its supervisor and by nobody else.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  brokerComponent,
  cmkComponent,
  cmkDatabase,
  coreOf,
  databaseOf,
} from '../../cli/installation/names.ts';
import { RESTART_WINDOW_MS } from '../../cli/supervisor/restart-budget.ts';
import { errorCode } from '../../platform/errors.ts';
import type { System } from '../../testkit/system.ts';
import type { SecondCore } from '../soak/second-core.ts';
import { type OuterBroker, type Victim, victims } from './plan.ts';

/** In a hundred. */
const shares: Readonly<Record<Victim, number>> = { cmk: 20, core: 30, broker: 20, database: 30 };
/**
 * Fewer than a supervisor forgives in its window: one that gave up would be right, and the storm at fault. A program that comes back
 * while its database is away needs a start more.
 */
const maxKillsInWindow: Readonly<Record<Victim, number>> = { cmk: 2, core: 2, broker: 3, database: 3 };
const BACK_TIMEOUT_MS = 120_000;
const POLL_MS = 50;
/** What belongs to the storm and not to the installation is brought back within this, or tried again after it. */
const AWAY_MS = 2_000;

/** The storm's own processes, by name: the supervisor knows nothing of them. */
export type OwnProcess = Pick<OuterBroker | SecondCore, 'kill' | 'start'>;
export type Own = ReadonlyMap<string, OwnProcess>;

export interface Kill {
  readonly victim: Victim;
  readonly component: string;
  /** Until it answered again, in milliseconds. */
  readonly backAfterMs: number;
}

export const secondCoreOf = (region: string): string => `${coreOf(region)}-2`;

export class Killer {
  readonly #system: System;
  readonly #own: Own;
  /** When each was killed last, the latest at the end. */
  readonly #killedAt = new Map<string, number[]>();
  readonly #away = new Set<string>();
  readonly #returning: Promise<Kill>[] = [];

  /** @param own an outer broker by the name of the embedded one; second cores as `secondCoreOf` names them */
  constructor(system: System, own: Own) {
    this.#system = system;
    this.#own = own;
  }

  get count(): number {
    return this.#returning.length;
  }

  /** Strikes as soon as something of this sort may be struck; anything else where that would take long. */
  async kill(wanted: Victim = randomVictim()): Promise<void> {
    const giveUpAt = performance.now() + BACK_TIMEOUT_MS;
    for (;;) {
      for (const victim of [wanted, ...victims]) {
        const component = this.#chosenOf(victim);
        if (component !== undefined && (await this.#strike(victim, component))) return;
      }
      if (performance.now() > giveUpAt) throw new Error('nothing is up that could be killed');
      await delay(POLL_MS);
    }
  }

  /** Every kill, once all that was killed is up again. Rejects where something is not. */
  async whole(): Promise<readonly Kill[]> {
    return await Promise.all(this.#returning);
  }

  #componentsOf(victim: Victim): readonly string[] {
    const { regions } = this.#system;
    const all: Readonly<Record<Victim, readonly string[]>> = {
      cmk: [cmkComponent],
      core: [...regions.map(coreOf), ...regions.map(secondCoreOf).filter((name) => this.#own.has(name))],
      broker: [brokerComponent],
      database: [cmkDatabase, ...regions.map(databaseOf)],
    };
    return all[victim];
  }

  #chosenOf(victim: Victim): string | undefined {
    const now = performance.now();
    const candidates = this.#componentsOf(victim).filter((component) => {
      const recent = (this.#killedAt.get(component) ?? []).filter((at) => now - at < RESTART_WINDOW_MS);
      return !this.#away.has(component) && recent.length < maxKillsInWindow[victim];
    });
    return candidates[randomInt(Math.max(1, candidates.length))];
  }

  /** False where it was not up. */
  async #strike(victim: Victim, component: string): Promise<boolean> {
    const own = this.#own.get(component);
    const pid = own === undefined ? await this.#pidOf(component) : null;
    if (own === undefined && pid === null) return false;
    const startedAt = performance.now();
    this.#away.add(component);
    this.#killedAt.set(component, [...(this.#killedAt.get(component) ?? []), startedAt]);
    if (own !== undefined) await own.kill();
    else if (pid !== null) killHard(pid);
    const back =
      own === undefined ? this.#isBack(component, pid) : broughtBack(component, own.start.bind(own));
    const kill = back.then(() => {
      this.#away.delete(component);
      return { victim, component, backAfterMs: performance.now() - startedAt };
    });
    kill.catch(() => undefined); // told by `whole`
    this.#returning.push(kill);
    return true;
  }

  async #isBack(component: string, before: number | null): Promise<void> {
    const giveUpAt = performance.now() + BACK_TIMEOUT_MS;
    for (;;) {
      const { processes } = await this.#system.refreshed();
      const now = processes.find(({ name }) => name === component);
      if (now?.state === 'up' && now.pid !== null && now.pid !== before) return;
      if (now?.state === 'failed') throw new Error(`${component} stays down`);
      if (performance.now() > giveUpAt)
        throw new Error(`${component} is not up again after ${BACK_TIMEOUT_MS} ms`);
      await delay(POLL_MS);
    }
  }

  async #pidOf(component: string): Promise<number | null> {
    const { processes } = await this.#system.refreshed();
    const found = processes.find(({ name }) => name === component);
    return found?.state === 'up' ? found.pid : null;
  }
}

async function broughtBack(component: string, start: () => Promise<void>): Promise<void> {
  const giveUpAt = performance.now() + BACK_TIMEOUT_MS;
  for (;;) {
    await delay(randomInt(AWAY_MS));
    try {
      return await start();
    } catch (error) {
      // What it stands on may be away as well.
      if (performance.now() > giveUpAt) throw new Error(`${component} does not start`, { cause: error });
    }
  }
}

function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error; // it has just ended by itself
  }
}

function randomVictim(): Victim {
  let left = randomInt(100);
  for (const victim of victims) {
    left -= shares[victim];
    if (left < 0) return victim;
  }
  return 'core';
}
