/**
 * A managed object as Get returns it (KMIP 1.4 §2.2, §4.11): its material, put back into the object's own structure.
 * `material.ts` says what the material of each type is. Results refer to the material that they are given: it is wiped
 * only after the answer has been encoded.
 */
import {
  type Attribute,
  decodeTtlv,
  ItemType,
  type KeyBlock,
  KeyFormatType,
  type KeyMaterial,
  KmipError,
  type KmipObject,
  ObjectType,
  structureItem,
  Tag,
  templateAttribute,
} from '../kmip/index.ts';
import type { ManagedObject } from './managed-object.ts';

/** Whether objects of the type carry a key block; the others are bytes, or attributes. */
export function hasKeyBlock(objectType: number): boolean {
  return (
    objectType !== ObjectType.Certificate &&
    objectType !== ObjectType.OpaqueObject &&
    objectType !== ObjectType.Template
  );
}

/** Whether a gateway may hold and use the object: a symmetric key of plain bytes (D9). All others stay with the core. */
export function isGatewayKey(object: ManagedObject): boolean {
  return (
    object.objectType === ObjectType.SymmetricKey &&
    (object.keyFormatType ?? KeyFormatType.Raw) === KeyFormatType.Raw &&
    object.keyWrappingData === undefined
  );
}

/** Key Material out of the bytes that stand for it in the format. */
export function keyMaterialOf(format: number, material: Uint8Array): KeyMaterial {
  if (format === KeyFormatType.TransparentSymmetricKey) {
    return structureItem(Tag.KeyMaterial, [{ tag: Tag.Key, type: ItemType.ByteString, value: material }]);
  }
  if (format < KeyFormatType.TransparentSymmetricKey || format > KeyFormatType.TransparentECPublicKey)
    return material;
  const item = decodeTtlv(material);
  if (item.type !== ItemType.Structure) throw KmipError.generalFailure('the stored material is damaged');
  return item;
}

type Shape = Pick<KeyBlock, 'cryptographicAlgorithm' | 'cryptographicLength'>;

/** What the key block says of the key. */
export function shapeOf({ cryptographicAlgorithm, cryptographicLength }: ManagedObject): Shape {
  return {
    ...(cryptographicAlgorithm === undefined ? {} : { cryptographicAlgorithm }),
    ...(cryptographicLength === undefined ? {} : { cryptographicLength }),
  };
}

/** The object with this key block. @throws KmipError Illegal Operation: its type has none. */
export function withKeyBlock(object: ManagedObject, keyBlock: KeyBlock): KmipObject {
  const { objectType, subtype = 0 } = object;
  switch (objectType) {
    case ObjectType.SymmetricKey:
    case ObjectType.PublicKey:
    case ObjectType.PrivateKey:
      return { objectType, keyBlock };
    case ObjectType.SecretData:
      return { objectType, secretDataType: subtype, keyBlock };
    case ObjectType.PGPKey:
      return { objectType, pgpKeyVersion: subtype, keyBlock };
    case ObjectType.SplitKey:
      return { objectType, ...splitKeyFields(object), keyBlock };
    default:
      throw KmipError.illegalOperation('an object of this type has no key block');
  }
}

function splitKeyFields({ splitKey }: ManagedObject) {
  if (splitKey === undefined) throw KmipError.generalFailure('the stored split key is damaged');
  const { parts, identifier, threshold, method, primeFieldSize } = splitKey;
  return {
    splitKeyParts: parts,
    keyPartIdentifier: identifier,
    splitKeyThreshold: threshold,
    splitKeyMethod: method,
    ...(primeFieldSize === undefined ? {} : { primeFieldSize }),
  };
}

/** A certificate, opaque object or template with this value. @throws KmipError Illegal Operation: it has a key block. */
export function withValue(object: ManagedObject, value: Uint8Array): KmipObject {
  const { objectType, subtype = 0 } = object;
  switch (objectType) {
    case ObjectType.Certificate:
      return { objectType, certificateType: subtype, certificateValue: value };
    case ObjectType.OpaqueObject:
      return { objectType, opaqueDataType: subtype, opaqueDataValue: value };
    case ObjectType.Template:
      return { objectType, attribute: templateAttributes(value) };
    default:
      throw KmipError.illegalOperation('an object of this type has a key block');
  }
}

/** The attributes that a template holds (§2.2.6), out of its material. */
export function templateAttributes(material: Uint8Array): readonly Attribute[] {
  return templateAttribute.read(decodeTtlv(material)).attribute ?? [];
}
