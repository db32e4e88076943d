/** Making and rotating keys: a tenant's regional secret and L2, a service's L3. Each function is one caller's transaction. */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import { KEY_BYTES, SecretBytes } from '../../envelope/index.ts';
import { KeychainError } from '../errors.ts';
import { lockTenant } from '../links/link-store.ts';
import type { Realm } from '../realm.ts';
import type { Db } from '../tables.ts';
import { activeL2, livingWrappingKey, openLivingL2 } from './l2-access.ts';
import {
  activeOf,
  type KeyVersion,
  type Manifest,
  sealManifest,
  versionsOf,
  withNewVersion,
} from './manifest.ts';
import {
  findTenant,
  l2Parent,
  loadTenant,
  openL3,
  readL3Rows,
  regionalSecretContext,
  rowOf,
  type StoredTenant,
  saveManifest,
  sealL2,
  sealL3,
  tenantWrappingKey,
} from './tenant-keys.ts';

/** Idempotent. @throws KeychainError SEALED, LIMIT_REACHED. */
export async function provisionTenant(
  tx: Db,
  realm: Realm,
  tenant: TenantId,
): Promise<{ l2Version: number }> {
  const root = realm.root();
  const facts = await lockTenant(tx, tenant);
  const known = await findTenant(tx, realm, tenant);
  if (known !== null) return { l2Version: activeL2(known) };
  await assertRoom(tx, realm);

  using secret = SecretBytes.random(KEY_BYTES);
  using l2 = SecretBytes.random(KEY_BYTES);
  const regionalSecret = root.seal(secret, regionalSecretContext(realm, tenant));
  // Epoch 0: no L1 yet, the regional secret stands alone. A tenant closed before it came here is refused all the same.
  const wrapping = tenantWrappingKey(realm, { tenant, regionalSecret }, 0, null);
  using _wipesWrapping = wrapping.key;
  const { versions, added } = withNewVersion([], 0, realm.limits.maxVersionsPerKey);
  const manifest: Manifest = { closedEpoch: facts.epochs.closed, l2: versions, services: {} };
  await tx
    .insertInto('keychain.tenants')
    .values({
      tenant,
      regional_secret: regionalSecret,
      manifest: sealManifest(root, realm.region, tenant, 1, manifest),
      manifest_counter: 1,
    })
    .execute();
  await insertL2(tx, tenant, added, sealL2(realm, tenant, wrapping, added, l2));
  return { l2Version: added.version };
}

/** Idempotent. @throws KeychainError TENANT_UNKNOWN, LINK_CLOSED, LINK_EXPIRED, SEALED, LIMIT_REACHED. */
export async function provisionService(
  tx: Db,
  realm: Realm,
  tenant: TenantId,
  service: ServiceName,
): Promise<{ l3Version: number }> {
  await lockTenant(tx, tenant);
  const stored = await loadTenant(tx, realm, tenant);
  const known = versionsOf(stored.manifest, service);
  if (known !== undefined) return { l3Version: activeOf(known).version };
  const { maxServicesPerTenant } = realm.limits;
  if (Object.keys(stored.manifest.services).length >= maxServicesPerTenant) {
    throw new KeychainError('LIMIT_REACHED', `${maxServicesPerTenant} services of one tenant`);
  }
  return { l3Version: await addL3(tx, realm, stored, service, []) };
}

/** A new active L3; older versions only decrypt from now on. @throws as `provisionService`, and SERVICE_UNKNOWN. */
export async function rotateL3(
  tx: Db,
  realm: Realm,
  tenant: TenantId,
  service: ServiceName,
): Promise<{ l3Version: number }> {
  await lockTenant(tx, tenant);
  const stored = await loadTenant(tx, realm, tenant);
  const versions = versionsOf(stored.manifest, service);
  if (versions === undefined) throw new KeychainError('SERVICE_UNKNOWN', `${tenant}/${service}`);
  return { l3Version: await addL3(tx, realm, stored, service, versions) };
}

/** A new active L2, under which every L3 version of the tenant is wrapped anew. @throws as `provisionService`. */
export async function rotateL2(tx: Db, realm: Realm, tenant: TenantId): Promise<{ l2Version: number }> {
  const facts = await lockTenant(tx, tenant);
  const stored = await loadTenant(tx, realm, tenant);
  const { manifest } = stored;
  const wrapping = await livingWrappingKey(tx, realm, facts, stored);
  using _wipesWrapping = wrapping.key;
  using older = await openLivingL2(tx, realm, facts, stored, () => true);
  using fresh = SecretBytes.random(KEY_BYTES);
  const { versions, added } = withNewVersion(manifest.l2, wrapping.version, realm.limits.maxVersionsPerKey);
  await insertL2(tx, tenant, added, sealL2(realm, tenant, wrapping, added, fresh));

  const parent = l2Parent(tenant, added.version, fresh);
  const services: Record<string, KeyVersion[]> = {};
  for (const [service, entries] of Object.entries(manifest.services)) {
    const rows = await readL3Rows(tx, tenant, service, entries);
    services[service] = [];
    for (const entry of entries) {
      const wrapped = rowOf(rows, entry.version, `L3 of ${tenant}/${service}`);
      const l3 = openL3(realm, tenant, service, older.version(entry.parent), entry, wrapped);
      using key = l3.key;
      const next: KeyVersion = { ...entry, revision: entry.revision + 1, parent: added.version };
      await tx
        .updateTable('keychain.l3_keys')
        .set({ wrapped: sealL3(realm, tenant, service, parent, next, key) })
        .where('tenant', '=', tenant)
        .where('service', '=', service)
        .where('version', '=', entry.version)
        .execute();
      services[service].push(next);
    }
  }
  await saveManifest(tx, realm, stored, { ...manifest, l2: versions, services });
  return { l2Version: added.version };
}

async function addL3(
  tx: Db,
  realm: Realm,
  stored: StoredTenant,
  service: ServiceName,
  before: readonly KeyVersion[],
): Promise<number> {
  const { tenant, manifest } = stored;
  const facts = await lockTenant(tx, tenant);
  const parentVersion = activeL2(stored);
  using l2 = await openLivingL2(tx, realm, facts, stored, (entry) => entry.version === parentVersion);
  using l3 = SecretBytes.random(KEY_BYTES);
  const { versions, added } = withNewVersion(before, parentVersion, realm.limits.maxVersionsPerKey);
  const wrapped = sealL3(realm, tenant, service, l2.version(parentVersion), added, l3);
  await tx
    .insertInto('keychain.l3_keys')
    .values({ tenant, service, version: added.version, wrapped })
    .execute();
  await saveManifest(tx, realm, stored, {
    ...manifest,
    services: { ...manifest.services, [service]: versions },
  });
  return added.version;
}

async function insertL2(tx: Db, tenant: TenantId, entry: KeyVersion, wrapped: Buffer): Promise<void> {
  await tx.insertInto('keychain.l2_keys').values({ tenant, version: entry.version, wrapped }).execute();
}

async function assertRoom(tx: Db, realm: Realm): Promise<void> {
  const { maxTenants } = realm.limits;
  const { count } = await tx
    .selectFrom('keychain.tenants')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .executeTakeFirstOrThrow();
  if (Number(count) >= maxTenants)
    throw new KeychainError('LIMIT_REACHED', `${maxTenants} tenants in the region`);
}
