/** What is killed, and when: most often a worker, now and then the primary alone or all of the gateway at once. */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { GatewayProcesses } from '../support/gateway-processes.ts';

export const victims = ['worker', 'primary', 'everything'] as const;
export type Victim = (typeof victims)[number];

/** In a hundred. */
const shares: Readonly<Record<Victim, number>> = { worker: 70, primary: 15, everything: 15 };
const WHOLE_TIMEOUT_MS = 120_000;

export interface Kill {
  readonly victim: Victim;
  /** Until every worker served again, in milliseconds. */
  readonly wholeAfterMs: number;
}

/** Kills one victim and waits until the gateway is whole again. */
export async function kill(gateway: GatewayProcesses, victim: Victim): Promise<Kill> {
  const before = await gateway.whole(WHOLE_TIMEOUT_MS);
  const startedAt = performance.now();
  const dead = await strike(gateway, victim);
  // Until the death is seen, the gateway looks whole.
  while (performance.now() - startedAt < WHOLE_TIMEOUT_MS) {
    const status = await gateway.whole(WHOLE_TIMEOUT_MS);
    const isNew = status.workers.each.every(({ pid }) => pid === undefined || !dead.includes(pid));
    if (isNew) return { victim, wholeAfterMs: performance.now() - startedAt };
    await delay(10);
  }
  throw new Error(`the gateway did not get over the death of ${victim}: ${JSON.stringify(before.workers)}`);
}

async function strike(gateway: GatewayProcesses, victim: Victim): Promise<readonly number[]> {
  if (victim === 'worker') return [await gateway.killWorker()];
  const workers = await gateway.workerPids();
  if (victim === 'primary') gateway.killPrimary();
  else await gateway.killEverything();
  return workers;
}

export function randomVictim(): Victim {
  let left = randomInt(100);
  for (const victim of victims) {
    left -= shares[victim];
    if (left < 0) return victim;
  }
  return 'worker';
}
