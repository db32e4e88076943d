/**
 * After an L2 rotation: the tenant's L3 versions are wrapped anew under the active L2, a batch for each transaction. The
 * manifest says what still stands under an older one, so a crash loses nothing and another core may go on. The material
 * stays the same, and nobody outside this folder notices.
 */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import { lockTenant } from '../links/link-store.ts';
import type { Realm } from '../realm.ts';
import { type KeyRecord, L2 } from '../stores/key-store.ts';
import type { Db } from '../tables.ts';
import type { KeyEvent } from './key-events.ts';
import { living, rewrapped, versionOf } from './key-history.ts';
import { openLivingL2 } from './l2-access.ts';
import { withService } from './manifest.ts';
import { required } from './rotation.ts';
import { activeL2, loadTenant, openL3, recordOf, saveTenant, sealL3 } from './tenant-keys.ts';

/** @throws KeychainError as `rotateKey`. */
export async function rewrap(
  tx: Db,
  realm: Realm,
  tenant: TenantId,
  service: ServiceName,
): Promise<KeyEvent[]> {
  const facts = await lockTenant(tx, tenant);
  const stored = await loadTenant(tx, realm, tenant, [L2, service]);
  const parent = activeL2(stored.manifest);
  let history = required(stored.manifest, service);
  const batch = living(history)
    .filter((entry) => entry.parent !== parent)
    .slice(0, realm.limits.rewrapBatch);
  if (batch.length === 0) return [];
  const needed = new Set([parent, ...batch.map((entry) => entry.parent)]);
  using l2 = await openLivingL2(tx, realm, facts, stored, ({ version }) => needed.has(version));
  const put: KeyRecord[] = [];
  for (const entry of batch) {
    const wrapped = recordOf(stored, service, entry.version);
    const l3 = openL3(realm, tenant, service, l2.version(entry.parent), entry, wrapped);
    using key = l3.key;
    history = rewrapped(history, entry.version, parent);
    put.push(sealL3(realm, tenant, service, l2.version(parent), versionOf(history, entry.version), key));
  }
  await saveTenant(tx, realm, stored, withService(stored.manifest, service, history), { put, remove: [] });
  return [{ kind: 'rewrapped', tenant, service, count: batch.length }];
}
