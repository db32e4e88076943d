/**
 * The data model of TTLV (KMIP 1.4 §9.1): a tree of tagged, typed items. It knows no semantics; what a tag means is
 * the business of the schemas.
 */

/** KMIP 1.4 §9.1.1.2 */
export const ItemType = {
  Structure: 0x01,
  Integer: 0x02,
  LongInteger: 0x03,
  BigInteger: 0x04,
  Enumeration: 0x05,
  Boolean: 0x06,
  TextString: 0x07,
  ByteString: 0x08,
  DateTime: 0x09,
  Interval: 0x0a,
} as const;
export type ItemType = (typeof ItemType)[keyof typeof ItemType];

type Item<Type extends ItemType, Value> = {
  readonly tag: number;
  readonly type: Type;
  readonly value: Value;
};

/**
 * One item. Integers are signed 32-bit; enumerations and intervals (seconds) unsigned 32-bit; date-times whole
 * seconds since 1970 within the safe integers; long integers signed 64-bit.
 */
export type Ttlv =
  | Item<typeof ItemType.Structure, readonly Ttlv[]>
  | Item<typeof ItemType.Integer, number>
  | Item<typeof ItemType.LongInteger, bigint>
  | Item<typeof ItemType.BigInteger, bigint>
  | Item<typeof ItemType.Enumeration, number>
  | Item<typeof ItemType.Boolean, boolean>
  | Item<typeof ItemType.TextString, string>
  | Item<typeof ItemType.ByteString, Uint8Array>
  | Item<typeof ItemType.DateTime, number>
  | Item<typeof ItemType.Interval, number>;

export type TtlvStructure = Extract<Ttlv, { readonly type: typeof ItemType.Structure }>;

const typeNames: Readonly<Record<ItemType, string>> = {
  [ItemType.Structure]: 'Structure',
  [ItemType.Integer]: 'Integer',
  [ItemType.LongInteger]: 'Long Integer',
  [ItemType.BigInteger]: 'Big Integer',
  [ItemType.Enumeration]: 'Enumeration',
  [ItemType.Boolean]: 'Boolean',
  [ItemType.TextString]: 'Text String',
  [ItemType.ByteString]: 'Byte String',
  [ItemType.DateTime]: 'Date-Time',
  [ItemType.Interval]: 'Interval',
};

export function itemTypeName(type: ItemType): string {
  return typeNames[type];
}

/** Bytes before an item's value: tag (3), type (1), length (4). */
export const HEADER_BYTES = 8;

/** Every item starts on a multiple of eight (KMIP 1.4 §9.1.1.3). */
export function padded(lengthBytes: number): number {
  return Math.ceil(lengthBytes / 8) * 8;
}

/** A structure is what a caller builds most; the name says more than the literal does. */
export function structureItem(tag: number, value: readonly Ttlv[]): TtlvStructure {
  return { tag, type: ItemType.Structure, value };
}

/** The first direct child of `item` with this tag. */
export function childOf(item: Ttlv, tag: number): Ttlv | undefined {
  return item.type === ItemType.Structure ? item.value.find((child) => child.tag === tag) : undefined;
}

/**
 * The same item under another tag. The cast is sound: only the tag changes, and no type of item is tied to a tag.
 */
export function retag(item: Ttlv, tag: number): Ttlv {
  return item.tag === tag ? item : ({ tag, type: item.type, value: item.value } as Ttlv);
}

/** The fewest bytes of two's complement that hold `value`, rounded up to eight (KMIP 1.4 §9.1.1.4). */
export function bigIntegerBytes(value: bigint): number {
  // The bitwise complement of a negative number has as many significant bits; one more bit is the sign.
  const hexDigits = (value < 0n ? ~value : value).toString(16);
  const topBits = 32 - Math.clz32(Number.parseInt(hexDigits.charAt(0), 16));
  return padded(Math.ceil(((hexDigits.length - 1) * 4 + topBits + 1) / 8));
}
