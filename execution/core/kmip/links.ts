/** The Link attribute (KMIP 1.4 §3.35): which objects an object points to, and copies of an object with other links. */
import { type Attribute, attribute, attributeValue } from '../../kmip/index.ts';
import { checkCounts, type ManagedObject } from '../../objects/index.ts';

const NAME = 'Link';

export function linkTo(linkType: number, uid: string): Attribute {
  return attribute(NAME, { linkType, linkedObjectIdentifier: uid });
}

function targetOf(given: Attribute, linkType: number): string | undefined {
  if (given.attributeName !== NAME) return undefined;
  const value = attributeValue(given, NAME);
  return value.linkType === linkType ? value.linkedObjectIdentifier : undefined;
}

/** Unique Identifiers that the links of this type point to, the oldest first. A client may have set them: they may be wrong. */
export function linkedFrom(attributes: readonly Attribute[], linkType: number): readonly string[] {
  return attributes.flatMap((given) => targetOf(given, linkType) ?? []);
}

/** `attributes` without the links of this type, or without the one to `uid`. */
export function withoutLinks(
  attributes: readonly Attribute[],
  linkType: number,
  uid?: string,
): readonly Attribute[] {
  return attributes.filter((given) => {
    const target = targetOf(given, linkType);
    return target === undefined || (uid !== undefined && target !== uid);
  });
}

/**
 * The object with these attributes instead, as a change at `nowS` (seconds).
 *
 * @throws KmipError Index Out of Bounds, Invalid Field: more than an object holds.
 */
export function withAttributes(
  object: ManagedObject,
  attributes: readonly Attribute[],
  nowS: number,
): ManagedObject {
  checkCounts(attributes);
  return {
    ...object,
    attributes,
    dates: { ...object.dates, lastChange: nowS },
    revision: object.revision + 1,
  };
}
