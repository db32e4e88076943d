/**
 * The Name attribute (KMIP 1.4 §3.2). A name belongs to one living object of a tenant; gateways check it among their
 * own keys, the core serialises claims and takes a lost claim away (D6).
 */
import { type Attribute, ItemType, KmipError, NameType, ResultReason, Tag } from '../kmip/index.ts';
import { make } from './attribute-values.ts';
import type { ManagedObject } from './managed-object.ts';

export const NAME = 'Name';
/** Tells the loser of a name which name it lost (D6). */
export const NAME_CONFLICT = 'y-name-conflict';
/** Bytes of UTF-8: the name is a key of indexes here and at the core, and theirs are bounded in bytes. */
export const MAX_NAME_BYTES = 1024;

/**
 * The Name Value. Throws Invalid Field for anything that is not a whole Name structure of bounded length, and for
 * U+0000, which PostgreSQL's text cannot hold.
 */
export function nameOf({ attributeValue }: Attribute): string {
  const fields = attributeValue.type === ItemType.Structure ? attributeValue.value : [];
  const value = fields.find((f) => f.tag === Tag.NameValue);
  const type = fields.find((f) => f.tag === Tag.NameType);
  if (value?.type !== ItemType.TextString || type?.type !== ItemType.Enumeration) {
    throw new KmipError(ResultReason.InvalidField, 'a Name needs a Name Value and a Name Type');
  }
  if (value.value === '' || Buffer.byteLength(value.value, 'utf8') > MAX_NAME_BYTES) {
    throw new KmipError(ResultReason.InvalidField, `a Name Value has 1 to ${MAX_NAME_BYTES} bytes in UTF-8`);
  }
  if (value.value.includes('\0')) {
    throw new KmipError(ResultReason.InvalidField, 'a Name Value must not contain U+0000');
  }
  return value.value;
}

export function nameAttribute(name: string, nameType: number = NameType.UninterpretedTextString): Attribute {
  return make.structure(NAME, [
    { tag: Tag.NameValue, type: ItemType.TextString, value: name },
    { tag: Tag.NameType, type: ItemType.Enumeration, value: nameType },
  ]);
}

/** Every name that the object claims; each once. */
export function namesOf(object: Pick<ManagedObject, 'attributes'>): readonly string[] {
  return [...new Set(object.attributes.filter((a) => a.attributeName === NAME).map(nameOf))];
}

/**
 * The object without the names in `lost`, each of which is noted as `y-name-conflict` (D6). Revision grows.
 */
export function withoutNames(object: ManagedObject, lost: ReadonlySet<string>, nowS: number): ManagedObject {
  const left = object.attributes.filter((a) => a.attributeName !== NAME || !lost.has(nameOf(a)));
  const notes = [...lost].map((name) => make.text(NAME_CONFLICT, name));
  return {
    ...object,
    attributes: [...left, ...notes],
    dates: { ...object.dates, lastChange: nowS },
    revision: object.revision + 1,
  };
}
