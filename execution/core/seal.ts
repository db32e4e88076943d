/** The seals that the configuration names (D2). */
import { OkcmError } from '../../platform/errors.ts';
import {
  createDevelopmentSeal,
  createPkcs11Seal,
  createTransitSeal,
  DEVELOPMENT_SEAL_KIND,
  KeychainError,
  type SealProvider,
} from '../keychain/index.ts';
import type { CoreConfig, SealConfig } from './config.ts';

export interface SealOptions {
  /** Only initialising the region, or moving it to another seal, makes a new key. */
  readonly create: boolean;
}

/** What protects the region's unseal key, or shall: files and tokens are read whenever the seal is used. */
export function sealOf({ seal }: CoreConfig, options: SealOptions = { create: false }): SealProvider {
  return providerOf(seal, options);
}

export function providerOf(seal: SealConfig, options: SealOptions): SealProvider {
  switch (seal.kind) {
    case 'development-key-file':
      return developmentSeal(seal.path, options);
    case 'pkcs11':
      return createPkcs11Seal(seal);
    case 'openbao-transit':
      return createTransitSeal(seal);
    case 'shamir':
      return heldByPeople;
  }
}

/** Read whenever it is used, so that a region whose seal is away starts sealed and opens once it is back. */
function developmentSeal(path: string, options: SealOptions): SealProvider {
  return {
    kind: DEVELOPMENT_SEAL_KIND,
    sealUnsealKey: async (unsealKey, binding) =>
      (await createDevelopmentSeal(path, options)).sealUnsealKey(unsealKey, binding),
    openUnsealKey: async (blob, binding) => (await createDevelopmentSeal(path)).openUnsealKey(blob, binding),
  };
}

const heldByPeople: SealProvider = {
  kind: 'shamir',
  sealUnsealKey: () =>
    Promise.reject(
      new OkcmError('HOLDERS_NEEDED', 'a region of shares is initialised in a key ceremony', {
        hint: 'okcm region init --config FILE --holder …',
      }),
    ),
  openUnsealKey: () => Promise.reject(new KeychainError('SHARES_NEEDED')),
};
