/** A tenant's first keys: its regional secret and L2, a service's L3. Each function is one caller's transaction. */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import { KeychainError } from '../errors.ts';
import { lockTenant } from '../links/link-store.ts';
import type { Realm } from '../realm.ts';
import { L2 } from '../stores/key-store.ts';
import type { Db } from '../tables.ts';
import { activeOf, begin } from './key-history.ts';
import { openLivingL2 } from './l2-access.ts';
import { assertRoomToGrow, historyOf, type Manifest, stillExposed, withService } from './manifest.ts';
import {
  activeL2,
  createTenant,
  deriveWrappingKey,
  findTenant,
  loadTenant,
  newSecret,
  saveTenant,
  sealL2,
  sealL3,
  youngest,
} from './tenant-keys.ts';

/** Idempotent. @throws KeychainError SEALED, LIMIT_REACHED, STORE_UNAVAILABLE. */
export async function provisionTenant(
  tx: Db,
  realm: Realm,
  tenant: TenantId,
): Promise<{ l2Version: number }> {
  realm.root();
  const facts = await lockTenant(tx, tenant);
  const known = await findTenant(tx, realm, tenant);
  if (known !== null) {
    // A store of its own may have kept what this database had to undo.
    if (facts.manifestCounter === null) await saveTenant(tx, realm, known, known.manifest);
    return { l2Version: activeL2(known.manifest) };
  }
  if (facts.manifestCounter !== null)
    throw new KeychainError('RECORD_REJECTED', `the keys of ${tenant} are gone from their store`);
  await assertRoom(tx, realm);

  using secret = newSecret();
  using l2 = newSecret();
  // Epoch 0: no L1 yet, the regional secret stands alone. A tenant closed before it came here is refused all the same.
  const wrapping = deriveWrappingKey(realm, tenant, 0, secret, null);
  using _wipesWrapping = wrapping.key;
  const history = begin(0, realm.now());
  const manifest: Manifest = {
    closedEpoch: facts.epochs.closed,
    regionalSecret: { version: 1, revision: 1 },
    l2: history,
    services: {},
    exposed: {},
    rotateAfterS: {},
  };
  const record = sealL2(realm, tenant, wrapping, youngest(history), l2);
  await createTenant(tx, realm, tenant, manifest, secret, [record]);
  return { l2Version: record.version };
}

/** Idempotent. @throws KeychainError TENANT_UNKNOWN, LINK_CLOSED, LINK_EXPIRED, SEALED, LIMIT_REACHED, STORE_UNAVAILABLE. */
export async function provisionService(
  tx: Db,
  realm: Realm,
  tenant: TenantId,
  service: ServiceName,
): Promise<{ l3Version: number }> {
  const facts = await lockTenant(tx, tenant);
  const stored = await loadTenant(tx, realm, tenant, [L2]);
  const { manifest } = stored;
  const known = historyOf(manifest, service);
  if (known !== undefined) return { l3Version: activeOf(known).version };
  const { maxServicesPerTenant } = realm.limits;
  if (Object.keys(manifest.services).length >= maxServicesPerTenant) {
    throw new KeychainError('LIMIT_REACHED', `${maxServicesPerTenant} services of one tenant`);
  }
  const parent = activeL2(manifest);
  using l2 = await openLivingL2(tx, realm, facts, stored, ({ version }) => version === parent);
  using l3 = newSecret();
  const history = begin(parent, realm.now());
  const record = sealL3(realm, tenant, service, l2.version(parent), youngest(history), l3);
  const next = stillExposed(withService(manifest, service, history), service);
  assertRoomToGrow(next);
  await saveTenant(tx, realm, stored, next, { put: [record], remove: [] });
  return { l3Version: record.version };
}

async function assertRoom(tx: Db, realm: Realm): Promise<void> {
  const { maxTenants } = realm.limits;
  const { count } = await tx
    .selectFrom('keychain.link_heads')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('manifest_counter', 'is not', null)
    .executeTakeFirstOrThrow();
  if (Number(count) >= maxTenants)
    throw new KeychainError('LIMIT_REACHED', `${maxTenants} tenants in the region`);
}
