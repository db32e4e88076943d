/**
 * Between an Attribute's raw TTLV value and a JavaScript value, for those attributes that ManagedObject holds in
 * fields. Readers throw Invalid Field (KMIP 1.4 §11.2: "Incorrect attribute value(s) specified") with the name.
 */
import { type Attribute, ItemType, KmipError, ResultReason, Tag, type Ttlv } from '../kmip/index.ts';

function wrongType(name: string, expected: string): KmipError {
  return new KmipError(ResultReason.InvalidField, `the value of ${name} must be ${expected}`);
}

export function integerOf({ attributeName, attributeValue }: Attribute): number {
  if (attributeValue.type !== ItemType.Integer) throw wrongType(attributeName, 'an Integer');
  return attributeValue.value;
}

export function enumerationOf({ attributeName, attributeValue }: Attribute): number {
  if (attributeValue.type !== ItemType.Enumeration) throw wrongType(attributeName, 'an Enumeration');
  return attributeValue.value;
}

/** Seconds since the epoch. */
export function dateOf({ attributeName, attributeValue }: Attribute): number {
  if (attributeValue.type !== ItemType.DateTime) throw wrongType(attributeName, 'a Date-Time');
  return attributeValue.value;
}

export function booleanOf({ attributeName, attributeValue }: Attribute): boolean {
  if (attributeValue.type !== ItemType.Boolean) throw wrongType(attributeName, 'a Boolean');
  return attributeValue.value;
}

type Scalar = Exclude<Ttlv, { readonly type: typeof ItemType.Structure }>;

function attributeOf(attributeName: string, attributeValue: Ttlv): Attribute {
  return { attributeName, attributeValue };
}

const tag = Tag.AttributeValue;

export const make = {
  integer: (name: string, value: number) => attributeOf(name, { tag, type: ItemType.Integer, value }),
  enumeration: (name: string, value: number) => attributeOf(name, { tag, type: ItemType.Enumeration, value }),
  date: (name: string, value: number) => attributeOf(name, { tag, type: ItemType.DateTime, value }),
  interval: (name: string, value: number) => attributeOf(name, { tag, type: ItemType.Interval, value }),
  boolean: (name: string, value: boolean) => attributeOf(name, { tag, type: ItemType.Boolean, value }),
  text: (name: string, value: string) => attributeOf(name, { tag, type: ItemType.TextString, value }),
  structure: (name: string, value: readonly Scalar[]) =>
    attributeOf(name, { tag, type: ItemType.Structure, value }),
} as const;

/** Whether two values are the same, tag aside. */
export function sameValue(a: Ttlv, b: Ttlv): boolean {
  if (a.type === ItemType.Structure || b.type === ItemType.Structure) {
    if (a.type !== b.type || a.type !== ItemType.Structure || b.type !== ItemType.Structure) return false;
    return (
      a.value.length === b.value.length &&
      a.value.every((field, i) => {
        const other = b.value[i];
        return other !== undefined && field.tag === other.tag && sameValue(field, other);
      })
    );
  }
  if (a.type !== b.type) return false;
  if (a.type === ItemType.ByteString && b.type === ItemType.ByteString) {
    return a.value.length === b.value.length && a.value.every((byte, i) => byte === b.value[i]);
  }
  return a.value === b.value;
}
