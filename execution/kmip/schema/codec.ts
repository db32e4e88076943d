/** How one value travels as one item: the codecs of the ten types, and of an item that is passed through as it is. */
import { ItemType, itemTypeName, retag, type Ttlv, type TtlvStructure } from '../ttlv/item.ts';
import type { Version } from '../version.ts';
import { SchemaFault } from './error.ts';

/**
 * A codec does not know its tag: the field that uses it does. `decode` throws `SchemaFault`, which the outermost
 * structure turns into a `SchemaError`.
 */
export interface Codec<T> {
  decode(item: Ttlv, version: Version): T;
  encode(tag: number, value: T, version: Version): Ttlv;
}

export type ValueOf<C> = C extends Codec<infer T> ? T : never;

type ItemOf<Type extends ItemType> = Extract<Ttlv, { readonly type: Type }>;

function expect<Type extends ItemType>(item: Ttlv, type: Type): ItemOf<Type> {
  if (item.type !== type) {
    throw new SchemaFault(
      'SCHEMA_TYPE',
      `${itemTypeName(item.type)} where ${itemTypeName(type)} belongs`,
      item.tag,
      item,
    );
  }
  return item as ItemOf<Type>;
}

export const integer: Codec<number> = {
  decode: (item) => expect(item, ItemType.Integer).value,
  encode: (tag, value) => ({ tag, type: ItemType.Integer, value }),
};

export const longInteger: Codec<bigint> = {
  decode: (item) => expect(item, ItemType.LongInteger).value,
  encode: (tag, value) => ({ tag, type: ItemType.LongInteger, value }),
};

export const bigInteger: Codec<bigint> = {
  decode: (item) => expect(item, ItemType.BigInteger).value,
  encode: (tag, value) => ({ tag, type: ItemType.BigInteger, value }),
};

/** A number, since vendors may add to every enumeration (KMIP 1.4 §9.1.3.2); what to do with an unknown one is the server's word. */
export const enumeration: Codec<number> = {
  decode: (item) => expect(item, ItemType.Enumeration).value,
  encode: (tag, value) => ({ tag, type: ItemType.Enumeration, value }),
};

export const boolean: Codec<boolean> = {
  decode: (item) => expect(item, ItemType.Boolean).value,
  encode: (tag, value) => ({ tag, type: ItemType.Boolean, value }),
};

export const textString: Codec<string> = {
  decode: (item) => expect(item, ItemType.TextString).value,
  encode: (tag, value) => ({ tag, type: ItemType.TextString, value }),
};

/** The decoded value is a view into the message. */
export const byteString: Codec<Uint8Array> = {
  decode: (item) => expect(item, ItemType.ByteString).value,
  encode: (tag, value) => ({ tag, type: ItemType.ByteString, value }),
};

/** Whole seconds since 1970. */
export const dateTime: Codec<number> = {
  decode: (item) => expect(item, ItemType.DateTime).value,
  encode: (tag, value) => ({ tag, type: ItemType.DateTime, value }),
};

/** Seconds. */
export const interval: Codec<number> = {
  decode: (item) => expect(item, ItemType.Interval).value,
  encode: (tag, value) => ({ tag, type: ItemType.Interval, value }),
};

/** The item itself, of any type; when encoding it takes the tag of the field. */
export const anyItem: Codec<Ttlv> = {
  decode: (item) => item,
  encode: (tag, value) => retag(value, tag),
};

/** The item itself, which must be a structure; when encoding it takes the tag of the field. */
export const anyStructure: Codec<TtlvStructure> = {
  decode: (item) => expect(item, ItemType.Structure),
  encode: (tag, value) => ({ tag, type: ItemType.Structure, value: value.value }),
};
