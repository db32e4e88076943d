/** What `GET /seal` says: nothing secret, and all that holders and operators need to know. */
import { ceremonyFingerprint, KeychainError, sealKindOf } from '../../keychain/index.ts';
import { readBlob, type UnsealingParts } from '../unsealing/parts.ts';
import type { SealChanges } from '../unsealing/seal-changes.ts';
import type { Unsealing } from '../unsealing/unsealing.ts';

export async function sealView(parts: UnsealingParts, unsealing: Unsealing, changes: SealChanges) {
  const { keychain, binding, seal, instance } = parts;
  const blob = await readBlob(parts).catch((error: unknown) => {
    if (error instanceof KeychainError && error.code === 'NOT_INITIALISED') return null;
    throw error;
  });
  const known = blob === null ? undefined : unsealing.progress(blob);
  const change = changes.view();
  return {
    ...binding,
    instance,
    state: keychain.sealState,
    ...(keychain.sealReason === null ? {} : { reason: keychain.sealReason }),
    initialised: blob !== null,
    seal: (blob === null ? undefined : sealKindOf(blob)) ?? null,
    configured: seal.target.kind,
    ...(known === undefined
      ? {}
      : {
          shares: {
            setId: known.manifest.setId,
            createdAt: known.manifest.createdAt,
            ceremonyKey: ceremonyFingerprint(known.manifest),
            threshold: known.manifest.threshold,
            holders: known.manifest.shares.map(({ index, holder }) => ({ index, holder })),
            provided: known.progress.provided,
            ...(known.progress.expiresAt === undefined ? {} : { expiresAt: known.progress.expiresAt }),
          },
        }),
    ...(change === undefined ? {} : { change }),
  };
}
