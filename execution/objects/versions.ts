/** What a client of an older version is told of an object: nothing that its version does not know (KMIP 1.4 §6.1). */
import {
  type Attribute,
  attributeDefinition,
  enumerationKnown,
  ItemType,
  isStandardAttribute,
  knows,
  LATEST_VERSION,
  Tag,
  type Ttlv,
  type Version,
} from '../kmip/index.ts';
import { ruleOf } from './attribute-rules.ts';

/**
 * The attributes that `version` knows, with the fields that it knows. An instance whose value is of a later version, as a
 * Link of a type that came with KMIP 1.4, is left out: it would be a number without a meaning.
 */
export function knownTo(version: Version, attributes: readonly Attribute[]): readonly Attribute[] {
  return attributes.flatMap((attribute): readonly Attribute[] => {
    const { attributeName: name, attributeValue: value } = attribute;
    if (!isStandardAttribute(name)) return [attribute];
    const { since, tag, codec } = attributeDefinition(name);
    if (!knows(version, since) || !isKnown(tag, value, version)) return [];
    if (value.type !== ItemType.Structure) return [attribute];
    // Written anew: a field that the version does not know stays away.
    const rewritten = codec.encode(Tag.AttributeValue, codec.decode(value, LATEST_VERSION), version);
    return [{ ...attribute, attributeValue: rewritten }];
  });
}

/** Attributes that are told without being asked for by name: not those that are deprecated for `version`. */
export function toldTo(version: Version, attributes: readonly Attribute[]): readonly Attribute[] {
  return knownTo(version, attributes).filter(({ attributeName }) => {
    const { deprecatedSince } = ruleOf(attributeName);
    return deprecatedSince === undefined || !knows(version, deprecatedSince);
  });
}

function isKnown(tag: number, value: Ttlv, version: Version): boolean {
  if (value.type === ItemType.Enumeration) return enumerationKnown(tag, value.value, version);
  if (value.type !== ItemType.Structure) return true;
  return value.value.every((field) => isKnown(field.tag, field, version));
}
