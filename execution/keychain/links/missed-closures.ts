/**
 * Closures that the manifests have not heard of: a sealed region closes links all the same, but cannot authenticate
 * anything. Unsealing makes up for it, so that the link rows from before such a closure are of no use to whoever puts
 * them back.
 */
import type { TenantId } from '../../../contracts/index.ts';
import { KeychainError } from '../errors.ts';
import { findTenant, saveTenant } from '../keys/tenant-keys.ts';
import type { Realm } from '../realm.ts';
import type { Db } from '../tables.ts';
import { lockTenant } from './link-store.ts';

/**
 * Each tenant in a transaction of its own. Returns the tenants whose manifest does not open: they are left as they are.
 * @throws KeychainError SEALED, when the region is sealed meanwhile.
 */
export async function recordMissedClosures(db: Db, realm: Realm): Promise<TenantId[]> {
  const rejected: TenantId[] = [];
  for (const { tenant, closedEpoch } of await closedTenants(db)) {
    try {
      const stored = await findTenant(db, realm, tenant);
      if (stored !== null && stored.manifest.closedEpoch < closedEpoch)
        await recordClosure(db, realm, tenant);
    } catch (error) {
      if (!(error instanceof KeychainError) || error.code !== 'RECORD_REJECTED') throw error;
      rejected.push(tenant);
    }
  }
  return rejected;
}

async function recordClosure(db: Db, realm: Realm, tenant: TenantId): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const { epochs } = await lockTenant(tx, tenant);
    const stored = await findTenant(tx, realm, tenant);
    if (stored !== null && stored.manifest.closedEpoch < epochs.closed)
      await saveTenant(tx, realm, stored, { ...stored.manifest, closedEpoch: epochs.closed });
  });
}

/** At most `maxTenants` of them, since a tenant without a row here has no manifest. */
async function closedTenants(db: Db): Promise<{ tenant: TenantId; closedEpoch: number }[]> {
  const rows = await db
    .selectFrom('keychain.link_heads')
    .select(['tenant', 'closed_epoch'])
    .where('closed_epoch', '>', 0)
    .where('manifest_counter', 'is not', null)
    .orderBy('tenant')
    .execute();
  return rows.map((row) => ({ tenant: row.tenant as TenantId, closedEpoch: row.closed_epoch }));
}
