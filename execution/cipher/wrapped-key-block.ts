/**
 * Key blocks whose Key Value is wrapped (KMIP 1.4 §2.1.5, §2.1.6): which bytes are encrypted and which are signed, by
 * Wrapping Method and Encoding Option, and what the block then says of it. How is the business of the keys: they come
 * as functions.
 */
import {
  type Attribute,
  type CryptographicParameters,
  decodeTtlv,
  EncodingOption,
  encodeTtlv,
  enumName,
  ItemType,
  type KeyBlock,
  type KeyMaterial,
  type KeyWrappingData,
  type KeyWrappingSpecification,
  KmipError,
  type PlainKeyValue,
  plainKeyValue,
  structureItem,
  type Ttlv,
  type Version,
  WrappingMethod,
} from '../kmip/index.ts';

export interface PlainKey {
  readonly keyFormatType: number;
  readonly material: KeyMaterial;
  readonly keyCompressionType?: number | undefined;
  readonly cryptographicAlgorithm?: number | undefined;
  readonly cryptographicLength?: number | undefined;
  /** The attributes that the specification names, to be wrapped with the material (TTLV encoding only). */
  readonly attributes?: readonly Attribute[];
}

/** A key that encrypts keys. */
export interface KeyWrapper {
  readonly uniqueIdentifier: string;
  wrap(plain: Uint8Array): {
    readonly wrapped: Uint8Array;
    /** What whoever unwraps must know. */
    readonly cryptographicParameters?: CryptographicParameters | undefined;
    readonly ivCounterNonce?: Uint8Array | undefined;
  };
}

/** A key that computes MACs or signatures of keys. */
export interface KeyAuthenticator {
  readonly uniqueIdentifier: string;
  readonly cryptographicParameters?: CryptographicParameters | undefined;
  authenticate(bytes: Uint8Array): Uint8Array;
}

export interface Wrappers {
  readonly encryption?: KeyWrapper | undefined;
  readonly authentication?: KeyAuthenticator | undefined;
}

/** What each Wrapping Method does, in its order. */
const steps: Readonly<Record<number, readonly ('encrypt' | 'authenticate')[]>> = {
  [WrappingMethod.Encrypt]: ['encrypt'],
  [WrappingMethod.MACSign]: ['authenticate'],
  [WrappingMethod.EncryptThenMACSign]: ['encrypt', 'authenticate'],
  [WrappingMethod.MACSignThenEncrypt]: ['authenticate', 'encrypt'],
};

function stepsOf(method: number): readonly ('encrypt' | 'authenticate')[] {
  const known = Object.hasOwn(steps, method) ? steps[method] : undefined;
  if (known !== undefined) return known;
  throw KmipError.featureNotSupported(`Wrapping Method ${enumName(WrappingMethod, method)} is not served`);
}

/** What a wrapping needs: its method's keys, no more and no fewer. */
export function checkWrappingKeys({
  wrappingMethod,
  encryptionKeyInformation,
  macSignatureKeyInformation,
}: Pick<
  KeyWrappingSpecification,
  'wrappingMethod' | 'encryptionKeyInformation' | 'macSignatureKeyInformation'
>): void {
  const needed = stepsOf(wrappingMethod);
  for (const [step, information, name] of [
    ['encrypt', encryptionKeyInformation, 'Encryption Key Information'],
    ['authenticate', macSignatureKeyInformation, 'MAC/Signature Key Information'],
  ] as const) {
    if (needed.includes(step) !== (information !== undefined)) {
      const method = enumName(WrappingMethod, wrappingMethod);
      throw KmipError.invalidField(`Wrapping Method ${method} ${information ? 'takes no' : 'needs'} ${name}`);
    }
  }
}

/**
 * The Key Block with its Key Value wrapped as the specification asks (§2.1.6). The wrappers are those that it names.
 *
 * @throws KmipError Feature Not Supported (TR-31), Invalid Field (keys that do not fit the method), Encoding Option
 * Error, Cryptographic Failure.
 */
export function wrapKeyBlock(
  key: PlainKey,
  specification: KeyWrappingSpecification,
  { encryption, authentication }: Wrappers,
  version: Version,
): KeyBlock {
  checkWrappingKeys(specification);
  const { wrappingMethod, encodingOption, attributeName = [] } = specification;
  const plain = keyValueBytes(key, encodingOption ?? EncodingOption.TTLVEncoding, attributeName, version);
  let value: Uint8Array = plain;
  let macSignature: Uint8Array | undefined;
  let parameters: CryptographicParameters | undefined;
  let ivCounterNonce: Uint8Array | undefined;
  for (const step of stepsOf(wrappingMethod)) {
    if (step === 'authenticate') macSignature = authentication?.authenticate(value);
    else if (encryption !== undefined) {
      const { wrapped, ...more } = encryption.wrap(value);
      ({ cryptographicParameters: parameters, ivCounterNonce } = more);
      value = wrapped;
    }
  }
  // What was only signed leaves as it is.
  if (value !== plain) plain.fill(0);
  return {
    keyFormatType: key.keyFormatType,
    keyCompressionType: key.keyCompressionType,
    keyValue: value,
    cryptographicAlgorithm: key.cryptographicAlgorithm,
    cryptographicLength: key.cryptographicLength,
    keyWrappingData: {
      wrappingMethod,
      ...(encryption && {
        encryptionKeyInformation: informationOf(encryption.uniqueIdentifier, parameters),
      }),
      ...(authentication && {
        macSignatureKeyInformation: informationOf(
          authentication.uniqueIdentifier,
          authentication.cryptographicParameters,
        ),
      }),
      macSignature,
      ivCounterNonce,
      encodingOption,
    },
  };
}

function informationOf(
  uniqueIdentifier: string,
  cryptographicParameters: CryptographicParameters | undefined,
) {
  return { uniqueIdentifier, ...(cryptographicParameters && { cryptographicParameters }) };
}

/** Bytes of its own, for the caller to wipe. */
function keyValueBytes(
  { material, attributes = [] }: PlainKey,
  encoding: number,
  attributeNames: readonly string[],
  version: Version,
): Uint8Array {
  if (encoding === EncodingOption.TTLVEncoding) {
    return encodeTtlv(plainKeyValue.write({ keyMaterial: material, attribute: attributes }, version));
  }
  if (encoding !== EncodingOption.NoEncoding) {
    throw KmipError.encodingOptionError(`Encoding Option ${encoding} is not known`);
  }
  if (attributeNames.length > 0) {
    throw KmipError.encodingOptionError('attributes can be wrapped with the key only in TTLV Encoding');
  }
  if (!(material instanceof Uint8Array)) {
    throw KmipError.encodingOptionError('No Encoding needs key material that is a Byte String');
  }
  return Buffer.from(material);
}

/** A key that decrypts keys, and one that verifies what came with them. */
export interface Unwrappers {
  /** The plain bytes, of their own. @throws KmipError Cryptographic Failure */
  readonly decrypt?: ((wrapped: Uint8Array, iv: Uint8Array | undefined) => Uint8Array) | undefined;
  readonly isAuthentic?: ((bytes: Uint8Array, macSignature: Uint8Array) => boolean) | undefined;
}

/**
 * The Key Value out of its wrapping (§2.1.5). Its material is a copy, for the caller to wipe.
 *
 * @throws KmipError Cryptographic Failure (keys or parameters are not those it was wrapped with), Invalid Field, Feature
 * Not Supported, Encoding Option Error.
 */
export function unwrapKeyValue(
  wrapped: Uint8Array,
  data: KeyWrappingData,
  { decrypt, isAuthentic }: Unwrappers,
  version: Version,
): PlainKeyValue {
  checkWrappingKeys(data);
  let value = wrapped;
  try {
    for (const step of [...stepsOf(data.wrappingMethod)].reverse()) {
      if (step === 'encrypt') {
        const opened = decrypt?.(value, data.ivCounterNonce);
        if (opened !== undefined) value = opened;
      } else if (!data.macSignature || isAuthentic?.(value, data.macSignature) !== true) {
        throw KmipError.cryptographicFailure('the MAC or signature of the wrapped key is not right');
      }
    }
    return keyValueIn(value, data.encodingOption ?? EncodingOption.TTLVEncoding, version);
  } finally {
    if (value !== wrapped) value.fill(0);
  }
}

function keyValueIn(bytes: Uint8Array, encoding: number, version: Version): PlainKeyValue {
  if (encoding === EncodingOption.NoEncoding) return { keyMaterial: Uint8Array.from(bytes) };
  if (encoding !== EncodingOption.TTLVEncoding) {
    throw KmipError.encodingOptionError(`Encoding Option ${encoding} is not known`);
  }
  try {
    const { keyMaterial, attribute } = plainKeyValue.read(decodeTtlv(bytes), version);
    return {
      keyMaterial:
        keyMaterial instanceof Uint8Array
          ? Uint8Array.from(keyMaterial)
          : structureItem(keyMaterial.tag, keyMaterial.value.map(owned)),
      attribute: attribute?.map((a) => ({ ...a, attributeValue: owned(a.attributeValue) })),
    };
  } catch {
    // Nothing of what was inside belongs into an answer.
    throw KmipError.cryptographicFailure('what the wrapped key opens to is no Key Value');
  }
}

/** The item with byte strings of its own: those that were decoded are views of bytes that are wiped. */
function owned(item: Ttlv): Ttlv {
  if (item.type === ItemType.Structure) return structureItem(item.tag, item.value.map(owned));
  return item.type === ItemType.ByteString ? { ...item, value: Uint8Array.from(item.value) } : item;
}
