/**
 * A managed object's material: the plain bytes that an envelope holds, taken out of what a client registers (KMIP 1.4
 * §2.2, §4.3). By convention they are the Certificate Value, the Opaque Data Value, the wrapped Key Value as it came, or
 * the Key Material: a byte string, or a structure as its TTLV. A template has none: what it holds are its attributes.
 * `value.ts` goes the other way.
 */
import {
  type Attribute,
  encodeTtlv,
  ItemType,
  type KeyBlock,
  KeyFormatType,
  type KeyMaterial,
  type KeyWrappingData,
  KmipError,
  type KmipObject,
  ObjectType,
  plainKeyValue,
  ResultReason,
  SplitKeyMethod,
  structureItem,
  Tag,
  type TtlvStructure,
  WrappingMethod,
} from '../kmip/index.ts';
import { keptFields } from './codec.ts';
import type { SplitKeyPart } from './managed-object.ts';

/** Bytes of one object's material: it stays within MAX_OBJECT_BYTES with as many attributes as may be beside it. */
export const MAX_MATERIAL_BYTES = 96 * 1024;
/** Parts of one split key. */
export const MAX_SPLIT_KEY_PARTS = 64;
/** Bytes of the prime of a split key: room for a secret of 2048 bits, and checked in good time. */
export const MAX_PRIME_FIELD_BYTES = 264;

export interface Material {
  /** Secret: the caller wipes it. A copy, never a view into the message. Null: a template, or a key kept elsewhere. */
  readonly bytes: Uint8Array | null;
  readonly keyFormatType?: number;
  readonly keyCompressionType?: number;
  readonly subtype?: number;
  readonly splitKey?: SplitKeyPart;
  /** Present when `bytes` are a wrapped Key Value. */
  readonly keyWrappingData?: KeyWrappingData;
  /** What the key block says of itself. */
  readonly cryptographicAlgorithm?: number;
  readonly cryptographicLength?: number;
  /** Attributes that came inside the Key Value (§2.1.4), or that a template holds (§2.2.6). */
  readonly attributes?: readonly Attribute[];
}

function invalid(message: string): KmipError {
  return new KmipError(ResultReason.InvalidField, message);
}

function bounded(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) throw invalid('the object holds no material');
  if (bytes.length > MAX_MATERIAL_BYTES)
    throw invalid(`the material is larger than ${MAX_MATERIAL_BYTES} bytes`);
  return Uint8Array.from(bytes);
}

/** A symmetric key in its transparent form is the same key as in the raw one, and is held as that (§2.1.7.1). */
function transparentKey(material: TtlvStructure): Uint8Array {
  const key = material.value.find((field) => field.tag === Tag.Key);
  if (key?.type !== ItemType.ByteString || material.value.length !== 1) {
    throw invalid('a Transparent Symmetric Key holds exactly one Key');
  }
  return key.value;
}

/** §2.1.7: whether Key Material in the format is a structure, and its bytes here the TTLV of that. */
export function isStructured(keyFormatType: number): boolean {
  return (
    keyFormatType > KeyFormatType.TransparentSymmetricKey &&
    keyFormatType <= KeyFormatType.TransparentECPublicKey
  );
}

/** Key Material as the bytes that stand for it, for the caller to wipe. @throws KmipError Invalid Field */
export function materialBytes(keyFormatType: number, material: KeyMaterial): Uint8Array {
  if (material instanceof Uint8Array) {
    if (isStructured(keyFormatType)) throw invalid('the Key Material of this Key Format Type is a structure');
    return bounded(material);
  }
  if (keyFormatType === KeyFormatType.TransparentSymmetricKey) return bounded(transparentKey(material));
  if (!isStructured(keyFormatType))
    throw invalid('the Key Material of this Key Format Type is a Byte String');
  const encoded = encodeTtlv(structureItem(Tag.KeyMaterial, material.value));
  try {
    return bounded(encoded);
  } finally {
    encoded.fill(0);
  }
}

/** §2.1.5: the wrapped Key Value is a byte string; one that is only signed may also come as the structure it is. */
function wrappedBytes({ keyValue, keyWrappingData }: KeyBlock): Uint8Array {
  if (keyWrappingData === undefined) throw invalid('a wrapped Key Value needs its Key Wrapping Data');
  if (keyWrappingData.encryptionKeyInformation === undefined && !keyWrappingData.macSignatureKeyInformation) {
    throw invalid('Key Wrapping Data names an encryption key or a MAC/signature key');
  }
  if (keyValue instanceof Uint8Array) return bounded(keyValue);
  if (keyValue === undefined || keyWrappingData.wrappingMethod !== WrappingMethod.MACSign) {
    throw invalid('Key Wrapping Data belongs to a Key Value that is a Byte String');
  }
  const encoded = encodeTtlv(plainKeyValue.write(keyValue));
  try {
    return bounded(encoded);
  } finally {
    encoded.fill(0);
  }
}

function fromKeyBlock(block: KeyBlock): Material {
  const { keyFormatType, keyCompressionType, keyValue, keyWrappingData } = block;
  const { cryptographicAlgorithm, cryptographicLength } = block;
  const said = {
    keyFormatType,
    ...(keyCompressionType === undefined ? {} : { keyCompressionType }),
    ...(cryptographicAlgorithm === undefined ? {} : { cryptographicAlgorithm }),
    ...(cryptographicLength === undefined ? {} : { cryptographicLength }),
  };
  if (keyWrappingData !== undefined || keyValue instanceof Uint8Array) {
    const bytes = wrappedBytes(block);
    return keyWrappingData === undefined
      ? { ...said, bytes }
      : { ...said, bytes, keyWrappingData: keptFields(keyWrappingData) };
  }
  if (keyValue === undefined) return { ...said, bytes: null };
  const { keyMaterial, attribute = [] } = keyValue;
  return { ...said, bytes: materialBytes(keyFormatType, keyMaterial), attributes: attribute };
}

/** §2.2.5. @throws KmipError Invalid Field */
export function checkSplitKeyPart(part: SplitKeyPart): SplitKeyPart {
  const { parts, identifier, threshold, method, primeFieldSize } = part;
  if (parts < 2 || parts > MAX_SPLIT_KEY_PARTS)
    throw invalid(`Split Key Parts is from 2 to ${MAX_SPLIT_KEY_PARTS}; got ${parts}`);
  if (identifier < 1 || identifier > parts)
    throw invalid(`Key Part Identifier is from 1 to ${parts}; got ${identifier}`);
  if (threshold < 1 || threshold > parts)
    throw invalid(`Split Key Threshold is from 1 to ${parts}; got ${threshold}`);
  if (!(Object.values(SplitKeyMethod) as readonly number[]).includes(method))
    throw invalid(`Split Key Method ${method} is not known`);
  if (method === SplitKeyMethod.XOR && threshold !== parts)
    throw invalid('all parts are needed where the Split Key Method is XOR: threshold and parts are the same');
  if (method !== SplitKeyMethod.PolynomialSharingPrimeField) return part;
  if (primeFieldSize === undefined) throw invalid('Polynomial Sharing Prime Field needs a Prime Field Size');
  if (primeFieldSize < 5n || primeFieldSize.toString(16).length > MAX_PRIME_FIELD_BYTES * 2)
    throw invalid(`Prime Field Size has at most ${MAX_PRIME_FIELD_BYTES} bytes`);
  return part;
}

/** One octet in the key itself (RFC 4880 §5.5.2). */
const MAX_PGP_VERSION = 255;

function pgpVersion(version: number): number {
  if (version >= 0 && version <= MAX_PGP_VERSION) return version;
  throw KmipError.invalidField(`a PGP Key Version is 0 to ${MAX_PGP_VERSION}`);
}

/** Throws Invalid Field, saying what cannot be held. */
export function materialOf(object: KmipObject): Material {
  switch (object.objectType) {
    case ObjectType.Certificate:
      return { bytes: bounded(object.certificateValue), subtype: object.certificateType };
    case ObjectType.OpaqueObject:
      return { bytes: bounded(object.opaqueDataValue), subtype: object.opaqueDataType };
    case ObjectType.Template:
      return { bytes: null, attributes: object.attribute };
    case ObjectType.SecretData:
      return { ...fromKeyBlock(object.keyBlock), subtype: object.secretDataType };
    case ObjectType.PGPKey:
      return { ...fromKeyBlock(object.keyBlock), subtype: pgpVersion(object.pgpKeyVersion) };
    case ObjectType.SplitKey: {
      const { splitKeyParts, keyPartIdentifier, splitKeyThreshold, splitKeyMethod, primeFieldSize } = object;
      const splitKey = checkSplitKeyPart({
        parts: splitKeyParts,
        identifier: keyPartIdentifier,
        threshold: splitKeyThreshold,
        method: splitKeyMethod,
        ...(primeFieldSize === undefined ? {} : { primeFieldSize }),
      });
      return { ...fromKeyBlock(object.keyBlock), splitKey };
    }
    case ObjectType.SymmetricKey:
    case ObjectType.PublicKey:
    case ObjectType.PrivateKey:
      return fromKeyBlock(object.keyBlock);
  }
}
