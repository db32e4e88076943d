/** What cryptographic operations serve, for Query and the reference: by KMIP's enumeration values. */

import { BlockCipherMode, CryptographicAlgorithm, PaddingMethod } from '../kmip/index.ts';
import { cipherDefinitions } from './ciphers.ts';
import { hashFunctions } from './hashes.ts';
import { servedHmacs } from './mac.ts';
import { servedBlockPaddings } from './parameters.ts';
import { servedSignatureAlgorithms } from './signature-plan.ts';

export interface ServedCipher {
  readonly cryptographicAlgorithm: number;
  readonly blockCipherModes: readonly number[];
  readonly isWeak: boolean;
}

export interface ServedCryptography {
  readonly ciphers: readonly ServedCipher[];
  /** Paddings of block modes (CBC, ECB, PCBC). */
  readonly blockPaddings: readonly number[];
  /** Paddings of RSA encryption, and of RSA signatures. */
  readonly rsaEncryptionPaddings: readonly number[];
  readonly rsaSignaturePaddings: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  /** HMACs by Cryptographic Algorithm; block ciphers make MACs by the modes beside them. */
  readonly hmacs: readonly number[];
  readonly macModes: readonly number[];
  readonly hashes: readonly number[];
  /** Those of all the above that are served only where weak algorithms are allowed. */
  readonly weak: {
    readonly ciphers: readonly number[];
    readonly hmacs: readonly number[];
    readonly macModes: readonly number[];
    readonly hashes: readonly number[];
  };
}

const ciphers: readonly ServedCipher[] = Object.entries(cipherDefinitions).map(([algorithm, definition]) => ({
  cryptographicAlgorithm: Number(algorithm),
  blockCipherModes: Object.keys(definition.modes).map(Number),
  isWeak: definition.isWeak,
}));

export const servedCryptography: ServedCryptography = {
  ciphers,
  blockPaddings: servedBlockPaddings,
  rsaEncryptionPaddings: [PaddingMethod.OAEP, PaddingMethod.PKCS1V1_5],
  rsaSignaturePaddings: [PaddingMethod.PSS, PaddingMethod.PKCS1V1_5],
  signatureAlgorithms: servedSignatureAlgorithms,
  hmacs: servedHmacs,
  macModes: [BlockCipherMode.CMAC, BlockCipherMode.CBC_MAC],
  hashes: Object.keys(hashFunctions).map(Number),
  weak: {
    ciphers: ciphers
      .filter(({ isWeak }) => isWeak)
      .map(({ cryptographicAlgorithm }) => cryptographicAlgorithm),
    hmacs: [CryptographicAlgorithm.HMAC_MD5],
    macModes: [BlockCipherMode.CBC_MAC],
    hashes: Object.entries(hashFunctions).flatMap(([value, { isWeak }]) => (isWeak ? [Number(value)] : [])),
  },
};
