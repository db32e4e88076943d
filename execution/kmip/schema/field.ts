/** Fields of a structure: which tag, which codec, how often, and since which version of KMIP 1. */
import type { Ttlv } from '../ttlv/item.ts';
import type { Version } from '../version.ts';
import type { Codec } from './codec.ts';

/** `once`: required. `maybe`: at most once. `any`: repeated, absent when there is none. `some`: repeated, at least once. */
export type Cardinality = 'once' | 'maybe' | 'any' | 'some';

export interface Field<T, C extends Cardinality = Cardinality> {
  readonly cardinality: C;
  /** One tag, or several where the specification lets one of several objects stand in the same place. */
  readonly tags: readonly number[];
  /** The minor version of KMIP 1 that introduced the field; it is not sent to older peers. */
  readonly since: number;
  decode(item: Ttlv, version: Version): T;
  encode(value: T, version: Version): Ttlv;
}

export type FieldOptions = {
  /** The minor version of KMIP 1 that introduced the field. Default 0. */
  readonly since?: number;
};

function field<T, C extends Cardinality>(
  cardinality: C,
  tag: number,
  codec: Codec<T>,
  options: FieldOptions,
): Field<T, C> {
  return {
    cardinality,
    tags: [tag],
    since: options.since ?? 0,
    decode: (item, version) => codec.decode(item, version),
    encode: (value, version) => codec.encode(tag, value, version),
  };
}

export function required<T>(tag: number, codec: Codec<T>, options: FieldOptions = {}): Field<T, 'once'> {
  return field('once', tag, codec, options);
}

export function optional<T>(tag: number, codec: Codec<T>, options: FieldOptions = {}): Field<T, 'maybe'> {
  return field('maybe', tag, codec, options);
}

/** Any number of times. The property is absent when there is none. */
export function repeated<T>(tag: number, codec: Codec<T>, options: FieldOptions = {}): Field<T, 'any'> {
  return field('any', tag, codec, options);
}

/** Once or more. */
export function repeatedOnce<T>(tag: number, codec: Codec<T>, options: FieldOptions = {}): Field<T, 'some'> {
  return field('some', tag, codec, options);
}

/**
 * Several tags that may stand in one place. Unlike `required`, the codec sees the tag of the item and chooses it
 * when encoding.
 */
export function oneOf<T, C extends Cardinality>(
  cardinality: C,
  tags: readonly number[],
  codec: { decode(item: Ttlv, version: Version): T; encode(value: T, version: Version): Ttlv },
  options: FieldOptions = {},
): Field<T, C> {
  return { cardinality, tags, since: options.since ?? 0, decode: codec.decode, encode: codec.encode };
}
