/** What a tenant's link keeps under an IVK, sealed anew under the active one (D2): the lease, or a key that waits. */
import type { TenantId } from '../../../contracts/index.ts';
import { openingRecord } from '../errors.ts';
import { linkKeyContext } from '../keys/tenant-keys.ts';
import type { Realm } from '../realm.ts';
import { rootFor, sealUnderIvk } from '../root/ivks.ts';
import type { Db } from '../tables.ts';
import { leaseContext } from './lease.ts';

/** The tenant is locked. @throws KeychainError SEALED, BUSY, RECORD_REJECTED. */
export async function resealLinks(tx: Db, realm: Realm, tenant: TenantId): Promise<void> {
  const rows = await tx
    .selectFrom('keychain.links')
    .select(['epoch', 'private_key', 'secret', 'expires_at'])
    .where('tenant', '=', tenant)
    .where('ivk', '<', realm.root().activeIvk)
    .execute();
  for (const { epoch, private_key, secret, expires_at } of rows) {
    const envelope = private_key ?? secret;
    if (envelope === null) continue;
    const context =
      private_key !== null || expires_at === null
        ? linkKeyContext(realm, tenant, epoch)
        : leaseContext(realm, tenant, epoch, expires_at.getTime());
    const root = await rootFor(tx, realm, envelope);
    using plain = openingRecord(`link of ${tenant} epoch ${epoch}`, () => root.open(envelope, context));
    const sealed = await sealUnderIvk(tx, realm, plain, context);
    await tx
      .updateTable('keychain.links')
      .set({ [private_key === null ? 'secret' : 'private_key']: sealed.envelope, ivk: sealed.ivk })
      .where('tenant', '=', tenant)
      .where('epoch', '=', epoch)
      .execute();
  }
}
