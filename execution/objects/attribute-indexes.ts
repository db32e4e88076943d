/**
 * Attribute Index (KMIP 1.4 §2.1.1): from 0, and never another one when instances before it are deleted. So an instance
 * keeps its index with it, from the first time that its object is written down; one that is new has none yet and
 * gets the one after the highest.
 */
import type { Attribute } from '../kmip/index.ts';

/** The attributes in their order, each with its index; index 0 is left out where it is the only instance. */
export function withIndexes(list: readonly Attribute[]): readonly Attribute[] {
  const instances = new Map<string, number>();
  const next = new Map<string, number>();
  for (const { attributeName: name, attributeIndex } of list) {
    instances.set(name, (instances.get(name) ?? 0) + 1);
    if (attributeIndex !== undefined) next.set(name, Math.max(next.get(name) ?? 0, attributeIndex + 1));
  }
  return list.map((attribute) => {
    const { attributeName: name, attributeValue, attributeIndex } = attribute;
    if (attributeIndex !== undefined) return attribute;
    const index = next.get(name) ?? 0;
    next.set(name, index + 1);
    return index === 0 && instances.get(name) === 1
      ? attribute
      : { attributeName: name, attributeIndex: index, attributeValue };
  });
}
