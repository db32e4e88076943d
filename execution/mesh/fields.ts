/** Field codecs that the mesh's messages share: names with a grammar, counts, and lists that may be empty. */
import {
  parseApplicationName,
  parseCorrelationId,
  parseKeyFingerprint,
  parseServiceName,
  parseTenantId,
} from '../../contracts/index.ts';
import { type Codec, ItemType, longInteger, type Structure, type Ttlv, textString } from '../kmip/index.ts';

/** A payload, or a part of one, as the mesh's shapes (messages.ts) have it. */
export interface MeshCodec<T> extends Codec<T> {
  read(item: Ttlv): T;
  write(value: T): Ttlv;
}

/** What came over the link does not follow its shape. */
export class MeshCodecError extends Error {
  readonly code = 'OKCM_MESH_MALFORMED';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MeshCodecError';
  }
}

function named<T extends string>(parse: (value: unknown) => T): Codec<T> {
  return {
    decode: (item, version) => parse(textString.decode(item, version)),
    encode: (tag, value) => ({ tag, type: ItemType.TextString, value }),
  };
}

export const tenantId = named(parseTenantId);
export const serviceName = named(parseServiceName);
export const applicationName = named(parseApplicationName);
export const keyFingerprint = named(parseKeyFingerprint);
export const correlationId = named(parseCorrelationId);

/** A safe integer from 0: heads, revisions, milliseconds. */
export const count: Codec<number> = {
  decode(item, version) {
    const value = Number(longInteger.decode(item, version));
    if (!Number.isSafeInteger(value) || value < 0) throw new MeshCodecError('a count is out of range');
    return value;
  },
  encode: (tag, value) => ({ tag, type: ItemType.LongInteger, value: BigInt(value) }),
};

/** One of a fixed list of words, sent as an enumeration: its place in the list, from 1. New words go to the end. */
export function word<const W extends readonly string[]>(words: W): Codec<W[number]> {
  return {
    decode(item) {
      const found = item.type === ItemType.Enumeration ? words[item.value - 1] : undefined;
      if (found === undefined) throw new MeshCodecError('an enumeration of the mesh has no such value');
      return found;
    },
    encode: (tag, value) => ({ tag, type: ItemType.Enumeration, value: words.indexOf(value) + 1 }),
  };
}

/** A structure of the wire, seen as the shape that the rest of the code uses. */
export function mapped<W, T>(inner: Structure<W>, from: (wire: W) => T, to: (value: T) => W): MeshCodec<T> {
  return {
    decode: (item, version) => from(inner.decode(item, version)),
    encode: (tag, value, version) => inner.encode(tag, to(value), version),
    read: (item) => from(inner.read(item)),
    write: (value) => inner.write(to(value)),
  };
}

/** Byte strings are decoded as views into a message; whatever outlives the message is copied. */
export function copied(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}

/** Drops properties that are undefined, so that an absent field is an absent property. */
export function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** Refuses a list longer than its limit. */
export function bounded<T>(list: readonly T[] | undefined, max: number, what: string): readonly T[] {
  if (list !== undefined && list.length > max) throw new MeshCodecError(`more than ${max} ${what}`);
  return list ?? [];
}
