/** A tenant's keys in numbers, as governance gets to see them: the youngest versions one by one, the others as a sum. */
import { type JobResult, type KeyInventory, MAX_INVENTORY_VERSIONS } from '../../../contracts/index.ts';
import type { Inventory, KeyFacts } from '../../keychain/index.ts';

/** An answer to a job takes 32 KiB, with what Orbital adds to it. */
const MAX_RESULT_BYTES = 28 * 1024;

export function inventoryResult({ l2, services }: Inventory): JobResult<'KEY_INSPECT'> {
  for (let most = MAX_INVENTORY_VERSIONS; ; most = Math.floor(most / 2)) {
    const result = {
      l2: inventoryOf(l2, MAX_INVENTORY_VERSIONS),
      services: services.map(({ service, ...l3 }) => ({ service, l3: inventoryOf(l3, most) })),
    };
    if (most === 0 || JSON.stringify(result).length <= MAX_RESULT_BYTES) return fitted(result);
  }
}

/** Services beyond what an answer takes are left out, the last ones first. */
function fitted(result: JobResult<'KEY_INSPECT'>): JobResult<'KEY_INSPECT'> {
  const services = [...result.services];
  while (services.length > 0 && JSON.stringify({ ...result, services }).length > MAX_RESULT_BYTES)
    services.pop();
  return { ...result, services };
}

function inventoryOf(
  { versions, living, rotateAfterMs, nextRotationMs }: KeyFacts,
  most: number,
): KeyInventory {
  return {
    living,
    versions: (most === 0 ? [] : versions.slice(-most)).map(
      ({ version, state, createdAtMs, dependents }) => ({
        version,
        state,
        createdAt: new Date(createdAtMs).toISOString(),
        dependents,
      }),
    ),
    rotateAfterSeconds: Math.round(rotateAfterMs / 1000),
    ...(nextRotationMs === null ? {} : { nextRotationAt: new Date(nextRotationMs).toISOString() }),
  };
}
