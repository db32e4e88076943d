/**
 * A process that holds more and more tenants' keys and tells its parent what it takes of memory: one of its own, since
 * what the provisioning before it has left in a heap would hide what a key costs.
 */

import { type MemoryUse, memoryUse } from './memory.ts';
import { BenchRegion, type RegionPlace, SERVICE, tenantName } from './region.ts';

export interface HolderTask {
  readonly place: RegionPlace;
  readonly limits: Parameters<BenchRegion['keychain']>[0];
  /** Ascending. */
  readonly counts: readonly number[];
}
export interface Held {
  readonly tenants: number;
  readonly use: MemoryUse;
}

const READS_AT_ONCE = 8;
/** So that compiled code and open connections are there before the first measurement. */
const WARM_UP_READS = 200;

process.once('message', (task: HolderTask) => {
  hold(task).then(
    () => process.disconnect(),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});

async function hold({ place, limits, counts }: HolderTask): Promise<void> {
  const region = await BenchRegion.open(place);
  const most = counts.at(-1) ?? 0;
  const keychain = await region.keychain(limits);
  const read = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to; at += READS_AT_ONCE) {
      const some = Array.from({ length: Math.min(READS_AT_ONCE, to - at) }, (_, index) =>
        tenantName(at + index),
      );
      await Promise.all(some.map((tenant) => keychain.serviceKeys(tenant, SERVICE)));
      process.send?.(keychain.heldServices);
    }
  };
  await read(0, Math.min(WARM_UP_READS, most));
  keychain.seal('warmed up');
  await keychain.unseal();
  let held = 0;
  for (const count of counts) {
    await read(held, count);
    held = count;
    process.send?.({ tenants: keychain.heldServices, use: await memoryUse() } satisfies Held);
  }
  keychain.close();
  await region.close();
}
