/**
 * Transparent key structures (KMIP 1.4 §2.1.7) as TTLV bytes, read and written without the detour over JavaScript's
 * big integers, which nobody can wipe.
 */
import { ItemType, KmipError, Tag } from '../kmip/index.ts';
import { magnitude } from './der.ts';

const HEADER_BYTES = 8;
const MAX_FIELDS = 16;

function padded(length: number): number {
  return Math.ceil(length / 8) * 8;
}

function malformed(): KmipError {
  return KmipError.invalidField('the Key Material is not the structure that its Key Format Type names');
}

/** The fields of a transparent key by tag: numbers without leading zeros, bytes as they are. Views into the material. */
export type KeyFields = ReadonlyMap<number, Uint8Array>;

/** @throws KmipError Invalid Field */
export function fieldsIn(material: Uint8Array): KeyFields {
  const view = new DataView(material.buffer, material.byteOffset, material.length);
  if (
    material.length < HEADER_BYTES ||
    view.getUint32(0) !== ((Tag.KeyMaterial << 8) | ItemType.Structure) ||
    view.getUint32(4) !== material.length - HEADER_BYTES
  ) {
    throw malformed();
  }
  const fields = new Map<number, Uint8Array>();
  for (let at = HEADER_BYTES; at < material.length; ) {
    if (at + HEADER_BYTES > material.length) throw malformed();
    const word = view.getUint32(at);
    const length = view.getUint32(at + 4);
    const start = at + HEADER_BYTES;
    if (start + padded(length) > material.length || fields.size === MAX_FIELDS) throw malformed();
    const value = material.subarray(start, start + length);
    const tag = word >>> 8;
    if (fields.has(tag)) throw malformed();
    fields.set(tag, fieldValue(word & 0xff, value));
    at = start + padded(length);
  }
  return fields;
}

function fieldValue(type: number, value: Uint8Array): Uint8Array {
  if (type === ItemType.ByteString || type === ItemType.Enumeration) return value;
  const isNegative = ((value[0] ?? 0) & 0x80) !== 0;
  if (type !== ItemType.BigInteger || isNegative) throw malformed();
  return magnitude(value);
}

/** @throws KmipError Invalid Field */
export function fieldOf(fields: KeyFields, tag: number): Uint8Array {
  const value = fields.get(tag);
  if (value === undefined) throw malformed();
  return value;
}

/** An enumeration's value. @throws KmipError Invalid Field */
export function enumerationIn(fields: KeyFields, tag: number): number {
  const value = fieldOf(fields, tag);
  if (value.length !== 4) throw malformed();
  return Buffer.from(value.buffer, value.byteOffset, 4).readUInt32BE();
}

export type KeyField =
  | { readonly tag: number; readonly type: typeof ItemType.BigInteger; readonly value: Uint8Array }
  | { readonly tag: number; readonly type: typeof ItemType.ByteString; readonly value: Uint8Array }
  | { readonly tag: number; readonly type: typeof ItemType.Enumeration; readonly value: number };

export const field = {
  /** `value`: an unsigned number, most significant byte first. */
  number: (tag: number, value: Uint8Array): KeyField => ({ tag, type: ItemType.BigInteger, value }),
  bytes: (tag: number, value: Uint8Array): KeyField => ({ tag, type: ItemType.ByteString, value }),
  enumeration: (tag: number, value: number): KeyField => ({ tag, type: ItemType.Enumeration, value }),
} as const;

/** Bytes of the value as TTLV writes it; §9.1.1.4: a Big Integer fills whole eights and has room for its sign. */
function lengthOf(item: KeyField): number {
  switch (item.type) {
    case ItemType.Enumeration:
      return 4;
    case ItemType.ByteString:
      return item.value.length;
    case ItemType.BigInteger: {
      const digits = magnitude(item.value);
      return padded(digits.length + ((digits[0] ?? 0x80) >= 0x80 ? 1 : 0));
    }
  }
}

/** The Key Material. Bytes of their own, for the caller to wipe. */
export function structureOf(items: readonly KeyField[]): Uint8Array {
  const size = items.reduce((sum, item) => sum + HEADER_BYTES + padded(lengthOf(item)), HEADER_BYTES);
  const out = Buffer.alloc(size);
  out.writeUInt32BE((Tag.KeyMaterial << 8) | ItemType.Structure, 0);
  out.writeUInt32BE(size - HEADER_BYTES, 4);
  let at = HEADER_BYTES;
  for (const item of items) {
    const length = lengthOf(item);
    out.writeUInt32BE(item.tag * 256 + item.type, at);
    out.writeUInt32BE(length, at + 4);
    const start = at + HEADER_BYTES;
    if (item.type === ItemType.Enumeration) out.writeUInt32BE(item.value, start);
    else if (item.type === ItemType.ByteString) out.set(item.value, start);
    else {
      const digits = magnitude(item.value);
      out.set(digits, start + length - digits.length);
    }
    at = start + padded(length);
  }
  return out;
}
