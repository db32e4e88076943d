/** Transparent key structures (KMIP 1.4 §2.1.7): key material as named numbers instead of an encoded blob. */
import { KeyFormatType } from '../names/objects.ts';
import { Tag } from '../names/tags.ts';
import { bigInteger, byteString, enumeration, optional, required, structure } from '../schema/index.ts';

/** KMIP 1.4 §2.1.7.1 */
export const transparentSymmetricKey = structure(Tag.KeyMaterial, { key: required(Tag.Key, byteString) });

/** KMIP 1.4 §2.1.7.2 */
export const transparentDSAPrivateKey = structure(Tag.KeyMaterial, {
  p: required(Tag.P, bigInteger),
  q: required(Tag.Q, bigInteger),
  g: required(Tag.G, bigInteger),
  x: required(Tag.X, bigInteger),
});

/** KMIP 1.4 §2.1.7.3 */
export const transparentDSAPublicKey = structure(Tag.KeyMaterial, {
  p: required(Tag.P, bigInteger),
  q: required(Tag.Q, bigInteger),
  g: required(Tag.G, bigInteger),
  y: required(Tag.Y, bigInteger),
});

/** KMIP 1.4 §2.1.7.4 */
export const transparentRSAPrivateKey = structure(Tag.KeyMaterial, {
  modulus: required(Tag.Modulus, bigInteger),
  privateExponent: optional(Tag.PrivateExponent, bigInteger),
  publicExponent: optional(Tag.PublicExponent, bigInteger),
  p: optional(Tag.P, bigInteger),
  q: optional(Tag.Q, bigInteger),
  primeExponentP: optional(Tag.PrimeExponentP, bigInteger),
  primeExponentQ: optional(Tag.PrimeExponentQ, bigInteger),
  crtCoefficient: optional(Tag.CRTCoefficient, bigInteger),
});

/** KMIP 1.4 §2.1.7.5 */
export const transparentRSAPublicKey = structure(Tag.KeyMaterial, {
  modulus: required(Tag.Modulus, bigInteger),
  publicExponent: required(Tag.PublicExponent, bigInteger),
});

/** KMIP 1.4 §2.1.7.6 */
export const transparentDHPrivateKey = structure(Tag.KeyMaterial, {
  p: required(Tag.P, bigInteger),
  q: optional(Tag.Q, bigInteger),
  g: required(Tag.G, bigInteger),
  j: optional(Tag.J, bigInteger),
  x: required(Tag.X, bigInteger),
});

/** KMIP 1.4 §2.1.7.7 */
export const transparentDHPublicKey = structure(Tag.KeyMaterial, {
  p: required(Tag.P, bigInteger),
  q: optional(Tag.Q, bigInteger),
  g: required(Tag.G, bigInteger),
  j: optional(Tag.J, bigInteger),
  y: required(Tag.Y, bigInteger),
});

/** KMIP 1.4 §2.1.7.14; the deprecated ECDSA, ECDH and ECMQV forms (§2.1.7.8, .10, .12) are the same. */
export const transparentECPrivateKey = structure(Tag.KeyMaterial, {
  recommendedCurve: required(Tag.RecommendedCurve, enumeration),
  d: required(Tag.D, bigInteger),
});

/** KMIP 1.4 §2.1.7.15; the deprecated ECDSA, ECDH and ECMQV forms (§2.1.7.9, .11, .13) are the same. */
export const transparentECPublicKey = structure(Tag.KeyMaterial, {
  recommendedCurve: required(Tag.RecommendedCurve, enumeration),
  qString: required(Tag.QString, byteString),
});

/** The structure of the key material by Key Format Type; the other formats are byte strings. */
export const transparentKeys = {
  [KeyFormatType.TransparentSymmetricKey]: transparentSymmetricKey,
  [KeyFormatType.TransparentDSAPrivateKey]: transparentDSAPrivateKey,
  [KeyFormatType.TransparentDSAPublicKey]: transparentDSAPublicKey,
  [KeyFormatType.TransparentRSAPrivateKey]: transparentRSAPrivateKey,
  [KeyFormatType.TransparentRSAPublicKey]: transparentRSAPublicKey,
  [KeyFormatType.TransparentDHPrivateKey]: transparentDHPrivateKey,
  [KeyFormatType.TransparentDHPublicKey]: transparentDHPublicKey,
  [KeyFormatType.TransparentECDSAPrivateKey]: transparentECPrivateKey,
  [KeyFormatType.TransparentECDSAPublicKey]: transparentECPublicKey,
  [KeyFormatType.TransparentECDHPrivateKey]: transparentECPrivateKey,
  [KeyFormatType.TransparentECDHPublicKey]: transparentECPublicKey,
  [KeyFormatType.TransparentECMQVPrivateKey]: transparentECPrivateKey,
  [KeyFormatType.TransparentECMQVPublicKey]: transparentECPublicKey,
  [KeyFormatType.TransparentECPrivateKey]: transparentECPrivateKey,
  [KeyFormatType.TransparentECPublicKey]: transparentECPublicKey,
} as const;
