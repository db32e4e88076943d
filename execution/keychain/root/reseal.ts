/**
 * Moving a region to another seal, or to other holders of shares (D2): the MasterKey stays as it is, and only its
 * wrapping changes. Nothing below it is touched, so no tenant notices. The blob of before is overwritten; a copy of
 * the database from before still opens with the old seal, or with the old shares.
 */
import { open, ParentKind, type SecretBytes, seal } from '../../envelope/index.ts';
import { KeychainError, openingRecord } from '../errors.ts';
import type { Db } from '../tables.ts';
import { contextOf, parentOf, readRoot } from './root-of-trust.ts';
import type { SealBinding } from './seal-provider.ts';

/** @throws KeychainError NOT_INITIALISED, WRONG_REGION. */
export async function readSealedUnsealKey(db: Db, binding: SealBinding): Promise<Buffer> {
  return (await readRoot(db, binding)).sealed_unseal_key;
}

export interface SealChange {
  /** What the change was prepared from: another change in between stops this one. */
  readonly before: Uint8Array;
  readonly unsealKey: SecretBytes;
  readonly after: { readonly kind: string; readonly blob: Uint8Array; readonly unsealKey: SecretBytes };
}

/**
 * Wraps the MasterKey under the new unseal key, and puts the new blob in the place of the old one.
 * @throws KeychainError BUSY when the region's seal changed meanwhile; RECORD_REJECTED when the unseal key is not it.
 */
export async function replaceSeal(tx: Db, binding: SealBinding, change: SealChange): Promise<void> {
  await tx.selectFrom('keychain.root').select('id').where('id', '=', 1).forUpdate().execute();
  const root = await readRoot(tx, binding);
  if (!root.sealed_unseal_key.equals(change.before)) {
    throw new KeychainError('BUSY', 'the region has moved to another seal meanwhile');
  }
  const context = contextOf(binding, 'master-key', 1);
  const before = parentOf(ParentKind.UnsealKey, binding, 1, change.unsealKey);
  using masterKey = openingRecord('MasterKey', () => open(before, root.wrapped_master_key, context));
  const after = parentOf(ParentKind.UnsealKey, binding, 1, change.after.unsealKey);
  await tx
    .updateTable('keychain.root')
    .set({
      seal_kind: change.after.kind,
      sealed_unseal_key: Buffer.from(change.after.blob),
      wrapped_master_key: Buffer.from(seal(after, masterKey, context)),
    })
    .where('id', '=', 1)
    .execute();
}
