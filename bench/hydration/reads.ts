/** Times of reading a service's keys, each cold one paired with a bare select of the same rows. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TenantId } from '../../contracts/index.ts';
import type { Keychain } from '../../execution/keychain/index.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { type BenchRegion, SERVICE } from './region.ts';

export interface ColdReads {
  readonly cold: readonly number[];
  readonly bare: readonly number[];
  /** Cold over bare, pair by pair. */
  readonly ratios: readonly number[];
}

/** Pairs in alternating order, so that neither is always the one that finds the pages warm. */
export async function coldReads(
  region: BenchRegion,
  keychain: Keychain,
  tenants: readonly TenantId[],
  tell: Tell,
): Promise<ColdReads> {
  const cold: number[] = [];
  const bare: number[] = [];
  for (const [index, tenant] of tenants.entries()) {
    const readBare = async (): Promise<void> => {
      bare.push(await timed(() => region.bareSelect(tenant)));
    };
    const readCold = async (): Promise<void> => {
      cold.push(await timed(() => keychain.serviceKeys(tenant, SERVICE)));
    };
    if (index % 2 === 0) {
      await readBare();
      await readCold();
    } else {
      await readCold();
      await readBare();
    }
    tell(`${index + 1} of ${tenants.length} services`);
  }
  return { cold, bare, ratios: cold.map((ms, index) => ms / (bare[index] ?? Number.NaN)) };
}

export async function warmReads(keychain: Keychain, tenants: readonly TenantId[]): Promise<number[]> {
  const times: number[] = [];
  for (const tenant of tenants) {
    await keychain.serviceKeys(tenant, SERVICE);
    times.push(await timed(() => keychain.serviceKeys(tenant, SERVICE)));
  }
  return times;
}

/** Of keys that are in memory, with the link's row read again because its facts have become too old. */
export async function recheckedReads(
  keychain: Keychain,
  tenants: readonly TenantId[],
  recheckMs: number,
): Promise<number[]> {
  const times: number[] = [];
  await sleep(recheckMs + 1);
  for (const tenant of tenants) times.push(await timed(() => keychain.serviceKeys(tenant, SERVICE)));
  return times;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
