/**
 * Structures: from one description come the TypeScript type, the decoder and the encoder. Fields are listed in the
 * order of the specification, and that is the order on the wire (KMIP 1.4 §9.1.1.4).
 */
import { tagName } from '../names/lookup.ts';
import { ItemType, itemTypeName, type Ttlv, type TtlvStructure } from '../ttlv/item.ts';
import { knows, LATEST_VERSION, type Version } from '../version.ts';
import type { Codec } from './codec.ts';
import { SchemaFault } from './error.ts';
import type { Cardinality, Field } from './field.ts';

/** `never` in and `unknown` out: the one element type that every field can be assigned to. */
type AnyField<C extends Cardinality = Cardinality> = {
  readonly cardinality: C;
  readonly tags: readonly number[];
  readonly since: number;
  decode(item: Ttlv, version: Version): unknown;
  encode(value: never, version: Version): Ttlv;
};
export type Shape = Readonly<Record<string, AnyField>>;

type FieldValue<F> =
  F extends Field<infer T, infer C> ? (C extends 'any' | 'some' ? readonly T[] : T) : never;
type RequiredKeys<S extends Shape> = {
  [K in keyof S]: S[K]['cardinality'] extends 'once' | 'some' ? K : never;
}[keyof S];
type Simplify<T> = { [K in keyof T]: T[K] };

/** The object that a shape describes. Absent fields are absent properties; `undefined` is taken for absent. */
export type ShapeValue<S extends Shape> = Simplify<
  { readonly [K in RequiredKeys<S>]: FieldValue<S[K]> } & {
    readonly [K in Exclude<keyof S, RequiredKeys<S>>]?: FieldValue<S[K]> | undefined;
  }
>;

export interface Structure<T> extends Codec<T> {
  /** The tag that `read` expects and `write` gives. */
  readonly tag: number;
  /**
   * Decodes a whole structure, whose tag must be this schema's.
   *
   * @throws SchemaError, with the path of the item at fault.
   */
  read(item: Ttlv, version?: Version): T;
  /**
   * Encodes for a peer that speaks `version`: fields that it does not know are left out.
   *
   * @throws SchemaError when a required field is absent.
   */
  write(value: T, version?: Version): TtlvStructure;
}

/** The type that a schema describes: `type CreateRequest = Infer<typeof createRequest>`. */
export type Infer<S> = S extends { read(item: Ttlv, version?: Version): infer T } ? T : never;

type Slot = { readonly name: string; readonly field: AnyField; readonly index: number };

class ShapedStructure<S extends Shape> implements Structure<ShapeValue<S>> {
  readonly tag: number;
  readonly #slots: readonly Slot[];
  readonly #slotOfTag = new Map<number, Slot>();

  constructor(tag: number, shape: S) {
    this.tag = tag;
    this.#slots = Object.entries(shape).map(([name, field], index) => ({ name, field, index }));
    for (const slot of this.#slots) {
      for (const fieldTag of slot.field.tags) this.#slotOfTag.set(fieldTag, slot);
    }
  }

  read(item: Ttlv, version: Version = LATEST_VERSION): ShapeValue<S> {
    try {
      if (item.tag !== this.tag) {
        throw new SchemaFault(
          'SCHEMA_MISSING',
          `${tagName(item.tag)} where ${tagName(this.tag)} belongs`,
          item.tag,
          item,
        );
      }
      return this.decode(item, version);
    } catch (error) {
      throw error instanceof SchemaFault ? error.located(item) : error;
    }
  }

  write(value: ShapeValue<S>, version: Version = LATEST_VERSION): TtlvStructure {
    try {
      return this.encode(this.tag, value, version);
    } catch (error) {
      throw error instanceof SchemaFault ? error.located(undefined) : error;
    }
  }

  decode(item: Ttlv, version: Version): ShapeValue<S> {
    if (item.type !== ItemType.Structure) {
      throw new SchemaFault(
        'SCHEMA_TYPE',
        `${itemTypeName(item.type)} where Structure belongs`,
        item.tag,
        item,
      );
    }
    const result: Record<string, unknown> = {};
    let last = -1;
    for (const child of item.value) {
      const slot = this.#slotOfTag.get(child.tag);
      if (slot === undefined) {
        refuseUnknown(child, version);
        continue;
      }
      const { name, field, index } = slot;
      const many = isMany(field);
      if (index === last && !many) {
        throw new SchemaFault('SCHEMA_REPEATED', 'the field may occur only once', child.tag, child);
      }
      if (index < last) {
        const again = Object.hasOwn(result, name) && !many;
        throw again
          ? new SchemaFault('SCHEMA_REPEATED', 'the field may occur only once', child.tag, child)
          : new SchemaFault('SCHEMA_ORDER', 'the field comes too late in its structure', child.tag, child);
      }
      const value = field.decode(child, version);
      if (!many) result[name] = value;
      else if (index === last) (result[name] as unknown[]).push(value);
      else result[name] = [value];
      last = index;
    }
    for (const { name, field } of this.#slots) {
      if (isNeeded(field) && !Object.hasOwn(result, name)) {
        throw new SchemaFault('SCHEMA_MISSING', 'the field is required', firstTag(field), item);
      }
    }
    return result as ShapeValue<S>;
  }

  encode(tag: number, value: ShapeValue<S>, version: Version): TtlvStructure {
    const children: Ttlv[] = [];
    for (const { name, field } of this.#slots) {
      const fieldValue = (value as Record<string, unknown>)[name];
      if (!knows(version, field.since)) continue;
      const values = isMany(field)
        ? ((fieldValue ?? []) as readonly unknown[])
        : fieldValue === undefined
          ? []
          : [fieldValue];
      if (values.length === 0 && isNeeded(field)) {
        throw new SchemaFault('SCHEMA_MISSING', 'the field is required', firstTag(field));
      }
      // The shape's type has already tied each property to its field: `never` is only what erased generics leave.
      for (const one of values) children.push(field.encode(one as never, version));
    }
    return { tag, type: ItemType.Structure, value: children };
  }
}

function isMany(field: AnyField): boolean {
  return field.cardinality === 'any' || field.cardinality === 'some';
}

function isNeeded(field: AnyField): boolean {
  return field.cardinality === 'once' || field.cardinality === 'some';
}

function firstTag(field: AnyField): number {
  const [tag] = field.tags;
  if (tag === undefined) throw new TypeError('a field has at least one tag');
  return tag;
}

/** KMIP 1.4 §11.1: unknown fields of another minor version are ignored, of the same version refused. */
function refuseUnknown(child: Ttlv, version: Version): void {
  if (version.major === LATEST_VERSION.major && version.minor === LATEST_VERSION.minor) {
    throw new SchemaFault('SCHEMA_UNKNOWN', 'the structure has no such field', child.tag, child);
  }
}

/** Describes a structure. The order of `shape`'s properties is the order of the fields. */
export function structure<const S extends Shape>(tag: number, shape: S): Structure<ShapeValue<S>> {
  return new ShapedStructure(tag, shape);
}

/** A payload whose meaning lies elsewhere: it is passed through as it is. */
export function passThrough(tag: number): Structure<TtlvStructure> {
  const decode = (item: Ttlv): TtlvStructure => {
    if (item.type === ItemType.Structure) return item;
    throw new SchemaFault(
      'SCHEMA_TYPE',
      `${itemTypeName(item.type)} where Structure belongs`,
      item.tag,
      item,
    );
  };
  return {
    tag,
    decode,
    encode: (as, value) => ({ tag: as, type: ItemType.Structure, value: value.value }),
    read: (item) => {
      try {
        return decode(item);
      } catch (error) {
        throw error instanceof SchemaFault ? error.located(item) : error;
      }
    },
    write: (value) => ({ tag, type: ItemType.Structure, value: value.value }),
  };
}
