/**
 * The lease: the link secret as the region keeps it, sealed under the IVK, so that it survives a restart and a long
 * outage of governance, then fails closed (D1). The expiry is part of what the seal is bound to: whoever moves it in
 * the database alone makes the lease useless.
 */
import type { TenantId } from '../../../contracts/index.ts';
import type { EnvelopeContext, SecretBytes } from '../../envelope/index.ts';
import { KeychainError, openingRecord } from '../errors.ts';
import type { Realm } from '../realm.ts';
import { rootFor, type SealedUnderIvk, sealUnderIvk } from '../root/ivks.ts';
import type { Db } from '../tables.ts';
import { type LinkFacts, readLeaseRow } from './link-store.ts';

export function sealLease(
  tx: Db,
  realm: Realm,
  tenant: TenantId,
  epoch: number,
  expiresAt: Date,
  secret: SecretBytes,
): Promise<SealedUnderIvk> {
  return sealUnderIvk(tx, realm, secret, leaseContext(realm, tenant, epoch, expiresAt.getTime()));
}

/**
 * The secret of the open epoch, living or not; the caller wipes it.
 * @throws KeychainError LINK_CLOSED when no epoch is open, RECORD_REJECTED, SEALED.
 */
export async function openLease(
  db: Db,
  realm: Realm,
  tenant: TenantId,
  facts: LinkFacts,
): Promise<SecretBytes> {
  const epoch = facts.epochs.open;
  const { expiresAtMs } = facts;
  const sealed = epoch > 0 ? await readLeaseRow(db, tenant, epoch) : null;
  if (sealed === null || expiresAtMs === null) throw new KeychainError('LINK_CLOSED');
  const root = await rootFor(db, realm, sealed);
  return openingRecord(`lease of ${tenant} epoch ${epoch}`, () =>
    root.open(sealed, leaseContext(realm, tenant, epoch, expiresAtMs)),
  );
}

export function leaseContext(
  realm: Realm,
  tenant: TenantId,
  epoch: number,
  expiresAtMs: number,
): EnvelopeContext {
  const { region } = realm;
  return {
    region,
    tenant,
    service: '',
    level: 'link-secret',
    objectId: tenant,
    version: epoch,
    revision: expiresAtMs,
  };
}
