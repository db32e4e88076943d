/** How often a key is replaced, as governance wishes. It is part of the manifest, so that a changed database cannot stop rotation. */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import { lockTenant } from '../links/link-store.ts';
import type { Realm } from '../realm.ts';
import { L2 } from '../stores/key-store.ts';
import type { Db } from '../tables.ts';
import type { Manifest } from './manifest.ts';
import { required } from './rotation.ts';
import { nextRotationMs } from './schedule.ts';
import { loadTenant, saveTenant } from './tenant-keys.ts';

export interface RotationPolicy {
  readonly tenant: TenantId;
  /** Null: the tenant's L2. */
  readonly service: ServiceName | null;
  /** 0: never. Null: as the region does by default. */
  readonly rotateAfterS: number | null;
}

/** Idempotent. Returns when the key is next rotated by itself. @throws KeychainError TENANT_UNKNOWN, SERVICE_UNKNOWN, SEALED. */
export async function setRotationPolicy(
  tx: Db,
  realm: Realm,
  { tenant, service, rotateAfterS }: RotationPolicy,
): Promise<{ nextRotationMs: number | null }> {
  await lockTenant(tx, tenant);
  const stored = await loadTenant(tx, realm, tenant);
  if (service !== null) required(stored.manifest, service);
  const { [service ?? L2]: _before, ...others } = stored.manifest.rotateAfterS;
  const rotateAfter = rotateAfterS === null ? others : { ...others, [service ?? L2]: rotateAfterS };
  const manifest: Manifest = { ...stored.manifest, rotateAfterS: rotateAfter };
  await saveTenant(tx, realm, stored, manifest);
  return { nextRotationMs: nextRotationMs(manifest, realm.rotation, service) };
}
