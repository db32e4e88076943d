/** Managed objects (KMIP 1.4 §2.2) and the place in a payload where any one of them may stand. */

import { tagName } from '../names/lookup.ts';
import { ObjectType } from '../names/objects.ts';
import { Tag } from '../names/tags.ts';
import {
  bigInteger,
  byteString,
  enumeration,
  type Field,
  type Infer,
  integer,
  oneOf,
  optional,
  repeatedOnce,
  required,
  SchemaFault,
  structure,
} from '../schema/index.ts';
import type { Ttlv } from '../ttlv/item.ts';
import type { Version } from '../version.ts';
import { attribute } from './base.ts';
import { keyBlock } from './key-block.ts';

/** KMIP 1.4 §2.2.1 */
export const certificate = structure(Tag.Certificate, {
  certificateType: required(Tag.CertificateType, enumeration),
  certificateValue: required(Tag.CertificateValue, byteString),
});

/** KMIP 1.4 §2.2.2 */
export const symmetricKey = structure(Tag.SymmetricKey, { keyBlock: required(Tag.KeyBlock, keyBlock) });

/** KMIP 1.4 §2.2.3 */
export const publicKey = structure(Tag.PublicKey, { keyBlock: required(Tag.KeyBlock, keyBlock) });

/** KMIP 1.4 §2.2.4 */
export const privateKey = structure(Tag.PrivateKey, { keyBlock: required(Tag.KeyBlock, keyBlock) });

/** KMIP 1.4 §2.2.5 */
export const splitKey = structure(Tag.SplitKey, {
  splitKeyParts: required(Tag.SplitKeyParts, integer),
  keyPartIdentifier: required(Tag.KeyPartIdentifier, integer),
  splitKeyThreshold: required(Tag.SplitKeyThreshold, integer),
  splitKeyMethod: required(Tag.SplitKeyMethod, enumeration),
  primeFieldSize: optional(Tag.PrimeFieldSize, bigInteger),
  keyBlock: required(Tag.KeyBlock, keyBlock),
});

/** KMIP 1.4 §2.2.6 (deprecated since 1.3) */
export const template = structure(Tag.Template, { attribute: repeatedOnce(Tag.Attribute, attribute) });

/** KMIP 1.4 §2.2.7 */
export const secretData = structure(Tag.SecretData, {
  secretDataType: required(Tag.SecretDataType, enumeration),
  keyBlock: required(Tag.KeyBlock, keyBlock),
});

/** KMIP 1.4 §2.2.8 */
export const opaqueObject = structure(Tag.OpaqueObject, {
  opaqueDataType: required(Tag.OpaqueDataType, enumeration),
  opaqueDataValue: required(Tag.OpaqueDataValue, byteString),
});

/** KMIP 1.4 §2.2.9 */
export const pgpKey = structure(Tag.PGPKey, {
  pgpKeyVersion: required(Tag.PGPKeyVersion, integer),
  keyBlock: required(Tag.KeyBlock, keyBlock),
});

/**
 * One managed object with its material; `objectType` tells which. (The wire tells it by the tag, and beside the
 * object in a field of its own: whether the two agree is for the server to check.)
 */
export type KmipObject =
  | ({ readonly objectType: typeof ObjectType.Certificate } & Infer<typeof certificate>)
  | ({ readonly objectType: typeof ObjectType.SymmetricKey } & Infer<typeof symmetricKey>)
  | ({ readonly objectType: typeof ObjectType.PublicKey } & Infer<typeof publicKey>)
  | ({ readonly objectType: typeof ObjectType.PrivateKey } & Infer<typeof privateKey>)
  | ({ readonly objectType: typeof ObjectType.SplitKey } & Infer<typeof splitKey>)
  | ({ readonly objectType: typeof ObjectType.Template } & Infer<typeof template>)
  | ({ readonly objectType: typeof ObjectType.SecretData } & Infer<typeof secretData>)
  | ({ readonly objectType: typeof ObjectType.OpaqueObject } & Infer<typeof opaqueObject>)
  | ({ readonly objectType: typeof ObjectType.PGPKey } & Infer<typeof pgpKey>);

/** In the order in which the specification lists them. */
const OBJECT_TAGS = [
  Tag.Certificate,
  Tag.SymmetricKey,
  Tag.PrivateKey,
  Tag.PublicKey,
  Tag.SplitKey,
  Tag.Template,
  Tag.SecretData,
  Tag.OpaqueObject,
  Tag.PGPKey,
] as const;

function decodeObject(item: Ttlv, version: Version): KmipObject {
  switch (item.tag) {
    case Tag.Certificate:
      return { objectType: ObjectType.Certificate, ...certificate.decode(item, version) };
    case Tag.SymmetricKey:
      return { objectType: ObjectType.SymmetricKey, ...symmetricKey.decode(item, version) };
    case Tag.PublicKey:
      return { objectType: ObjectType.PublicKey, ...publicKey.decode(item, version) };
    case Tag.PrivateKey:
      return { objectType: ObjectType.PrivateKey, ...privateKey.decode(item, version) };
    case Tag.SplitKey:
      return { objectType: ObjectType.SplitKey, ...splitKey.decode(item, version) };
    case Tag.Template:
      return { objectType: ObjectType.Template, ...template.decode(item, version) };
    case Tag.SecretData:
      return { objectType: ObjectType.SecretData, ...secretData.decode(item, version) };
    case Tag.OpaqueObject:
      return { objectType: ObjectType.OpaqueObject, ...opaqueObject.decode(item, version) };
    case Tag.PGPKey:
      return { objectType: ObjectType.PGPKey, ...pgpKey.decode(item, version) };
    default:
      throw new SchemaFault('SCHEMA_VALUE', `${tagName(item.tag)} is not a managed object`, item.tag, item);
  }
}

function encodeObject(object: KmipObject, version: Version): Ttlv {
  switch (object.objectType) {
    case ObjectType.Certificate:
      return certificate.encode(Tag.Certificate, object, version);
    case ObjectType.SymmetricKey:
      return symmetricKey.encode(Tag.SymmetricKey, object, version);
    case ObjectType.PublicKey:
      return publicKey.encode(Tag.PublicKey, object, version);
    case ObjectType.PrivateKey:
      return privateKey.encode(Tag.PrivateKey, object, version);
    case ObjectType.SplitKey:
      return splitKey.encode(Tag.SplitKey, object, version);
    case ObjectType.Template:
      return template.encode(Tag.Template, object, version);
    case ObjectType.SecretData:
      return secretData.encode(Tag.SecretData, object, version);
    case ObjectType.OpaqueObject:
      return opaqueObject.encode(Tag.OpaqueObject, object, version);
    case ObjectType.PGPKey:
      return pgpKey.encode(Tag.PGPKey, object, version);
    default:
      throw new SchemaFault('SCHEMA_VALUE', 'objectType names no managed object', Tag.ObjectType);
  }
}

/** A payload's field that holds exactly one managed object of whatever type. */
export const managedObject: Field<KmipObject, 'once'> = oneOf('once', OBJECT_TAGS, {
  decode: decodeObject,
  encode: encodeObject,
});
