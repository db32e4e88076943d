/**
 * Terms: what Locate finds objects by beside the columns. Every attribute that a client set gives one for its value, or
 * for each field where the value is a structure, since a search may name some fields only (KMIP 1.4 §4.9). A term is a
 * hash, so that an index of one type holds them all; whatever it finds is compared with the attribute itself.
 */
import { createHash } from 'node:crypto';
import { type Attribute, encodeTtlv, ItemType, retag, Tag, type Ttlv } from '../../kmip/index.ts';
import { type ManagedObject, USAGE_LIMITS } from '../../objects/index.ts';

/** Terms of one object; past it the rest is found by looking at every object. */
const MAX_TERMS = 1_024;

/** Values that most objects share, and those that are not searched for by being equal. */
function isNotIndexed({ attributeName, attributeValue }: Attribute): boolean {
  return (
    attributeName === 'Random Number Generator' ||
    attributeName === USAGE_LIMITS ||
    attributeValue.type === ItemType.Boolean
  );
}

/** A signed 64-bit integer, as PostgreSQL's bigint. */
function termOf(attributeName: string, field: Ttlv): string {
  const hash = createHash('sha256').update(attributeName).update('\0').update(encodeTtlv(field));
  return hash.digest().readBigInt64BE(0).toString();
}

/** The terms that an object must have to match the attribute; none when only a look at the object can tell. */
export function termsOfAttribute(attribute: Attribute): readonly string[] {
  if (isNotIndexed(attribute)) return [];
  const { attributeName, attributeValue: value } = attribute;
  if (value.type !== ItemType.Structure) return [termOf(attributeName, retag(value, Tag.AttributeValue))];
  return value.value.map((field) => termOf(attributeName, field));
}

/** `null` for an object with more terms than are kept: it is looked at whatever is searched for. */
export function termsOf({ attributes }: Pick<ManagedObject, 'attributes'>): string[] | null {
  const terms = new Set<string>();
  for (const attribute of attributes) {
    for (const term of termsOfAttribute(attribute)) terms.add(term);
    if (terms.size > MAX_TERMS) return null;
  }
  return [...terms];
}
