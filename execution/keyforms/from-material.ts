/** From the material of a key in one of KMIP's formats (KMIP 1.4 §2.1.3) to Node's KeyObject. */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { enumName, KeyFormatType, KmipError, ObjectType, Tag } from '../kmip/index.ts';
import { isReadInTime, isUsedInTime } from './costs.ts';
import { type Curve, curveOf } from './curves.ts';
import { asn1, type DerNode, DerTag, encodeDer } from './der.ts';
import { oids, rawKeys } from './names.ts';
import { completeRsa, MAX_MODULUS_BITS } from './rsa.ts';
import { enumerationIn, fieldOf, fieldsIn, type KeyFields } from './structure.ts';

export interface KeyMaterialSource {
  /** Private Key, Public Key or Certificate. */
  readonly objectType: number;
  readonly keyFormatType: number;
  /** Needed for Raw, which says nothing of itself. */
  readonly cryptographicAlgorithm?: number | undefined;
  /**
   * Bytes of the format; a transparent key as the TTLV of its Key Material structure; for PKCS#12 the PKCS#8 of the key
   * inside. Borrowed.
   */
  readonly material: Uint8Array;
}

type Kind = 'private' | 'public';
type DerType = 'pkcs1' | 'pkcs8' | 'sec1' | 'spki';

function unreadable(what: string): KmipError {
  return KmipError.invalidField(`the key material is not ${what}, or holds a key that OpenSSL does not know`);
}

function parse(material: Uint8Array, type: DerType, what: string): KeyObject {
  const isCheap = type === 'pkcs8' ? isReadInTime(material) : type !== 'pkcs1' || isUsedInTime(material);
  if (!isCheap) throw unreadable(what);
  const key = Buffer.from(material.buffer, material.byteOffset, material.length);
  try {
    return type === 'spki'
      ? createPublicKey({ key, format: 'der', type })
      : createPrivateKey({ key, format: 'der', type });
  } catch {
    // What OpenSSL says of material does not belong into an answer.
    throw unreadable(what);
  }
}

/** A key built from its numbers; the DER between is wiped. */
function built(type: DerType, tree: DerNode, what: string): KeyObject {
  const der = encodeDer(tree);
  try {
    return parse(der, type, what);
  } finally {
    der.fill(0);
  }
}

/** §2.1.7: which structure a transparent format has, and of which half of a pair. */
const transparent: Readonly<Record<number, { kind: Kind; build: (fields: KeyFields) => KeyObject }>> = {
  [KeyFormatType.TransparentRSAPrivateKey]: { kind: 'private', build: rsaPrivate },
  [KeyFormatType.TransparentRSAPublicKey]: { kind: 'public', build: rsaPublic },
  [KeyFormatType.TransparentDSAPrivateKey]: { kind: 'private', build: (f) => discrete(f, 'dsa', Tag.X) },
  [KeyFormatType.TransparentDSAPublicKey]: { kind: 'public', build: (f) => discrete(f, 'dsa', Tag.Y) },
  [KeyFormatType.TransparentDHPrivateKey]: { kind: 'private', build: (f) => discrete(f, 'dh', Tag.X) },
  [KeyFormatType.TransparentDHPublicKey]: { kind: 'public', build: (f) => discrete(f, 'dh', Tag.Y) },
  ...Object.fromEntries(
    [
      KeyFormatType.TransparentECDSAPrivateKey,
      KeyFormatType.TransparentECDHPrivateKey,
      KeyFormatType.TransparentECMQVPrivateKey,
      KeyFormatType.TransparentECPrivateKey,
    ].map((format) => [format, { kind: 'private' as const, build: ecPrivate }]),
  ),
  ...Object.fromEntries(
    [
      KeyFormatType.TransparentECDSAPublicKey,
      KeyFormatType.TransparentECDHPublicKey,
      KeyFormatType.TransparentECMQVPublicKey,
      KeyFormatType.TransparentECPublicKey,
    ].map((format) => [format, { kind: 'public' as const, build: ecPublic }]),
  ),
};

/**
 * The key in the form that ciphers and signatures take. Short-lived: a KeyObject is a copy that nobody can wipe.
 *
 * @throws KmipError Invalid Field (the material is not what its format says), Key Format Type Not Supported (a format
 * that holds no such key), Illegal Operation (an object that is no key of a pair).
 */
export function keyObjectOf(source: KeyMaterialSource): KeyObject {
  const { objectType, keyFormatType, material } = source;
  if (objectType === ObjectType.Certificate) return bounded(certificateKey(material));
  if (objectType !== ObjectType.PrivateKey && objectType !== ObjectType.PublicKey) {
    throw KmipError.illegalOperation('the object is neither a private nor a public key');
  }
  const kind: Kind = objectType === ObjectType.PrivateKey ? 'private' : 'public';
  return bounded(
    keyFormatType === KeyFormatType.Raw ? rawKey(kind, source) : read(kind, keyFormatType, material),
  );
}

function read(kind: Kind, format: number, material: Uint8Array): KeyObject {
  if (format === KeyFormatType.PKCS_1) {
    const what = 'an RSA key of PKCS#1';
    return kind === 'private' ? parse(material, 'pkcs1', what) : rsaPublicFrom(material, what);
  }
  // A container opens with its password only: whoever has it gives the key inside, which is PKCS#8 (`openPkcs12`).
  if (kind === 'private' && (format === KeyFormatType.PKCS_8 || format === KeyFormatType.PKCS_12)) {
    return parse(material, 'pkcs8', 'a private key of PKCS#8');
  }
  if (kind === 'private' && format === KeyFormatType.ECPrivateKey) {
    return parse(material, 'sec1', 'an EC private key of RFC 5915');
  }
  if (kind === 'public' && format === KeyFormatType.X_509) {
    return parse(material, 'spki', 'a SubjectPublicKeyInfo of X.509');
  }
  const form = Object.hasOwn(transparent, format) ? transparent[format] : undefined;
  if (form?.kind !== kind) {
    const name = enumName(KeyFormatType, format);
    throw KmipError.keyFormatTypeNotSupported(`Key Format Type ${name} does not hold a ${kind} key`);
  }
  return form.build(fieldsIn(material));
}

function certificateKey(certificate: Uint8Array): KeyObject {
  try {
    return new X509Certificate(certificate).publicKey;
  } catch {
    throw unreadable('a certificate of X.509');
  }
}

/** Keys with which one operation would hold the process up are refused. */
function bounded(key: KeyObject): KeyObject {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits <= MAX_MODULUS_BITS) return key;
  throw KmipError.invalidField(`a modulus has at most ${MAX_MODULUS_BITS} bits here; this one has ${bits}`);
}

function rsaPrivate(fields: KeyFields): KeyObject {
  const numbers = completeRsa({
    n: fieldOf(fields, Tag.Modulus),
    e: fields.get(Tag.PublicExponent),
    d: fields.get(Tag.PrivateExponent),
    p: fields.get(Tag.P),
    q: fields.get(Tag.Q),
    dp: fields.get(Tag.PrimeExponentP),
    dq: fields.get(Tag.PrimeExponentQ),
    qi: fields.get(Tag.CRTCoefficient),
  });
  const tree = asn1.sequence(asn1.small(0), ...numbers.map(asn1.integer));
  return built('pkcs1', tree, 'a Transparent RSA Private Key');
}

/** By way of X.509: a public key that Node reads as PKCS#1 cannot be exported as that again. */
function rsaPublicFrom(pkcs1: Uint8Array | DerNode, what: string): KeyObject {
  const identifier = asn1.sequence(asn1.oid(oids.rsa), asn1.null());
  const content = pkcs1 instanceof Uint8Array ? pkcs1 : [pkcs1];
  return built('spki', asn1.sequence(identifier, asn1.bits(content)), what);
}

function rsaPublic(fields: KeyFields): KeyObject {
  const numbers = [fieldOf(fields, Tag.Modulus), fieldOf(fields, Tag.PublicExponent)];
  return rsaPublicFrom(asn1.sequence(...numbers.map(asn1.integer)), 'a Transparent RSA Public Key');
}

/** DSA, and Diffie-Hellman in the form of PKCS#3, which has no room for Q and J. */
function discrete(fields: KeyFields, algorithm: 'dsa' | 'dh', half: typeof Tag.X | typeof Tag.Y): KeyObject {
  const domain = algorithm === 'dsa' ? [Tag.P, Tag.Q, Tag.G] : [Tag.P, Tag.G];
  const numbers = domain.map((tag) => asn1.integer(fieldOf(fields, tag)));
  const identifier = asn1.sequence(asn1.oid(oids[algorithm]), asn1.sequence(...numbers));
  const number = asn1.integer(fieldOf(fields, half));
  if (fieldOf(fields, Tag.P).length * 8 > MAX_MODULUS_BITS) {
    throw KmipError.invalidField(`a modulus has at most ${MAX_MODULUS_BITS} bits here`);
  }
  const what = `a transparent ${algorithm.toUpperCase()} key`;
  return half === Tag.X
    ? built('pkcs8', asn1.sequence(asn1.small(0), identifier, asn1.octets([number])), what)
    : built('spki', asn1.sequence(identifier, asn1.bits([number])), what);
}

function curveIn(fields: KeyFields): Curve {
  const number = enumerationIn(fields, Tag.RecommendedCurve);
  const curve = curveOf(number);
  if (curve === undefined) throw KmipError.invalidField(`Recommended Curve ${number} is not known`);
  return curve;
}

function ecPrivate(fields: KeyFields): KeyObject {
  const curve = curveIn(fields);
  const scalar = fieldOf(fields, Tag.D);
  const sizeBytes = Math.ceil(curve.bits / 8);
  if (scalar.length === 0 || scalar.length > sizeBytes) throw unreadable('a number of this curve');
  const padded = Buffer.alloc(sizeBytes);
  padded.set(scalar, sizeBytes - scalar.length);
  try {
    const tree = asn1.sequence(
      asn1.small(1),
      asn1.octets(padded),
      asn1.tagged(DerTag.Context0, [asn1.oid(curve.oid)]),
    );
    return built('sec1', tree, 'a transparent EC private key');
  } finally {
    padded.fill(0);
  }
}

function ecPublic(fields: KeyFields): KeyObject {
  const curve = curveIn(fields);
  const identifier = asn1.sequence(asn1.oid(oids.ec), asn1.oid(curve.oid));
  const tree = asn1.sequence(identifier, asn1.bits(fieldOf(fields, Tag.QString)));
  return built('spki', tree, 'a transparent EC public key');
}

/** RFC 8410: the keys of RFC 7748 and 8032 are bytes, and their length tells the curve. */
function rawKey(kind: Kind, { cryptographicAlgorithm, material }: KeyMaterialSource): KeyObject {
  const known = rawKeys.find(
    ({ algorithm, sizeBytes }) => algorithm === cryptographicAlgorithm && sizeBytes === material.length,
  );
  if (known === undefined) {
    throw KmipError.keyFormatTypeNotSupported(
      'in Key Format Type Raw only the keys of Ed25519, Ed448, X25519 and X448 are understood',
    );
  }
  const identifier = asn1.sequence(asn1.oid(known.oid));
  return kind === 'private'
    ? built(
        'pkcs8',
        asn1.sequence(asn1.small(0), identifier, asn1.octets([asn1.octets(material)])),
        'a raw private key',
      )
    : built('spki', asn1.sequence(identifier, asn1.bits(material)), 'a raw public key');
}
