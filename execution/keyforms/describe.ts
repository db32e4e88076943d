/** What a key says of itself, in KMIP's terms (KMIP 1.4 §3.4, §3.5, §3.7). */
import type { KeyObject } from 'node:crypto';
import { CryptographicAlgorithm, KeyFormatType, KmipError, ObjectType, Tag } from '../kmip/index.ts';
import { curveNamed } from './curves.ts';
import { ecAlgorithms, rawKeys } from './names.ts';
import { fieldOf, fieldsIn } from './structure.ts';
import { materialIn } from './to-material.ts';

export interface KeyDescription {
  readonly cryptographicAlgorithm: number;
  /** Bits: of the modulus, of the prime P, or of the curve's field (§4.2). */
  readonly cryptographicLength: number;
  readonly recommendedCurve?: number;
}

/** @throws KmipError Key Format Type Not Supported: an algorithm or curve that KMIP has no name for. */
export function describe(key: KeyObject): KeyDescription {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  const { modulusLength, namedCurve } = details;
  switch (type) {
    case 'rsa':
    case 'rsa-pss':
      return { cryptographicAlgorithm: CryptographicAlgorithm.RSA, cryptographicLength: modulusLength ?? 0 };
    case 'dsa':
      return { cryptographicAlgorithm: CryptographicAlgorithm.DSA, cryptographicLength: modulusLength ?? 0 };
    case 'dh':
      return { cryptographicAlgorithm: CryptographicAlgorithm.DH, cryptographicLength: primeBits(key) };
    case 'ec': {
      const curve = curveNamed(namedCurve ?? '');
      if (curve === undefined) break;
      return {
        cryptographicAlgorithm: CryptographicAlgorithm.EC,
        cryptographicLength: curve.bits,
        recommendedCurve: curve.kmip,
      };
    }
    default: {
      const raw = rawKeys.find((known) => known.type === type);
      if (raw === undefined) break;
      const { algorithm, bits, recommendedCurve } = raw;
      return { cryptographicAlgorithm: algorithm, cryptographicLength: bits, recommendedCurve };
    }
  }
  throw KmipError.keyFormatTypeNotSupported('KMIP has no name for the algorithm or the curve of this key');
}

/** Node does not tell the size of a Diffie-Hellman group. */
function primeBits(key: KeyObject): number {
  const isPrivate = key.type === 'private';
  const material = materialIn(
    key,
    isPrivate ? KeyFormatType.TransparentDHPrivateKey : KeyFormatType.TransparentDHPublicKey,
  );
  const [first = 0, ...rest] = fieldOf(fieldsIn(material), Tag.P);
  material.fill(0);
  return rest.length * 8 + (32 - Math.clz32(first));
}

/**
 * Whether a client may call the key `algorithm`: an elliptic key says by itself only that it is one, and KMIP 1.4 has
 * four names for those, but none for Ed25519 and Ed448.
 */
export function isCalled(algorithm: number, { recommendedCurve, ...own }: KeyDescription): boolean {
  return (
    algorithm === own.cryptographicAlgorithm ||
    (recommendedCurve !== undefined && ecAlgorithms.includes(algorithm))
  );
}

/** The format in which a key is given when nobody says which: all of them can be read by every client library. */
export function usualFormat(objectType: number, algorithm: number): number {
  if (algorithm === CryptographicAlgorithm.RSA) return KeyFormatType.PKCS_1;
  return objectType === ObjectType.PrivateKey ? KeyFormatType.PKCS_8 : KeyFormatType.X_509;
}
