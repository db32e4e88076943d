/**
 * Parts of split keys as managed objects (KMIP 1.4 §2.2.5): what they take from the key that is split, and what they give
 * to the one that is joined.
 */
import { type Attribute, KeyFormatType, KmipError, ObjectType } from '../../../kmip/index.ts';
import { isExtractable, isSensitive, type ManagedObject, make } from '../../../objects/index.ts';

/** Types of objects that can be split and joined. */
export const splittable: readonly number[] = [
  ObjectType.SymmetricKey,
  ObjectType.PrivateKey,
  ObjectType.PublicKey,
  ObjectType.SecretData,
];

/** §4.38: attributes of the key take precedence over those in the request. */
export function inheritedByParts(key: ManagedObject): readonly Attribute[] {
  const { cryptographicAlgorithm: algorithm, cryptographicLength: length } = key;
  return [
    ...(algorithm === undefined ? [] : [make.enumeration('Cryptographic Algorithm', algorithm)]),
    ...(length === undefined ? [] : [make.integer('Cryptographic Length', length)]),
    make.integer('Cryptographic Usage Mask', key.usageMask),
    ...protectionOf([key]),
  ];
}

/** What any of the objects is protected by must hold for whatever is made of them: no way around it leads over parts. */
export function protectionOf(objects: readonly ManagedObject[]): readonly Attribute[] {
  return [
    ...(objects.some(isSensitive) ? [make.boolean('Sensitive', true)] : []),
    ...(objects.every(isExtractable) ? [] : [make.boolean('Extractable', false)]),
  ];
}

/** The attributes, with those in `decided` in place of any others of their names. */
export function decidedBy(
  decided: readonly Attribute[],
  attributes: readonly Attribute[],
): readonly Attribute[] {
  const names = new Set(decided.map((a) => a.attributeName));
  return [...attributes.filter((a) => !names.has(a.attributeName)), ...decided];
}

/** Bytes of the secret, where the parts tell: a part over a prime field is as long as the prime. */
export function secretBytesOf({
  splitKey,
  cryptographicAlgorithm,
  cryptographicLength,
}: ManagedObject): number | undefined {
  if (splitKey?.secretBytes !== undefined) return splitKey.secretBytes;
  if (cryptographicLength === undefined || cryptographicAlgorithm === undefined) return undefined;
  return Math.ceil(cryptographicLength / 8);
}

/** Keys in transparent formats are structures; what is split is bytes. */
export function splitFormat({ objectType, keyFormatType = KeyFormatType.Raw }: ManagedObject): number {
  if (keyFormatType === KeyFormatType.TransparentSymmetricKey) return KeyFormatType.Raw;
  if (keyFormatType === KeyFormatType.PKCS_12) return KeyFormatType.PKCS_8;
  const isTransparent =
    keyFormatType > KeyFormatType.TransparentSymmetricKey &&
    keyFormatType <= KeyFormatType.TransparentECPublicKey;
  if (!isTransparent) return keyFormatType;
  return objectType === ObjectType.PrivateKey ? KeyFormatType.PKCS_8 : KeyFormatType.X_509;
}

/** The parts of one key. @throws KmipError Invalid Field: they are not all parts of a key, or of different ones. */
export function requireSameKey(parts: readonly ManagedObject[]) {
  const [first] = parts;
  const { splitKey } = first ?? {};
  if (first === undefined || splitKey === undefined) {
    throw KmipError.invalidField('only Split Keys are joined');
  }
  const isOther = (part: ManagedObject) =>
    part.splitKey?.parts !== splitKey.parts ||
    part.splitKey.threshold !== splitKey.threshold ||
    part.splitKey.method !== splitKey.method ||
    part.splitKey.primeFieldSize !== splitKey.primeFieldSize ||
    part.cryptographicAlgorithm !== first.cryptographicAlgorithm ||
    part.cryptographicLength !== first.cryptographicLength;
  if (parts.some(isOther)) throw KmipError.invalidField('the Split Keys are not parts of one key');
  return { first, sharing: splitKey };
}
