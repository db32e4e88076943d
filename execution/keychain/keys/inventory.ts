/** A tenant's keys in numbers: versions, states, what depends on each. Never material. */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import type { Realm } from '../realm.ts';
import type { Db } from '../tables.ts';
import { type CountDependents, l3Under } from './destruction.ts';
import { type KeyHistory, type KeyVersion, living } from './key-history.ts';
import type { Manifest } from './manifest.ts';
import { nextRotationMs, rotateAfterMs } from './schedule.ts';
import { loadTenant } from './tenant-keys.ts';

export interface VersionFacts extends Pick<KeyVersion, 'version' | 'state' | 'createdAtMs'> {
  readonly dependents: number;
}
export interface KeyFacts {
  /** Oldest first; of those that were destroyed, the last ones. */
  readonly versions: readonly VersionFacts[];
  readonly living: number;
  /** 0: never. */
  readonly rotateAfterMs: number;
  /** Null: never. */
  readonly nextRotationMs: number | null;
}
export interface Inventory {
  readonly l2: KeyFacts;
  readonly services: readonly (KeyFacts & { readonly service: ServiceName })[];
}

/** Of a closed link, too. @throws KeychainError TENANT_UNKNOWN, SEALED, RECORD_REJECTED, STORE_UNAVAILABLE. */
export async function takeInventory(
  db: Db,
  realm: Realm,
  tenant: TenantId,
  countDependents: CountDependents,
): Promise<Inventory> {
  const { manifest } = await loadTenant(db, realm, tenant);
  const objectsUnder = await countDependents(db, tenant);
  return {
    l2: factsOf(realm, manifest, null, manifest.l2, (version) => l3Under(manifest, version)),
    services: Object.entries(manifest.services).map(([name, history]) => {
      // It was parsed when the service was provisioned, and is authentic since.
      const service = name as ServiceName;
      return {
        service,
        ...factsOf(realm, manifest, service, history, (version) => objectsUnder(service, version)),
      };
    }),
  };
}

function factsOf(
  realm: Realm,
  manifest: Manifest,
  service: ServiceName | null,
  history: KeyHistory,
  dependentsOf: (version: number) => number,
): KeyFacts {
  return {
    versions: history.map(({ version, state, createdAtMs }) => ({
      version,
      state,
      createdAtMs,
      dependents: dependentsOf(version),
    })),
    living: living(history).length,
    rotateAfterMs: rotateAfterMs(manifest, realm.rotation, service),
    nextRotationMs: nextRotationMs(manifest, realm.rotation, service),
  };
}
