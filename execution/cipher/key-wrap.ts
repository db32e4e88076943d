/**
 * A key handed out wrapped by another (KMIP 1.4 §2.1.5, §2.1.6): NIST key wrap (RFC 3394) and its form with padding
 * (RFC 5649). The wrapped bytes are what the Get response carries as Key Value.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { withRawKey } from '../../contracts/raw-key.ts';
import { type SecretBytes, SecretWipedError } from '../envelope/index.ts';
import {
  type Attribute,
  BlockCipherMode,
  CryptographicAlgorithm,
  EncodingOption,
  encodeTtlv,
  enumName,
  type KeyBlock,
  KeyFormatType,
  type KeyWrappingSpecification,
  KmipError,
  plainKeyValue,
  ResultReason,
  type Version,
  WrappingMethod,
} from '../kmip/index.ts';

type KeyWrapMode = typeof BlockCipherMode.NISTKeyWrap | typeof BlockCipherMode.AESKeyWrapPadding;

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

export interface PlainKey {
  readonly keyFormatType: number;
  readonly material: Uint8Array;
  readonly cryptographicAlgorithm?: number | undefined;
  readonly cryptographicLength?: number | undefined;
  /** The attributes that the specification names, to be wrapped with the material (TTLV encoding only). */
  readonly attributes?: readonly Attribute[];
}

/** How the wrapping key turns bytes into wrapped bytes, and what to say of it in Key Wrapping Data. */
export interface KeyWrapper {
  readonly uniqueIdentifier: string;
  wrap(plain: Uint8Array): { readonly wrapped: Uint8Array; readonly blockCipherMode?: number };
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
  if (mode !== BlockCipherMode.NISTKeyWrap && mode !== BlockCipherMode.AESKeyWrapPadding) {
    const name = enumName(BlockCipherMode, mode);
    throw new KmipError(
      ResultReason.FeatureNotSupported,
      `keys are not wrapped with Block Cipher Mode ${name}; use NISTKeyWrap or AESKeyWrapPadding`,
    );
  }
  return {
    uniqueIdentifier,
    wrap: (plain) => ({ wrapped: wrapKey(kek, plain, mode), blockCipherMode: mode }),
  };
}

/**
 * The Key Block with its Key Value wrapped as the specification asks (§2.1.6).
 *
 * @throws KmipError Feature Not Supported (MAC and signature methods), Encoding Option Error, Cryptographic Failure.
 */
export function wrapKeyBlock(
  key: PlainKey,
  specification: KeyWrappingSpecification,
  wrapper: KeyWrapper,
  version: Version,
): KeyBlock {
  if (
    specification.wrappingMethod !== WrappingMethod.Encrypt ||
    specification.macSignatureKeyInformation !== undefined
  ) {
    throw new KmipError(
      ResultReason.FeatureNotSupported,
      'the only Wrapping Method that is served is Encrypt',
    );
  }
  const encoding = specification.encodingOption ?? EncodingOption.TTLVEncoding;
  const plain = keyValueBytes(key, encoding, specification.attributeName ?? [], version);
  try {
    const { wrapped, blockCipherMode } = wrapper.wrap(plain);
    return {
      keyFormatType: key.keyFormatType,
      keyValue: wrapped,
      cryptographicAlgorithm: key.cryptographicAlgorithm,
      cryptographicLength: key.cryptographicLength,
      keyWrappingData: {
        wrappingMethod: WrappingMethod.Encrypt,
        encryptionKeyInformation: {
          uniqueIdentifier: wrapper.uniqueIdentifier,
          ...(blockCipherMode === undefined ? {} : { cryptographicParameters: { blockCipherMode } }),
        },
        encodingOption: specification.encodingOption,
      },
    };
  } finally {
    plain.fill(0);
  }
}

/** Bytes of its own, for the caller to wipe. */
function keyValueBytes(
  key: PlainKey,
  encoding: number,
  attributeNames: readonly string[],
  version: Version,
): Uint8Array {
  if (encoding === EncodingOption.TTLVEncoding) {
    return encodeTtlv(
      plainKeyValue.write({ keyMaterial: key.material, attribute: key.attributes ?? [] }, version),
    );
  }
  if (encoding !== EncodingOption.NoEncoding) {
    throw new KmipError(ResultReason.EncodingOptionError, `Encoding Option ${encoding} is not known`);
  }
  if (attributeNames.length > 0) {
    throw new KmipError(
      ResultReason.EncodingOptionError,
      'attributes can be wrapped with the key only in TTLV Encoding',
    );
  }
  if (key.keyFormatType !== KeyFormatType.Raw && key.keyFormatType !== KeyFormatType.Opaque) {
    throw new KmipError(
      ResultReason.EncodingOptionError,
      'No Encoding needs key material that is a Byte String',
    );
  }
  return Buffer.from(key.material);
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
