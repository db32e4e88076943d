/** Which Create makes a key of the gateway's own. */
import {
  type Attribute,
  CryptographicAlgorithm,
  ItemType,
  ObjectType,
  type Operation,
  type RequestOf,
} from '../kmip/index.ts';

/**
 * Whether the request makes an L4: an AES key. Templates are objects of the core, and limits on usage are spent in
 * its blocks; such requests are the core's whole.
 */
export function isL4Create({ objectType, templateAttribute }: RequestOf<typeof Operation.Create>): boolean {
  if (objectType !== ObjectType.SymmetricKey || (templateAttribute.name ?? []).length > 0) return false;
  const attributes = templateAttribute.attribute ?? [];
  return !attributes.some(
    (attribute) =>
      attribute.attributeName === 'Usage Limits' || (isAlgorithm(attribute) && !isAes(attribute)),
  );
}

function isAlgorithm({ attributeName }: Attribute): boolean {
  return attributeName === 'Cryptographic Algorithm';
}

function isAes({ attributeValue }: Attribute): boolean {
  return attributeValue.type === ItemType.Enumeration && attributeValue.value === CryptographicAlgorithm.AES;
}
