/**
 * A managed object's material: the plain bytes that an envelope holds, taken out of what a client registers and put
 * back into what Get returns (KMIP 1.4 §2.2, §4.3, §4.11). Both planes serve Get, so both go by this convention:
 * Certificate Value, Opaque Data Value, or the Key Material, which is a byte string, or a structure as its TTLV.
 */
import {
  decodeTtlv,
  encodeTtlv,
  ItemType,
  type KeyBlock,
  KeyFormatType,
  KmipError,
  type KmipObject,
  ObjectType,
  ResultReason,
  structureItem,
  Tag,
  type TtlvStructure,
} from '../kmip/index.ts';
import type { ManagedObject } from './managed-object.ts';

/** Bytes of one object's material: it stays within MAX_OBJECT_BYTES with as many attributes as may be beside it. */
export const MAX_MATERIAL_BYTES = 96 * 1024;

export interface Material {
  /** Secret: the caller wipes it. A copy, never a view into the message. */
  readonly bytes: Uint8Array;
  readonly keyFormatType?: number;
  readonly subtype?: number;
  /** What the key block says of itself. */
  readonly cryptographicAlgorithm?: number;
  readonly cryptographicLength?: number;
}

function bounded(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) throw new KmipError(ResultReason.InvalidField, 'the object holds no material');
  if (bytes.length > MAX_MATERIAL_BYTES) {
    throw new KmipError(ResultReason.InvalidField, `the material is larger than ${MAX_MATERIAL_BYTES} bytes`);
  }
  return Uint8Array.from(bytes);
}

function structureBytes(material: TtlvStructure): Uint8Array {
  return encodeTtlv(structureItem(Tag.KeyMaterial, material.value));
}

/** A symmetric key in its transparent form is the same key as in the raw one, and is held as that (§2.1.7.1). */
function transparentKey(material: TtlvStructure): Uint8Array {
  const key = material.value.find((field) => field.tag === Tag.Key);
  if (key?.type !== ItemType.ByteString || material.value.length !== 1) {
    throw new KmipError(ResultReason.InvalidField, 'a Transparent Symmetric Key holds exactly one Key');
  }
  return key.value;
}

function fromKeyBlock(block: KeyBlock): Material {
  const { keyFormatType, keyValue, keyWrappingData, cryptographicAlgorithm, cryptographicLength } = block;
  if (keyWrappingData !== undefined || keyValue instanceof Uint8Array) {
    throw new KmipError(
      ResultReason.FeatureNotSupported,
      'a wrapped key cannot be registered here; unwrap it first, the connection protects it',
    );
  }
  if (keyValue === undefined) {
    throw new KmipError(
      ResultReason.FeatureNotSupported,
      'an object without its key value cannot be registered here',
    );
  }
  const { keyMaterial } = keyValue;
  let bytes: Uint8Array;
  if (keyMaterial instanceof Uint8Array) bytes = keyMaterial;
  else if (keyFormatType === KeyFormatType.TransparentSymmetricKey) bytes = transparentKey(keyMaterial);
  else bytes = structureBytes(keyMaterial);
  return {
    bytes: bounded(bytes),
    keyFormatType,
    ...(cryptographicAlgorithm === undefined ? {} : { cryptographicAlgorithm }),
    ...(cryptographicLength === undefined ? {} : { cryptographicLength }),
  };
}

/** Throws Invalid Field or Feature Not Supported, saying what cannot be held. */
export function materialOf(object: KmipObject): Material {
  switch (object.objectType) {
    case ObjectType.Certificate:
      return { bytes: bounded(object.certificateValue), subtype: object.certificateType };
    case ObjectType.OpaqueObject:
      return { bytes: bounded(object.opaqueDataValue), subtype: object.opaqueDataType };
    case ObjectType.SecretData:
      return { ...fromKeyBlock(object.keyBlock), subtype: object.secretDataType };
    case ObjectType.SymmetricKey:
    case ObjectType.PublicKey:
    case ObjectType.PrivateKey:
      return fromKeyBlock(object.keyBlock);
    case ObjectType.SplitKey:
    case ObjectType.Template:
    case ObjectType.PGPKey:
      throw new KmipError(
        ResultReason.FeatureNotSupported,
        'this server holds symmetric keys, secret data, opaque objects, certificates, public and private keys',
      );
  }
}

/** Formats in which a symmetric key can leave, whatever it came as. */
const symmetricFormats: readonly number[] = [KeyFormatType.Raw, KeyFormatType.TransparentSymmetricKey];

/** The format to answer Get in. Throws Key Format Type Not Supported for one that the object cannot be given in. */
export function formatFor(object: ManagedObject, wanted: number | undefined): number {
  const own = object.keyFormatType ?? KeyFormatType.Raw;
  if (wanted === undefined || wanted === own) return own;
  const symmetric = object.objectType === ObjectType.SymmetricKey && symmetricFormats.includes(own);
  if (symmetric && symmetricFormats.includes(wanted)) return wanted;
  throw new KmipError(
    ResultReason.KeyFormatTypeNotSupported,
    `the object cannot be given in Key Format Type ${wanted}; it is held in ${own}`,
  );
}

/**
 * The object as Get returns it, in the clear. `material` is borrowed: the result refers to it, so it is wiped only
 * after the answer has been encoded. Formats: see `formatFor`.
 */
export function kmipObjectOf(object: ManagedObject, material: Uint8Array, wantedFormat?: number): KmipObject {
  switch (object.objectType) {
    case ObjectType.Certificate:
      return {
        objectType: ObjectType.Certificate,
        certificateType: object.subtype ?? 0,
        certificateValue: material,
      };
    case ObjectType.OpaqueObject:
      return {
        objectType: ObjectType.OpaqueObject,
        opaqueDataType: object.subtype ?? 0,
        opaqueDataValue: material,
      };
    case ObjectType.SecretData:
      return {
        objectType: ObjectType.SecretData,
        secretDataType: object.subtype ?? 0,
        keyBlock: keyBlockOf(object, material, wantedFormat),
      };
    case ObjectType.SymmetricKey:
    case ObjectType.PublicKey:
    case ObjectType.PrivateKey:
      return { objectType: object.objectType, keyBlock: keyBlockOf(object, material, wantedFormat) };
    default:
      throw new KmipError(ResultReason.FeatureNotSupported, 'an object of this type has no value to return');
  }
}

function keyBlockOf(object: ManagedObject, material: Uint8Array, wantedFormat: number | undefined): KeyBlock {
  const keyFormatType = formatFor(object, wantedFormat);
  const { cryptographicAlgorithm, cryptographicLength } = object;
  return {
    keyFormatType,
    keyValue: { keyMaterial: keyMaterialOf(keyFormatType, material) },
    ...(cryptographicAlgorithm === undefined ? {} : { cryptographicAlgorithm }),
    ...(cryptographicLength === undefined ? {} : { cryptographicLength }),
  };
}

function keyMaterialOf(format: number, material: Uint8Array): Uint8Array | TtlvStructure {
  if (format === KeyFormatType.TransparentSymmetricKey) {
    return structureItem(Tag.KeyMaterial, [{ tag: Tag.Key, type: ItemType.ByteString, value: material }]);
  }
  if (format < KeyFormatType.TransparentSymmetricKey || format > KeyFormatType.TransparentECPublicKey)
    return material;
  const item = decodeTtlv(material);
  if (item.type !== ItemType.Structure) {
    throw new KmipError(ResultReason.GeneralFailure, 'the stored material is damaged');
  }
  return item;
}
