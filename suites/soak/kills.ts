/** Kills the region's two cores by turns, at random moments, and sees to it that they come back. */
import { randomInt } from 'node:crypto';
import { sleep } from '../../platform/backoff.ts';
import { eventually, isAlive, type System } from '../../testkit/system.ts';
import { REGION } from './plan.ts';
import type { SecondCore } from './second-core.ts';

const BACK_TIMEOUT_MS = 30_000;
const HEALTH_TIMEOUT_MS = 1_000;
/** After the gateway has its core again: what was under way, and what it catches up with. */
const RECOVERY_MS = 2_000;

interface Outage {
  readonly from: number;
  to: number;
}

export class Kills {
  readonly #system: System;
  readonly #second: SecondCore;
  /** Of the core that the gateway speaks to; the other one is missed by nobody but the broker. */
  readonly #outages: Outage[] = [];
  readonly counts = { first: 0, second: 0 };

  constructor(system: System, second: SecondCore) {
    this.#system = system;
    this.#second = second;
  }

  /** Until the signal; a core that is down then is brought back first. */
  async run(everyMs: number, signal: AbortSignal): Promise<void> {
    for (let turn = 0; ; turn++) {
      try {
        await sleep(everyMs / 2 + randomInt(Math.max(1, Math.round(everyMs))), signal);
      } catch {
        return;
      }
      await (turn % 2 === 0 ? this.#killFirst() : this.#killSecond());
    }
  }

  /** Whether the gateway's core was away at any moment between these. */
  wasAway(from: number, to: number): boolean {
    return this.#outages.some((outage) => outage.from <= to && from <= outage.to + RECOVERY_MS);
  }

  async #killSecond(): Promise<void> {
    this.counts.second += 1;
    await this.#second.kill();
    await this.#second.start();
  }

  async #killFirst(): Promise<void> {
    const pid = await this.#pidOfFirst();
    if (pid === null) throw new Error('the first core has no process');
    this.counts.first += 1;
    const outage: Outage = { from: performance.now(), to: Number.POSITIVE_INFINITY };
    this.#outages.push(outage);
    process.kill(pid, 'SIGKILL');
    await eventually('the killed core is up again', BACK_TIMEOUT_MS, async () => {
      const now = await this.#pidOfFirst();
      return now !== null && now !== pid && isAlive(now);
    });
    await eventually('the gateway has its core again', BACK_TIMEOUT_MS, () => this.#gatewayIsConnected());
    outage.to = performance.now();
  }

  async #pidOfFirst(): Promise<number | null> {
    const { processes } = await this.#system.refreshed();
    return processes.find(({ name }) => name === `${REGION}/core`)?.pid ?? null;
  }

  async #gatewayIsConnected(): Promise<boolean> {
    try {
      const response = await fetch(this.#system.region(REGION).health.gateway, {
        signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
      });
      return ((await response.json()) as { core: string }).core === 'connected';
    } catch {
      return false;
    }
  }
}
