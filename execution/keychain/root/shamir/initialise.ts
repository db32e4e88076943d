/** Initialising a region by a key ceremony: its first unseal key is in its holders' hands before the region exists. */
import { KeychainError } from '../../errors.ts';
import type { Db } from '../../tables.ts';
import { initialiseRegion } from '../root-of-trust.ts';
import type { SealBinding } from '../seal-provider.ts';
import { type Ceremony, type CeremonyPlan, holdCeremony, SHAMIR_SEAL_KIND } from './ceremony.ts';
import { makeCeremonyKey, storeCeremonyKey } from './ceremony-key.ts';

/**
 * `deliver` keeps the encrypted shares, durably: after it the region is made, and nobody can make them again. When
 * nothing was created, what it kept is worthless.
 * @throws ShareError INVALID_PLAN; KeychainError WRONG_REGION; whatever `deliver` throws.
 */
export async function initialiseRegionWithShares(
  db: Db,
  binding: SealBinding,
  plan: CeremonyPlan,
  deliver: (ceremony: Ceremony) => Promise<void>,
): Promise<{ created: boolean }> {
  const ceremonyKey = makeCeremonyKey();
  return await initialiseRegion(db, {
    ...binding,
    seal: {
      kind: SHAMIR_SEAL_KIND,
      sealUnsealKey: async (unsealKey) => {
        const ceremony = await holdCeremony(unsealKey, binding, plan, ceremonyKey);
        await deliver(ceremony);
        return ceremony.blob;
      },
      openUnsealKey: () => Promise.reject(new KeychainError('SHARES_NEEDED')),
    },
    onCreated: (tx, ivk) => storeCeremonyKey(tx, binding.region, ivk, ceremonyKey),
  });
}
