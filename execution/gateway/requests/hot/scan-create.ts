/**
 * Reads the payload of the Create that real clients send (KMIP 1.4 §4.1): one AES key by attributes, each once and
 * without an index, with texts of ASCII. What is said otherwise, or of anything else, the general codec reads.
 */
import { CryptographicAlgorithm, ItemType, NameType, ObjectType, Tag } from '../../../kmip/index.ts';
import { enumerationHead, head, integerHead, padded, structureHead, textHead } from '../../ttlv-writer.ts';
import { booleanAt, dateAt, integerAt, isWhole, type Scan, wordAt } from './scan.ts';

/** Attributes that are kept as they are; more are rare. */
export const MAX_KEPT = 4;
/** Bytes of a text. */
const MAX_TEXT_LENGTH = 256;
const MAX_ATTRIBUTE_NAME_LENGTH = 32;

/** Positions are into the bytes that were scanned. */
export interface CreateScan {
  lengthBits: number;
  usageMask: number;
  /** Seconds since the epoch; -1: none. */
  activationS: number;
  /** Name Value; a length of -1: none. */
  nameAt: number;
  nameLength: number;
  nameType: number;
  /** 0, 1, or -1: not said. */
  sensitive: number;
  extractable: number;
  /** Object Group; a length of -1: none. */
  groupAt: number;
  groupLength: number;
  /** Name, Sensitive, Extractable and Object Group as they stand in the request, in its order: kind, offset, length. */
  readonly keptKinds: Uint8Array;
  readonly keptAt: Uint32Array;
  readonly keptLengths: Uint32Array;
  kept: number;
}

export function newCreateScan(): CreateScan {
  return {
    lengthBits: 0,
    usageMask: -1,
    activationS: -1,
    nameAt: 0,
    nameLength: -1,
    nameType: 0,
    sensitive: -1,
    extractable: -1,
    groupAt: 0,
    groupLength: -1,
    keptKinds: new Uint8Array(MAX_KEPT),
    keptAt: new Uint32Array(MAX_KEPT),
    keptLengths: new Uint32Array(MAX_KEPT),
    kept: 0,
  };
}

const OBJECT_TYPE = enumerationHead(Tag.ObjectType);
const TEMPLATE_ATTRIBUTE = structureHead(Tag.TemplateAttribute);
const ATTRIBUTE = structureHead(Tag.Attribute);
const ATTRIBUTE_NAME = textHead(Tag.AttributeName);
const ENUMERATION = enumerationHead(Tag.AttributeValue);
const INTEGER = integerHead(Tag.AttributeValue);
const TEXT = textHead(Tag.AttributeValue);
const STRUCTURE = head(Tag.AttributeValue, ItemType.Structure);
const NAME_VALUE = textHead(Tag.NameValue);
const NAME_TYPE = enumerationHead(Tag.NameType);

export const Kept = { Name: 1, Sensitive: 2, Extractable: 3, ObjectGroup: 4 } as const;

/** Each of another length, by which they are told apart before they are compared. */
const Known = {
  Algorithm: 'Cryptographic Algorithm',
  Length: 'Cryptographic Length',
  Mask: 'Cryptographic Usage Mask',
  Activation: 'Activation Date',
  Name: 'Name',
  Sensitive: 'Sensitive',
  Extractable: 'Extractable',
  ObjectGroup: 'Object Group',
} as const;
const knownByLength: (Buffer | undefined)[] = [];
for (const name of Object.values(Known)) knownByLength[name.length] = Buffer.from(name, 'latin1');

/** Fills `create` from the payload that `scan` has found, and returns whether all of it is of the kind above. */
export function scanCreate(bytes: Uint8Array, scan: Scan, create: CreateScan): boolean {
  const end = scan.payloadEnd;
  let at = scan.payloadAt;
  if (at + 24 > end || integerAt(bytes, at, OBJECT_TYPE) !== ObjectType.SymmetricKey) return false;
  at += 16;
  if (wordAt(bytes, at) !== TEMPLATE_ATTRIBUTE || at + 8 + wordAt(bytes, at + 4) !== end) return false;
  at += 8;
  create.lengthBits = 0;
  create.usageMask = create.activationS = create.nameLength = create.groupLength = -1;
  create.sensitive = create.extractable = -1;
  create.kept = 0;
  let isAes = false;
  while (at < end) {
    if (at + 8 > end || wordAt(bytes, at) !== ATTRIBUTE) return false;
    const length = wordAt(bytes, at + 4);
    const nameAt = at + 8;
    if (length > end - nameAt || length < 32 || length % 8 !== 0) return false;
    const attributeEnd = nameAt + length;
    const valueAt = afterName(bytes, nameAt, attributeEnd);
    if (valueAt < 0) return false;
    switch (wordAt(bytes, nameAt + 4)) {
      case Known.Algorithm.length:
        if (isAes || valueAt + 16 !== attributeEnd) return false;
        if (integerAt(bytes, valueAt, ENUMERATION) !== CryptographicAlgorithm.AES) return false;
        isAes = true;
        break;
      case Known.Length.length: {
        const bits = valueAt + 16 === attributeEnd ? integerAt(bytes, valueAt, INTEGER) : -1;
        if (create.lengthBits !== 0 || (bits !== 128 && bits !== 192 && bits !== 256)) return false;
        create.lengthBits = bits;
        break;
      }
      case Known.Mask.length:
        if (create.usageMask >= 0 || valueAt + 16 !== attributeEnd) return false;
        create.usageMask = integerAt(bytes, valueAt, INTEGER);
        if (create.usageMask < 0) return false;
        break;
      case Known.Activation.length:
        if (create.activationS >= 0 || valueAt + 16 !== attributeEnd) return false;
        create.activationS = dateAt(bytes, valueAt, Tag.AttributeValue);
        if (create.activationS < 0) return false;
        break;
      case Known.Name.length:
        if (create.nameLength >= 0 || !readName(bytes, valueAt, attributeEnd, create)) return false;
        keep(create, Kept.Name, at, 8 + length);
        break;
      case Known.Sensitive.length:
        if (create.sensitive >= 0 || valueAt + 16 !== attributeEnd) return false;
        create.sensitive = booleanAt(bytes, valueAt, Tag.AttributeValue);
        if (create.sensitive < 0) return false;
        keep(create, Kept.Sensitive, at, 8 + length);
        break;
      case Known.Extractable.length:
        if (create.extractable >= 0 || valueAt + 16 !== attributeEnd) return false;
        create.extractable = booleanAt(bytes, valueAt, Tag.AttributeValue);
        if (create.extractable < 0) return false;
        keep(create, Kept.Extractable, at, 8 + length);
        break;
      case Known.ObjectGroup.length:
        if (create.groupLength >= 0 || wordAt(bytes, valueAt) !== TEXT) return false;
        create.groupAt = valueAt + 8;
        create.groupLength = wordAt(bytes, valueAt + 4);
        if (!isPlainText(bytes, create.groupAt, create.groupLength, attributeEnd)) return false;
        if (create.groupAt + padded(create.groupLength) !== attributeEnd) return false;
        keep(create, Kept.ObjectGroup, at, 8 + length);
        break;
      default:
        return false;
    }
    at = attributeEnd;
  }
  return isAes && create.lengthBits > 0 && create.usageMask >= 0;
}

/** Where the value of an attribute begins that has one of the names above, and no index; else -1. */
function afterName(bytes: Uint8Array, at: number, end: number): number {
  if (wordAt(bytes, at) !== ATTRIBUTE_NAME) return -1;
  const length = wordAt(bytes, at + 4);
  const name = length <= MAX_ATTRIBUTE_NAME_LENGTH ? knownByLength[length] : undefined;
  if (name === undefined || !isWhole(bytes, at + 8, length, end)) return -1;
  for (let i = 0; i < length; i++) if (bytes[at + 8 + i] !== name[i]) return -1;
  const valueAt = at + 8 + padded(length);
  return valueAt + 8 <= end ? valueAt : -1;
}

function readName(bytes: Uint8Array, valueAt: number, end: number, create: CreateScan): boolean {
  if (wordAt(bytes, valueAt) !== STRUCTURE || valueAt + 8 + wordAt(bytes, valueAt + 4) !== end) return false;
  const at = valueAt + 8;
  if (at + 8 > end || wordAt(bytes, at) !== NAME_VALUE) return false;
  create.nameAt = at + 8;
  create.nameLength = wordAt(bytes, at + 4);
  if (!isPlainText(bytes, create.nameAt, create.nameLength, end)) return false;
  const typeAt = create.nameAt + padded(create.nameLength);
  if (typeAt + 16 !== end) return false;
  create.nameType = integerAt(bytes, typeAt, NAME_TYPE);
  return create.nameType === NameType.UninterpretedTextString || create.nameType === NameType.URI;
}

/** Printable ASCII, some of it and not too much, and well padded. */
function isPlainText(bytes: Uint8Array, at: number, length: number, end: number): boolean {
  if (length < 1 || length > MAX_TEXT_LENGTH || !isWhole(bytes, at, length, end)) return false;
  for (let i = at; i < at + length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte < 0x20 || byte > 0x7e) return false;
  }
  return true;
}

function keep(create: CreateScan, kind: number, at: number, length: number): void {
  create.keptKinds[create.kept] = kind;
  create.keptAt[create.kept] = at;
  create.keptLengths[create.kept] = length;
  create.kept += 1;
}
