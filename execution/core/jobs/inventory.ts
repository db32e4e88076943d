/** A tenant's keys in numbers, as governance gets to see them: the youngest versions one by one, the others as a sum. */
import { type JobResult, type KeyInventory, MAX_INVENTORY_VERSIONS } from '../../../contracts/index.ts';
import type { Inventory, KeyFacts } from '../../keychain/index.ts';

export function inventoryResult({ l2, services }: Inventory): JobResult<'KEY_INSPECT'> {
  return {
    l2: inventoryOf(l2),
    services: services.map(({ service, ...l3 }) => ({ service, l3: inventoryOf(l3) })),
  };
}

function inventoryOf({ versions, living, rotateAfterMs, nextRotationMs }: KeyFacts): KeyInventory {
  return {
    living,
    versions: versions.slice(-MAX_INVENTORY_VERSIONS).map(({ version, state, createdAtMs, dependents }) => ({
      version,
      state,
      createdAt: new Date(createdAtMs).toISOString(),
      dependents,
    })),
    rotateAfterSeconds: Math.round(rotateAfterMs / 1000),
    ...(nextRotationMs === null ? {} : { nextRotationAt: new Date(nextRotationMs).toISOString() }),
  };
}
