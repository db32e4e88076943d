/** From Node's KeyObject to the material of a key in one of KMIP's formats (KMIP 1.4 §2.1.3, §2.1.7). */
import { ECDH, type KeyObject } from 'node:crypto';
import { enumName, KeyCompressionType, KeyFormatType, KmipError, Tag } from '../kmip/index.ts';
import { type Curve, curveNamed } from './curves.ts';
import {
  asn1,
  DerTag,
  encodeDer,
  integersIn,
  itemAt,
  magnitude,
  readDer,
  readItems,
  readSequence,
} from './der.ts';
import { rawKeys } from './names.ts';
import { field, type KeyField, structureOf } from './structure.ts';

/** §9.1.3.2.2 */
const pointForms: Readonly<Record<number, 'uncompressed' | 'compressed' | 'hybrid'>> = {
  [KeyCompressionType.ECPublicKeyTypeUncompressed]: 'uncompressed',
  [KeyCompressionType.ECPublicKeyTypeX9_62CompressedPrime]: 'compressed',
  [KeyCompressionType.ECPublicKeyTypeX9_62CompressedChar2]: 'compressed',
  [KeyCompressionType.ECPublicKeyTypeX9_62Hybrid]: 'hybrid',
};

/** Curves over fields of characteristic 2 by OpenSSL's names; all others are over prime fields. */
const overBinaryField = /^(sect|c2)/;

function unsupported(format: number, key: KeyObject): KmipError {
  const name = enumName(KeyFormatType, format);
  return KmipError.keyFormatTypeNotSupported(
    `a ${key.type} key of type ${key.asymmetricKeyType ?? 'unknown'} has no form in Key Format Type ${name}`,
  );
}

/**
 * The key in `keyFormatType`: DER, or for the transparent formats the TTLV of the Key Material structure. The bytes are
 * the caller's to wipe. `keyCompressionType` is the form of an EC public key's point, uncompressed when absent.
 *
 * @throws KmipError Key Format Type Not Supported, Key Compression Type Not Supported
 */
export function materialIn(key: KeyObject, keyFormatType: number, keyCompressionType?: number): Uint8Array {
  if (keyCompressionType !== undefined) requireCompressible(key, keyCompressionType);
  const make = Object.hasOwn(formats, keyFormatType) ? formats[keyFormatType] : undefined;
  const material = make?.(key, keyCompressionType);
  if (material === undefined) throw unsupported(keyFormatType, key);
  return material;
}

type Maker = (key: KeyObject, compression: number | undefined) => Uint8Array | undefined;

const formats: Readonly<Record<number, Maker>> = {
  [KeyFormatType.PKCS_1]: (key) => (key.asymmetricKeyType === 'rsa' ? exported(key, 'pkcs1') : undefined),
  [KeyFormatType.PKCS_8]: (key) => (key.type === 'private' ? exported(key, 'pkcs8') : undefined),
  [KeyFormatType.X_509]: (key, compression) =>
    key.type === 'public' ? publicKeyInfo(key, compression) : undefined,
  [KeyFormatType.ECPrivateKey]: (key) => (isEc(key, 'private') ? exported(key, 'sec1') : undefined),
  [KeyFormatType.Raw]: raw,
  [KeyFormatType.TransparentRSAPrivateKey]: (key) => rsa(key, 'private', rsaPrivateTags),
  [KeyFormatType.TransparentRSAPublicKey]: (key) => rsa(key, 'public', rsaPublicTags),
  [KeyFormatType.TransparentDSAPrivateKey]: (key) => discrete(key, 'dsa', 'private'),
  [KeyFormatType.TransparentDSAPublicKey]: (key) => discrete(key, 'dsa', 'public'),
  [KeyFormatType.TransparentDHPrivateKey]: (key) => discrete(key, 'dh', 'private'),
  [KeyFormatType.TransparentDHPublicKey]: (key) => discrete(key, 'dh', 'public'),
  [KeyFormatType.TransparentECDSAPrivateKey]: ecPrivate,
  [KeyFormatType.TransparentECDHPrivateKey]: ecPrivate,
  [KeyFormatType.TransparentECMQVPrivateKey]: ecPrivate,
  [KeyFormatType.TransparentECPrivateKey]: ecPrivate,
  [KeyFormatType.TransparentECDSAPublicKey]: ecPublic,
  [KeyFormatType.TransparentECDHPublicKey]: ecPublic,
  [KeyFormatType.TransparentECMQVPublicKey]: ecPublic,
  [KeyFormatType.TransparentECPublicKey]: ecPublic,
};

function isEc(key: KeyObject, type: 'private' | 'public'): boolean {
  return key.type === type && key.asymmetricKeyType === 'ec';
}

function exported(key: KeyObject, type: 'pkcs1' | 'pkcs8' | 'sec1' | 'spki'): Buffer {
  return key.export({ format: 'der', type: type as 'pkcs1' });
}

/** What `read` takes out of the key's DER, which is wiped afterwards. */
function fromDer<T>(key: KeyObject, type: 'pkcs1' | 'pkcs8' | 'sec1' | 'spki', read: (der: Buffer) => T): T {
  const der = exported(key, type);
  try {
    return read(der);
  } finally {
    der.fill(0);
  }
}

/** Public keys by way of X.509: Node does not export as PKCS#1 what somebody read from that. */
function pkcs1(key: KeyObject): Uint8Array {
  if (key.type === 'private') return exported(key, 'pkcs1');
  return itemAt(readSequence(exported(key, 'spki')), 1, DerTag.BitString).content.slice(1);
}

const rsaPublicTags = [Tag.Modulus, Tag.PublicExponent];
/** Where PKCS#1 has each number of §2.1.7.4, in the order of that table; the version comes first. */
const rsaPrivateTags = [
  Tag.Modulus,
  Tag.PublicExponent,
  Tag.PrivateExponent,
  Tag.P,
  Tag.Q,
  Tag.PrimeExponentP,
  Tag.PrimeExponentQ,
  Tag.CRTCoefficient,
];

function rsa(key: KeyObject, type: 'private' | 'public', tags: readonly number[]): Uint8Array | undefined {
  if (key.type !== type || key.asymmetricKeyType !== 'rsa') return undefined;
  const der = pkcs1(key);
  try {
    const numbers = integersIn(readSequence(der).slice(type === 'private' ? 1 : 0));
    const fields = tags.map((tag, i) => field.number(tag, numbers[i] ?? new Uint8Array()));
    return structureOf(type === 'private' ? inTableOrder(fields) : fields);
  } finally {
    der.fill(0);
  }
}

/** §2.1.7.4 lists the private exponent before the public one. */
function inTableOrder(fields: readonly KeyField[]): readonly KeyField[] {
  const [modulus, publicExponent, privateExponent, ...rest] = fields;
  return [modulus, privateExponent, publicExponent, ...rest].filter((item) => item !== undefined);
}

function discrete(key: KeyObject, type: 'dsa' | 'dh', half: 'private' | 'public'): Uint8Array | undefined {
  if (key.type !== half || key.asymmetricKeyType !== type) return undefined;
  const domainTags = type === 'dsa' ? [Tag.P, Tag.Q, Tag.G] : [Tag.P, Tag.G];
  return fromDer(key, half === 'private' ? 'pkcs8' : 'spki', (der) => {
    const items = readSequence(der);
    const at = half === 'private' ? 1 : 0;
    const identifier = readItems(itemAt(items, at, DerTag.Sequence).content);
    const domain = readItems(itemAt(identifier, 1, DerTag.Sequence).content);
    const numbers = integersIn(domain.slice(0, domainTags.length));
    const wrapped =
      half === 'private'
        ? itemAt(items, at + 1, DerTag.OctetString).content
        : itemAt(items, at + 1, DerTag.BitString).content.subarray(1);
    return structureOf([
      ...domainTags.map((tag, i) => field.number(tag, numbers[i] ?? new Uint8Array())),
      field.number(half === 'private' ? Tag.X : Tag.Y, magnitude(readDer(wrapped).content)),
    ]);
  });
}

/** @throws KmipError Key Format Type Not Supported: KMIP has no number for the curve. */
function curveIn(key: KeyObject): Curve {
  const curve = curveNamed(key.asymmetricKeyDetails?.namedCurve ?? '');
  if (curve !== undefined) return curve;
  throw KmipError.keyFormatTypeNotSupported('KMIP has no name for the curve of this key');
}

function ecPrivate(key: KeyObject): Uint8Array | undefined {
  if (!isEc(key, 'private')) return undefined;
  const curve = curveIn(key);
  return fromDer(key, 'sec1', (der) =>
    structureOf([
      field.enumeration(Tag.RecommendedCurve, curve.kmip),
      field.number(Tag.D, itemAt(readSequence(der), 1, DerTag.OctetString).content),
    ]),
  );
}

function ecPublic(key: KeyObject, compression: number | undefined): Uint8Array | undefined {
  if (!isEc(key, 'public')) return undefined;
  return structureOf([
    field.enumeration(Tag.RecommendedCurve, curveIn(key).kmip),
    field.bytes(Tag.QString, pointOf(key, compression)),
  ]);
}

/** The point as X9.62 writes it. */
function pointOf(key: KeyObject, compression: number | undefined): Uint8Array {
  const { openssl } = curveIn(key);
  const info = readSequence(exported(key, 'spki'));
  const point = itemAt(info, 1, DerTag.BitString).content.subarray(1);
  const form = pointForms[compression ?? KeyCompressionType.ECPublicKeyTypeUncompressed];
  return Buffer.from(ECDH.convertKey(point, openssl, undefined, undefined, form) as Buffer);
}

/** OpenSSL writes the point in the form in which it read it: a compressed one is written anew. */
function publicKeyInfo(key: KeyObject, compression: number | undefined): Uint8Array {
  const info = exported(key, 'spki');
  if (key.asymmetricKeyType !== 'ec' || curveNamed(key.asymmetricKeyDetails?.namedCurve ?? '') === undefined)
    return info;
  const identifier = itemAt(readSequence(info), 0, DerTag.Sequence).content;
  return encodeDer(
    asn1.sequence(asn1.tagged(DerTag.Sequence, identifier), asn1.bits(pointOf(key, compression))),
  );
}

function requireCompressible(key: KeyObject, compression: number): void {
  const isCompressed = pointForms[compression] === 'compressed';
  const isBinary = overBinaryField.test(key.asymmetricKeyDetails?.namedCurve ?? '');
  const wantsBinary = compression === KeyCompressionType.ECPublicKeyTypeX9_62CompressedChar2;
  if (isEc(key, 'public') && pointForms[compression] && (!isCompressed || isBinary === wantsBinary)) return;
  throw KmipError.keyCompressionTypeNotSupported(
    'Key Compression Type is for the points of EC public keys, and must fit their curve',
  );
}

function raw(key: KeyObject): Uint8Array | undefined {
  const known = rawKeys.find(({ type }) => type === key.asymmetricKeyType);
  if (known === undefined) return undefined;
  const type = key.type === 'private' ? 'pkcs8' : 'spki';
  // RFC 8410: both encodings end with the bytes of the key.
  return fromDer(key, type, (der) => Uint8Array.from(der.subarray(der.length - known.sizeBytes)));
}
