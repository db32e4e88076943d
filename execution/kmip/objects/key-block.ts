/** Key blocks (KMIP 1.4 §2.1.3–2.1.6): a key value in the clear or wrapped, and how it was wrapped. */
import { Tag } from '../names/tags.ts';
import {
  byteString,
  type Codec,
  enumeration,
  type Infer,
  integer,
  optional,
  repeated,
  required,
  SchemaFault,
  structure,
  textString,
} from '../schema/index.ts';
import { ItemType, itemTypeName, type Ttlv, type TtlvStructure } from '../ttlv/item.ts';
import { attribute, cryptographicParameters } from './base.ts';

/**
 * KMIP 1.4 §2.1.4: bytes for Raw, Opaque, PKCS#1, PKCS#8 and the like; for the transparent formats a structure,
 * which `transparentKeys` reads.
 */
export type KeyMaterial = Uint8Array | TtlvStructure;

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

const keyMaterial: Codec<KeyMaterial> = {
  decode: (item) => {
    if (item.type === ItemType.ByteString) return item.value;
    if (item.type === ItemType.Structure) return item;
    throw neitherBytesNorStructure(item);
  },
  encode: (tag, value) =>
    isBytes(value)
      ? { tag, type: ItemType.ByteString, value }
      : { tag, type: ItemType.Structure, value: value.value },
};

function neitherBytesNorStructure(item: Ttlv): SchemaFault {
  const detail = `${itemTypeName(item.type)} where Byte String or Structure belongs`;
  return new SchemaFault('SCHEMA_TYPE', detail, item.tag, item);
}

/** KMIP 1.4 §2.1.4 */
export const plainKeyValue = structure(Tag.KeyValue, {
  keyMaterial: required(Tag.KeyMaterial, keyMaterial),
  attribute: repeated(Tag.Attribute, attribute),
});
export type PlainKeyValue = Infer<typeof plainKeyValue>;

/** KMIP 1.4 §2.1.3: bytes when the value is wrapped, a structure when it is in the clear. */
export type KeyValue = Uint8Array | PlainKeyValue;

const keyValue: Codec<KeyValue> = {
  decode: (item, version) => {
    if (item.type === ItemType.ByteString) return item.value;
    if (item.type === ItemType.Structure) return plainKeyValue.decode(item, version);
    throw neitherBytesNorStructure(item);
  },
  encode: (tag, value, version) =>
    isBytes(value) ? { tag, type: ItemType.ByteString, value } : plainKeyValue.encode(tag, value, version),
};

/** KMIP 1.4 §2.1.5 */
export const encryptionKeyInformation = structure(Tag.EncryptionKeyInformation, {
  uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
  cryptographicParameters: optional(Tag.CryptographicParameters, cryptographicParameters),
});

/** KMIP 1.4 §2.1.5 */
export const macSignatureKeyInformation = structure(Tag.MACSignatureKeyInformation, {
  uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
  cryptographicParameters: optional(Tag.CryptographicParameters, cryptographicParameters),
});

/** KMIP 1.4 §2.1.5 */
export const keyWrappingData = structure(Tag.KeyWrappingData, {
  wrappingMethod: required(Tag.WrappingMethod, enumeration),
  encryptionKeyInformation: optional(Tag.EncryptionKeyInformation, encryptionKeyInformation),
  macSignatureKeyInformation: optional(Tag.MACSignatureKeyInformation, macSignatureKeyInformation),
  macSignature: optional(Tag.MACSignature, byteString),
  ivCounterNonce: optional(Tag.IVCounterNonce, byteString),
  encodingOption: optional(Tag.EncodingOption, enumeration, { since: 1 }),
});
export type KeyWrappingData = Infer<typeof keyWrappingData>;

/** KMIP 1.4 §2.1.6 */
export const keyWrappingSpecification = structure(Tag.KeyWrappingSpecification, {
  wrappingMethod: required(Tag.WrappingMethod, enumeration),
  encryptionKeyInformation: optional(Tag.EncryptionKeyInformation, encryptionKeyInformation),
  macSignatureKeyInformation: optional(Tag.MACSignatureKeyInformation, macSignatureKeyInformation),
  attributeName: repeated(Tag.AttributeName, textString),
  encodingOption: optional(Tag.EncodingOption, enumeration, { since: 1 }),
});
export type KeyWrappingSpecification = Infer<typeof keyWrappingSpecification>;

/** KMIP 1.4 §2.1.3 */
export const keyBlock = structure(Tag.KeyBlock, {
  keyFormatType: required(Tag.KeyFormatType, enumeration),
  keyCompressionType: optional(Tag.KeyCompressionType, enumeration),
  keyValue: optional(Tag.KeyValue, keyValue),
  cryptographicAlgorithm: optional(Tag.CryptographicAlgorithm, enumeration),
  cryptographicLength: optional(Tag.CryptographicLength, integer),
  keyWrappingData: optional(Tag.KeyWrappingData, keyWrappingData),
});
export type KeyBlock = Infer<typeof keyBlock>;
