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
} from '../kmip/index.ts';
import { make } from './attribute-values.ts';
import type { ManagedObject } from './managed-object.ts';
import { isStructured } from './material.ts';
import { NAME } from './names.ts';

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
  if (!isStructured(format)) return material;
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

/** A certificate or opaque object with this value. @throws KmipError Illegal Operation: it has a key block, or no value. */
export function withValue(object: ManagedObject, value: Uint8Array): KmipObject {
  const { objectType, subtype = 0 } = object;
  switch (objectType) {
    case ObjectType.Certificate:
      return { objectType, certificateType: subtype, certificateValue: value };
    case ObjectType.OpaqueObject:
      return { objectType, opaqueDataType: subtype, opaqueDataValue: value };
    default:
      throw KmipError.illegalOperation('an object of this type has no value of bytes');
  }
}

/** Attributes of a template that are its own, and none of what is made with it. */
const ofTemplate: ReadonlySet<string> = new Set([NAME, 'Always Sensitive', 'Never Extractable', 'Fresh']);

/** The attributes that a template holds for others (§2.2.6): all that a client has given it, but for its names. */
export function templateAttributes(object: ManagedObject): readonly Attribute[] {
  const { cryptographicAlgorithm: algorithm, cryptographicLength: length, usageMask, dates } = object;
  const given = [
    ['Activation Date', dates.activation],
    ['Process Start Date', dates.processStart],
    ['Protect Stop Date', dates.protectStop],
    ['Deactivation Date', dates.deactivation],
  ] as const;
  return [
    ...(algorithm === undefined ? [] : [make.enumeration('Cryptographic Algorithm', algorithm)]),
    ...(length === undefined ? [] : [make.integer('Cryptographic Length', length)]),
    // A mask that allows nothing is one that was never given.
    ...(usageMask === 0 ? [] : [make.integer('Cryptographic Usage Mask', usageMask)]),
    ...given.flatMap(([name, value]) => (value === undefined ? [] : [make.date(name, value)])),
    ...object.attributes.filter(({ attributeName: name }) => !ofTemplate.has(name) && !name.startsWith('y-')),
  ];
}

/** A template as Get returns it. */
export function withTemplate(object: ManagedObject): KmipObject {
  return { objectType: ObjectType.Template, attribute: templateAttributes(object) };
}
