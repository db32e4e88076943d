/**
 * Fresh (KMIP 1.4 §3.34): whether an object has never been served to a client. Every object starts so; only the end of
 * it is written down.
 */
import { ItemType } from '../kmip/index.ts';
import { make } from './attribute-values.ts';
import type { ManagedObject } from './managed-object.ts';

export const FRESH = 'Fresh';

export function isFresh({ attributes }: Pick<ManagedObject, 'attributes'>): boolean {
  const value = attributes.find((a) => a.attributeName === FRESH)?.attributeValue;
  return value?.type !== ItemType.Boolean || value.value;
}

/**
 * The object once its value has been given out. Revision and Last Change Date stay: it is no change that anybody asked
 * for (§3.38), and every process that serves the object makes it by itself.
 */
export function served(object: ManagedObject): ManagedObject {
  if (!isFresh(object)) return object;
  const others = object.attributes.filter((a) => a.attributeName !== FRESH);
  return { ...object, attributes: [...others, make.boolean(FRESH, false)] };
}
