/**
 * The ciphers that are made for wrapping keys: NIST key wrap (RFC 3394) and its form with padding (RFC 5649).
 * `wrapped-key-block.ts` says what of a key is wrapped.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { withRawKey } from '../../contracts/raw-key.ts';
import { type SecretBytes, SecretWipedError } from '../envelope/index.ts';
import { BlockCipherMode, CryptographicAlgorithm, enumName, KmipError, ResultReason } from '../kmip/index.ts';
import type { KeyWrapper } from './wrapped-key-block.ts';

type KeyWrapMode = typeof BlockCipherMode.NISTKeyWrap | typeof BlockCipherMode.AESKeyWrapPadding;

export function isKeyWrapMode(blockCipherMode: number): blockCipherMode is KeyWrapMode {
  return (
    blockCipherMode === BlockCipherMode.NISTKeyWrap || blockCipherMode === BlockCipherMode.AESKeyWrapPadding
  );
}

/** RFC 3394 §2.2.3.1 and RFC 5649 §3: the initial values that prove integrity when unwrapping. */
const schemes = {
  [BlockCipherMode.NISTKeyWrap]: { suffix: 'wrap', iv: Buffer.from('a6a6a6a6a6a6a6a6', 'hex') },
  [BlockCipherMode.AESKeyWrapPadding]: { suffix: 'wrap-pad', iv: Buffer.from('a65959a6', 'hex') },
} as const;

/** @throws KmipError Cryptographic Failure: without padding, RFC 3394 wraps whole units of 8 bytes, 16 at least. */
export function wrapKey(
  kek: SecretBytes,
  plain: Uint8Array,
  mode: KeyWrapMode = BlockCipherMode.NISTKeyWrap,
): Uint8Array {
  return guarded(() => {
    const cipher = kek.use((bytes) =>
      withRawKey(() => createCipheriv(cipherOf(kek, mode), bytes, schemes[mode].iv)),
    );
    return Buffer.concat([cipher.update(plain), cipher.final()]);
  }, 'the key cannot be wrapped this way');
}

/** The plain bytes, for the caller to wipe. @throws KmipError Cryptographic Failure when they are not this key's work. */
export function unwrapKey(
  kek: SecretBytes,
  wrapped: Uint8Array,
  mode: KeyWrapMode = BlockCipherMode.NISTKeyWrap,
): Buffer {
  return guarded(() => {
    const decipher = kek.use((bytes) =>
      withRawKey(() => createDecipheriv(cipherOf(kek, mode), bytes, schemes[mode].iv)),
    );
    const first = decipher.update(wrapped);
    const last = decipher.final();
    return last.length === 0 ? first : Buffer.concat([first, last]);
  }, 'the wrapped key does not open under this key');
}

/**
 * A wrapper that uses an AES key.
 *
 * @throws KmipError Illegal Operation (not an AES key), Feature Not Supported (mode).
 */
export function aesKeyWrapper(
  uniqueIdentifier: string,
  kek: SecretBytes,
  algorithm: number | undefined,
  requestedMode: number | undefined,
): KeyWrapper {
  if (algorithm !== CryptographicAlgorithm.AES) {
    throw new KmipError(ResultReason.IllegalOperation, 'the wrapping key is not an AES key');
  }
  const mode = requestedMode ?? BlockCipherMode.NISTKeyWrap;
  if (!isKeyWrapMode(mode)) {
    const name = enumName(BlockCipherMode, mode);
    throw new KmipError(
      ResultReason.FeatureNotSupported,
      `keys are not wrapped with Block Cipher Mode ${name}; use NISTKeyWrap or AESKeyWrapPadding`,
    );
  }
  return {
    uniqueIdentifier,
    wrap: (plain) => ({
      wrapped: wrapKey(kek, plain, mode),
      cryptographicParameters: { blockCipherMode: mode },
    }),
  };
}

function cipherOf(kek: SecretBytes, mode: KeyWrapMode): string {
  return `id-aes${kek.sizeBytes * 8}-${schemes[mode].suffix}`;
}

function guarded<T>(work: () => T, failure: string): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SecretWipedError) throw error;
    throw new KmipError(ResultReason.CryptographicFailure, failure);
  }
}
