/**
 * The forms of asymmetric keys: between the material that KMIP carries (PKCS#1, PKCS#8, X.509, SEC 1, transparent
 * structures) and Node's KeyObject. Pure; shared by whoever makes, converts and uses such keys.
 */
export { CURVE448, CURVE25519, type Curve, curveNamed, curveOf, curves } from './curves.ts';
export {
  asn1,
  DerError,
  type DerItem,
  type DerNode,
  DerTag,
  encodeDer,
  itemAt,
  magnitude,
  readDer,
  readItems,
  readSequence,
} from './der.ts';
export { describe, isCalled, type KeyDescription, usualFormat } from './describe.ts';
export { type KeyMaterialSource, keyObjectOf } from './from-material.ts';
export { ED448, ED25519, ecAlgorithms } from './names.ts';
export { isOid } from './oid.ts';
export { type Pkcs12Content, pkcs12Container } from './pkcs12.ts';
export { type OpenedPkcs12, openPkcs12 } from './pkcs12-read.ts';
export { MAX_MODULUS_BITS } from './rsa.ts';
export { materialIn } from './to-material.ts';
