/** The end of a version: its envelope is deleted, and what stood under it is gone with it. */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import { KeychainError } from '../errors.ts';
import { lockTenant } from '../links/link-store.ts';
import type { Realm } from '../realm.ts';
import { L2 } from '../stores/key-store.ts';
import type { Db } from '../tables.ts';
import type { KeyEvent } from './key-events.ts';
import { destroy, type KeyHistory, living } from './key-history.ts';
import { type Manifest, withService } from './manifest.ts';
import { required } from './rotation.ts';
import { loadTenant, saveTenant } from './tenant-keys.ts';

/** Objects that the core knows under each version of each service's L3. The keychain keeps none itself. */
export type CountDependents = (
  tx: Db,
  tenant: TenantId,
) => Promise<(service: string, version: number) => number>;

export interface DestroyRequest {
  readonly tenant: TenantId;
  readonly service: ServiceName | null;
  readonly version: number;
  /** What was told before: a destruction is decided by somebody who knows what goes with it. */
  readonly dependents: number;
}

/**
 * Needs no living link: what a customer has taken away may be destroyed, too. An L2 goes only when no L3 stands under it.
 * @throws KeychainError KEY_VERSION_UNKNOWN, KEY_STATE, DEPENDENTS_CHANGED, TENANT_UNKNOWN, SERVICE_UNKNOWN, SEALED.
 */
export async function destroyVersion(
  tx: Db,
  realm: Realm,
  { tenant, service, version, dependents }: DestroyRequest,
  countDependents: CountDependents,
): Promise<KeyEvent[]> {
  await lockTenant(tx, tenant);
  const stored = await loadTenant(tx, realm, tenant);
  const { manifest } = stored;
  const history = service === null ? manifest.l2 : required(manifest, service);
  // First, so that a version that is gone says so, whatever was said of its dependents.
  const after = destroy(history, version);
  const found =
    service === null ? l3Under(manifest, version) : (await countDependents(tx, tenant))(service, version);
  if (found !== dependents)
    throw new KeychainError('DEPENDENTS_CHANGED', `${found} depend on version ${version}, not ${dependents}`);
  if (service === null && found > 0)
    throw new KeychainError(
      'KEY_STATE',
      `${found} versions of L3 stand under it until they are wrapped anew`,
    );
  const next = service === null ? { ...manifest, l2: after } : withService(manifest, service, after);
  await saveTenant(tx, realm, stored, next, { put: [], remove: [{ service: service ?? L2, version }] });
  return [{ kind: 'destroyed', tenant, service, version }];
}

/** After a rotation: an L2 version under which nothing stands any more. @throws as `destroyVersion`. */
export async function retireL2(tx: Db, realm: Realm, tenant: TenantId, version: number): Promise<KeyEvent[]> {
  return await destroyVersion(tx, realm, { tenant, service: null, version, dependents: 0 }, noObjects);
}

const noObjects: CountDependents = async () => () => 0;

/** Living L3 versions under one L2 version. */
export function l3Under(manifest: Manifest, l2Version: number): number {
  const under = (history: KeyHistory) => living(history).filter((entry) => entry.parent === l2Version).length;
  return Object.values(manifest.services).reduce((sum, history) => sum + under(history), 0);
}
