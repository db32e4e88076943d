/**
 * Values as text, for both encodings (KMIP Profiles 1.4 §5.4.1.5, §5.5.1.5). Writing is canonical; reading takes every
 * form that the profiles allow, in either encoding.
 */
import { bigIntegerBytes, ItemType, type Ttlv } from '../ttlv/item.ts';
import type { TtlvLimits } from '../ttlv/limits.ts';
import type { EncodingErrorCode } from './error.ts';
import type { NameTable } from './names.ts';

/** `code` and `detail` go into an EncodingError by whoever knows the place. */
export class ValueFault extends Error {
  readonly code: EncodingErrorCode;

  constructor(detail: string, code: EncodingErrorCode = 'ENCODING_VALUE') {
    super(detail);
    this.code = code;
  }
}

/** What the names of a value come from, if it has any. */
export type Naming = {
  readonly enumeration: NameTable | undefined;
  readonly mask: NameTable | undefined;
};

/** Names of the types, as both encodings write them. */
export const typeNames: Readonly<Record<ItemType, string>> = {
  [ItemType.Structure]: 'Structure',
  [ItemType.Integer]: 'Integer',
  [ItemType.LongInteger]: 'LongInteger',
  [ItemType.BigInteger]: 'BigInteger',
  [ItemType.Enumeration]: 'Enumeration',
  [ItemType.Boolean]: 'Boolean',
  [ItemType.TextString]: 'TextString',
  [ItemType.ByteString]: 'ByteString',
  [ItemType.DateTime]: 'DateTime',
  [ItemType.Interval]: 'Interval',
};

const typeOfName = new Map<string, ItemType>(
  Object.values(ItemType).flatMap((type) => [
    [typeNames[type], type],
    [`0x${type.toString(16).padStart(2, '0')}`, type],
  ]),
);

/** The type that a name, or a number of two hexadecimal digits, means. */
export function typeFromText(text: string): ItemType | undefined {
  return typeOfName.get(text) ?? typeOfName.get(text.toLowerCase());
}

const hex = (value: bigint | number, digits: number): string =>
  `0x${value.toString(16).padStart(digits, '0')}`;

/** Decimal digits that any value of 64 bits may have, with room for leading zeros. */
const DECIMAL = /^[+-]?[0-9]{1,32}$/;
const HEX_32 = /^0x[0-9a-f]{1,8}$/i;
const HEX_64 = /^0x[0-9a-f]{1,16}$/i;

/** Signed 32-bit: decimal, hexadecimal, or the names of a mask with spaces or bars between them. */
export function integerFromText(text: string, mask: NameTable | undefined): number {
  if (mask !== undefined && text.length <= MAX_MASK_LENGTH && /[\s|]/.test(text.trim())) {
    const parts = text.split(/[\s|]+/).filter((part) => part !== '');
    return parts.reduce((sum, part) => sum | integerFromText(part, mask), 0);
  }
  if (HEX_32.test(text)) return Number(text) | 0;
  if (DECIMAL.test(text)) return signed32(Number(text));
  const bit = mask?.valueOf(text.trim());
  if (bit === undefined) {
    throw new ValueFault(mask === undefined ? 'Integer is not a number' : 'the mask has no bit of this name');
  }
  return bit;
}

/** Thirty-two names of the greatest length that a name has here. */
const MAX_MASK_LENGTH = 4096;

function signed32(value: number): number {
  if (!Number.isInteger(value) || value < -(2 ** 31) || value > 2 ** 31 - 1) {
    throw new ValueFault('Integer needs more than 32 bits');
  }
  return value;
}

/** The bits by name, what has no name in hexadecimal, `separator` between them; undefined where no bit has a name. */
export function maskToText(value: number, mask: NameTable, separator: string): string | undefined {
  const parts: string[] = [];
  let rest = value >>> 0;
  for (const bit of mask.values) {
    if ((rest & bit) === 0) continue;
    parts.push(mask.nameOf(bit) ?? hex(bit, 8));
    rest = (rest & ~bit) >>> 0;
  }
  if (parts.length === 0) return undefined;
  if (rest !== 0) parts.push(hex(rest, 8));
  return parts.join(separator);
}

export function longIntegerFromText(text: string): bigint {
  if (HEX_64.test(text)) return BigInt.asIntN(64, BigInt(text));
  if (!DECIMAL.test(text)) throw new ValueFault('Long Integer is not a number');
  const value = BigInt(text.replace('+', ''));
  if (BigInt.asIntN(64, value) !== value) throw new ValueFault('Long Integer needs more than 64 bits');
  return value;
}

export function longIntegerToHex(value: bigint): string {
  if (BigInt.asIntN(64, value) !== value) throw new ValueFault('Long Integer needs more than 64 bits');
  return hex(BigInt.asUintN(64, value), 16);
}

/** Two's complement in whole bytes, with or without 0x. */
export function bigIntegerFromText(text: string, limits: TtlvLimits): bigint {
  const digits = /^0x/i.test(text) ? text.slice(2) : text;
  if (digits.length > limits.maxBigIntegerBytes * 2) {
    throw new ValueFault(`Big Integer exceeds ${limits.maxBigIntegerBytes} bytes`);
  }
  if (digits.length === 0 || digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) {
    throw new ValueFault('Big Integer is not whole bytes in hexadecimal');
  }
  return BigInt.asIntN(digits.length * 4, BigInt(`0x${digits}`));
}

/** Two's complement, extended to a multiple of eight bytes, without 0x. */
export function bigIntegerToHex(value: bigint, limits: TtlvLimits): string {
  const bytes = bigIntegerBytes(value);
  if (bytes > limits.maxBigIntegerBytes) {
    throw new ValueFault(`Big Integer exceeds ${limits.maxBigIntegerBytes} bytes`);
  }
  return BigInt.asUintN(bytes * 8, value)
    .toString(16)
    .padStart(bytes * 2, '0');
}

/** By name, or by number. */
export function enumerationFromText(text: string, table: NameTable | undefined): number {
  if (HEX_32.test(text)) return Number(text);
  if (DECIMAL.test(text)) return unsigned32(Number(text), 'Enumeration');
  const value = table?.valueOf(text);
  if (value === undefined) {
    throw new ValueFault(
      table === undefined
        ? 'Enumeration has no names here: write its number'
        : 'Enumeration has no such name',
    );
  }
  return value;
}

export function enumerationToText(value: number, table: NameTable | undefined): string {
  return table?.nameOf(value) ?? hex(unsigned32(value, 'Enumeration'), 8);
}

export function unsigned32(value: number, what: string): number {
  if (!Number.isInteger(value) || value < 0 || value > 2 ** 32 - 1) {
    throw new ValueFault(`${what} is not a whole number of 32 bits`);
  }
  return value;
}

export function integerToNumber(value: number): number {
  return signed32(value);
}

export function booleanFromText(text: string): boolean {
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  const value = HEX_64.test(text) ? BigInt(text) : undefined;
  if (value !== 0n && value !== 1n) throw new ValueFault('Boolean is neither true nor false');
  return value === 1n;
}

export function bytesFromText(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) {
    throw new ValueFault('Byte String is not whole bytes in hexadecimal');
  }
  // Not from Buffer's shared pool: the bytes may be key material, and are for the caller to wipe.
  const bytes = Buffer.alloc(text.length / 2);
  bytes.write(text, 'hex');
  return bytes;
}

export function bytesToText(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
}

export function intervalFromText(text: string): number {
  if (HEX_32.test(text)) return Number(text);
  if (!DECIMAL.test(text)) throw new ValueFault('Interval is not a number');
  return unsigned32(Number(text), 'Interval');
}

/** ISO 8601 with a time zone; one without is taken for UTC. Parts of a second are dropped: TTLV has none. */
const ISO_8601 =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?$/;

/** Whole seconds since 1970. */
export function dateTimeFromText(text: string): number {
  if (HEX_64.test(text)) return safeSeconds(Number(BigInt.asIntN(64, BigInt(text))));
  const match = ISO_8601.exec(text);
  if (match === null) throw new ValueFault('Date-Time is not in the form of ISO 8601');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const exists =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!exists) throw new ValueFault('Date-Time does not exist in the calendar');
  return Math.floor(date.getTime() / 1000) - zoneOffsetS(match[7]);
}

function zoneOffsetS(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0;
  const [hours = 0, minutes = 0] = zone.slice(1).split(':').map(Number);
  if (hours > 14 || minutes > 59) throw new ValueFault('Date-Time has a time zone that does not exist');
  return (zone.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60);
}

function safeSeconds(value: number): number {
  if (!Number.isSafeInteger(value))
    throw new ValueFault('Date-Time is out of the range that can be told apart');
  return value;
}

/** 0001-01-01 and 9999-12-31, the years that four digits name. */
const FIRST_ISO_S = -62_135_596_800;
const LAST_ISO_S = 253_402_300_799;

/** ISO 8601 in UTC, or hexadecimal beyond its years. */
export function dateTimeToText(value: number): string {
  safeSeconds(value);
  if (value < FIRST_ISO_S || value > LAST_ISO_S) return hex(BigInt.asUintN(64, BigInt(value)), 16);
  return new Date(value * 1000).toISOString().replace('.000Z', '+00:00');
}

/** A value that is no structure, from its text. Throws ValueFault. */
export function itemFromText(
  tag: number,
  type: Exclude<ItemType, typeof ItemType.Structure>,
  text: string,
  naming: Naming,
  limits: TtlvLimits,
): Ttlv {
  switch (type) {
    case ItemType.Integer:
      return { tag, type, value: integerFromText(text, naming.mask) };
    case ItemType.LongInteger:
      return { tag, type, value: longIntegerFromText(text) };
    case ItemType.BigInteger:
      return { tag, type, value: bigIntegerFromText(text, limits) };
    case ItemType.Enumeration:
      return { tag, type, value: enumerationFromText(text, naming.enumeration) };
    case ItemType.Boolean:
      return { tag, type, value: booleanFromText(text) };
    case ItemType.TextString:
      return { tag, type, value: text };
    case ItemType.ByteString:
      return { tag, type, value: bytesFromText(text) };
    case ItemType.DateTime:
      return { tag, type, value: dateTimeFromText(text) };
    case ItemType.Interval:
      return { tag, type, value: intervalFromText(text) };
  }
}
