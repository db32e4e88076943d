/**
 * Attributes between KMIP 2, where each stands under its own tag, and KMIP 1, where each is named (KMIP 2.1 §4;
 * KMIP 1.4 §2.1.1). A vendor attribute of KMIP 2 is a custom attribute of KMIP 1: those of the vendors `x` and `y` are
 * `x-NAME` and `y-NAME`, those of another are `x-VENDOR/NAME`.
 */
import { type AttributeName, attributeNameOfTag, attributes, isStandardAttribute } from '../attributes.ts';
import { KmipError } from '../errors.ts';
import { tagName } from '../names/lookup.ts';
import { Tag } from '../names/tags.ts';
import { TagV2 } from '../names/v2.ts';
import { childOf, ItemType, retag, structureItem, type Ttlv, type TtlvStructure } from '../ttlv/item.ts';

const text = (tag: number, value: string): Ttlv => ({ tag, type: ItemType.TextString, value });
const X_OR_Y = /^[xy]$/;

/** The items of a structure of attributes as Attributes of KMIP 1; an attribute that occurs again gets an index. */
export function attributesToV1(container: Ttlv): TtlvStructure[] {
  const seen = new Map<string, number>();
  return itemsOf(container).map((item) => {
    const { name, value } = attributeToV1(item);
    const index = seen.get(name) ?? 0;
    seen.set(name, index + 1);
    return structureItem(Tag.Attribute, [
      text(Tag.AttributeName, name),
      ...(index === 0 ? [] : [{ tag: Tag.AttributeIndex, type: ItemType.Integer, value: index } as const]),
      retag(value, Tag.AttributeValue),
    ]);
  });
}

/** The one attribute that a New Attribute or the like holds. */
export function singleToV1(container: Ttlv): TtlvStructure {
  const [only, another] = attributesToV1(container);
  if (only === undefined || another !== undefined) {
    throw KmipError.invalidMessage(`${tagName(container.tag)} holds exactly one attribute`);
  }
  return only;
}

function attributeToV1(item: Ttlv): { name: string; value: Ttlv } {
  if (item.tag !== Tag.Attribute) return { name: nameOfTag(item.tag), value: item };
  const value = childOf(item, Tag.AttributeValue);
  if (value === undefined) throw KmipError.invalidMessage('an Attribute of a vendor has no value');
  return { name: vendorName(item), value };
}

/** An Attribute Reference as a name: of a tag, or of a vendor and its name. */
export function referenceToName(reference: Ttlv): string {
  if (reference.type === ItemType.Enumeration) return nameOfTag(reference.value);
  if (reference.type === ItemType.Structure) return vendorName(reference);
  throw KmipError.invalidMessage('an Attribute Reference is an Enumeration or a Structure');
}

/** The reverse of `referenceToName`. */
export function nameToReference(name: string): Ttlv {
  return isStandardAttribute(name)
    ? { tag: TagV2.AttributeReference, type: ItemType.Enumeration, value: attributes[name].tag }
    : structureItem(TagV2.AttributeReference, vendorParts(name));
}

/** Attributes of KMIP 1, each under its own tag in a structure `tag`. */
export function attributesToV2(tag: number, from: readonly Ttlv[]): TtlvStructure {
  return structureItem(
    tag,
    from.flatMap((attribute) => {
      const name = childOf(attribute, Tag.AttributeName);
      const value = childOf(attribute, Tag.AttributeValue);
      if (name?.type !== ItemType.TextString || value === undefined) return [];
      return isStandardAttribute(name.value)
        ? [retag(value, attributes[name.value].tag)]
        : [structureItem(Tag.Attribute, [...vendorParts(name.value), value])];
    }),
  );
}

function nameOfTag(tag: number): AttributeName {
  const name = attributeNameOfTag(tag);
  if (name === undefined) throw KmipError.invalidField(`${tagName(tag)} is no attribute here`);
  return name;
}

function vendorName(item: Ttlv): string {
  const vendor = childOf(item, Tag.VendorIdentification);
  const name = childOf(item, Tag.AttributeName);
  if (vendor?.type !== ItemType.TextString || name?.type !== ItemType.TextString) {
    throw KmipError.invalidMessage(
      'an attribute of a vendor has a Vendor Identification and an Attribute Name',
    );
  }
  const own = X_OR_Y.test(vendor.value);
  if ((own ? name.value : vendor.value).includes('/')) {
    throw KmipError.invalidField('a slash stands between a vendor and its attribute here, and nowhere else');
  }
  return own ? `${vendor.value}-${name.value}` : `x-${vendor.value}/${name.value}`;
}

function vendorParts(customName: string): Ttlv[] {
  const [, letter = 'x', rest = customName] = /^([xy])-(.*)$/s.exec(customName) ?? [];
  const slash = letter === 'x' ? rest.indexOf('/') : -1;
  return [
    text(Tag.VendorIdentification, slash === -1 ? letter : rest.slice(0, slash)),
    text(Tag.AttributeName, slash === -1 ? rest : rest.slice(slash + 1)),
  ];
}

function itemsOf(container: Ttlv): readonly Ttlv[] {
  if (container.type === ItemType.Structure) return container.value;
  throw KmipError.invalidMessage(`${tagName(container.tag)} is a Structure`);
}
