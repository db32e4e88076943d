/**
 * How much a client may attach to one object (D14). The bounds together stay below MAX_OBJECT_BYTES with room to spare,
 * and below what a message between gateway and core carries: what was accepted once can be stored, announced, changed
 * in state and read again.
 */
import {
  type Attribute,
  encodeTtlv,
  ItemType,
  KmipError,
  ResultReason,
  structureItem,
  Tag,
  type Ttlv,
} from '../kmip/index.ts';
import { NAME, nameOf } from './names.ts';

/** Attributes of one object, computed ones not counted. */
export const MAX_ATTRIBUTES = 256;
/** Instances of one multi-instance attribute. */
export const MAX_INSTANCES = 64;
/** Bytes of all attributes of one object, as they are encoded. */
export const MAX_ATTRIBUTES_BYTES = 128 * 1024;
/** TTLV items in the values of all attributes of one object: small ones cost their reader more than their bytes tell. */
export const MAX_ATTRIBUTE_ITEMS = 2_048;
/** Nesting of one value. KMIP 1.4 §3.39 allows custom attributes one level, the deepest standard one has two more. */
export const MAX_ATTRIBUTE_DEPTH = 8;

/** Attributes of one request: those that an object holds, and as many that are computed or said twice. */
export const MAX_GIVEN_ATTRIBUTES = 2 * MAX_ATTRIBUTES;

/**
 * Refuses more attributes than anybody needs before any is looked at: some are compared with all others.
 *
 * @throws KmipError Index Out of Bounds
 */
export function checkGivenCount({ length }: readonly Attribute[]): void {
  if (length <= MAX_GIVEN_ATTRIBUTES) return;
  throw new KmipError(
    ResultReason.IndexOutOfBounds,
    `a request gives at most ${MAX_GIVEN_ATTRIBUTES} attributes`,
  );
}

/**
 * Refuses attributes that are too many, too large or too deep, and those that no database takes (§11.2, §11.15).
 *
 * @throws KmipError Index Out of Bounds, Invalid Field
 */
export function checkCounts(attributes: readonly Attribute[]): void {
  if (attributes.length > MAX_ATTRIBUTES) {
    throw new KmipError(
      ResultReason.IndexOutOfBounds,
      `an object holds at most ${MAX_ATTRIBUTES} attributes`,
    );
  }
  const counts = new Map<string, number>();
  let items = 0;
  for (const attribute of attributes) {
    const { attributeName, attributeValue } = attribute;
    const count = (counts.get(attributeName) ?? 0) + 1;
    if (count > MAX_INSTANCES) {
      throw new KmipError(
        ResultReason.IndexOutOfBounds,
        `an object holds at most ${MAX_INSTANCES} instances of ${attributeName}`,
      );
    }
    counts.set(attributeName, count);
    requireNoNul(attributeName);
    items += countItems(attributeValue, 1);
    if (items > MAX_ATTRIBUTE_ITEMS) {
      throw invalid(`the attributes of an object hold at most ${MAX_ATTRIBUTE_ITEMS} items`);
    }
    if (attributeName === NAME) nameOf(attribute);
  }
  // Last: by now the tree is small enough to be encoded.
  let sizeBytes = 0;
  for (const attribute of attributes) sizeBytes += sizeOf(attribute);
  if (sizeBytes > MAX_ATTRIBUTES_BYTES) {
    throw invalid(`the attributes of an object have at most ${MAX_ATTRIBUTES_BYTES} bytes; got ${sizeBytes}`);
  }
}

/** PostgreSQL has no U+0000 in its text, so that no text of ours has one. @throws KmipError Invalid Field */
export function requireNoNul(text: string): void {
  if (text.includes('\0')) throw invalid('a text must not contain U+0000');
}

function countItems(item: Ttlv, depth: number): number {
  if (depth > MAX_ATTRIBUTE_DEPTH) {
    throw invalid(`the value of an attribute nests at most ${MAX_ATTRIBUTE_DEPTH} levels`);
  }
  if (item.type === ItemType.TextString) requireNoNul(item.value);
  if (item.type !== ItemType.Structure) return 1;
  return item.value.reduce((sum, child) => sum + countItems(child, depth + 1), 1);
}

function sizeOf({ attributeName, attributeValue }: Attribute): number {
  const name: Ttlv = { tag: Tag.AttributeName, type: ItemType.TextString, value: attributeName };
  const value: Ttlv = { ...attributeValue, tag: Tag.AttributeValue };
  return encodeTtlv(structureItem(Tag.Attribute, [name, value])).length;
}

function invalid(message: string): KmipError {
  return new KmipError(ResultReason.InvalidField, message);
}
