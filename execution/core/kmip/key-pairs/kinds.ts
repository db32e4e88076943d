/**
 * Which key pairs the region makes, and how (KMIP 1.4 §4.2, §3.7). Security below 112 bits (NIST SP 800-131A) is for
 * regions whose configuration allows it.
 */
import { type KeyObject, generateKeyPair as nodeGenerateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { CryptographicAlgorithm, enumName, KeyFormatType, KmipError } from '../../../kmip/index.ts';
import { MAX_MODULUS_BITS } from '../../limits.ts';
import { type Curve, curveOf, curveOfLength } from './curves.ts';

const generate = promisify(nodeGenerateKeyPair);

/** What a template says of the pair. Lengths in bits. */
export interface KeyPairWish {
  readonly algorithm: number;
  readonly length: number | undefined;
  readonly domain: { readonly qlength?: number | undefined; readonly recommendedCurve?: number | undefined };
}

export interface NewKeys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A pair that can be made. */
export interface KeyPairKind {
  readonly cryptographicAlgorithm: number;
  /** Bits. */
  readonly cryptographicLength: number;
  /** The Cryptographic Domain Parameters that the pair has, whether or not they were asked for. */
  readonly domain?: { readonly qlength?: number; readonly recommendedCurve?: number };
  /** How the private and the public key are held. */
  readonly formats: { readonly privateKey: number; readonly publicKey: number };
  make(): Promise<NewKeys>;
}

const STRONG_MODULUS_BITS = 2_048;
const STRONG_CURVE_BITS = 224;
/** What OpenSSL still makes. */
const MIN_MODULUS_BITS = 512;

const pkcs1 = { privateKey: KeyFormatType.PKCS_1, publicKey: KeyFormatType.PKCS_1 } as const;
const wrapped = { privateKey: KeyFormatType.PKCS_8, publicKey: KeyFormatType.X_509 } as const;

function requireStrong(isStrong: boolean, allowWeak: boolean, least: string): void {
  if (isStrong || allowWeak) return;
  throw KmipError.invalidField(`keys of that strength are not made here; ask for at least ${least}`);
}

function rsa({ algorithm, length = STRONG_MODULUS_BITS }: KeyPairWish, allowWeak: boolean): KeyPairKind {
  if (length % 8 !== 0 || length < MIN_MODULUS_BITS || length > MAX_MODULUS_BITS) {
    throw KmipError.invalidField(
      `Cryptographic Length of an RSA key is a multiple of 8 up to ${MAX_MODULUS_BITS}; got ${length}`,
    );
  }
  requireStrong(length >= STRONG_MODULUS_BITS, allowWeak, `${STRONG_MODULUS_BITS} bits`);
  return {
    cryptographicAlgorithm: algorithm,
    cryptographicLength: length,
    formats: pkcs1,
    make: () => generate('rsa', { modulusLength: length, publicExponent: 65_537 }),
  };
}

/** FIPS 186-4 §4.2: the lengths of P and Q that go together. */
const dsaLengths: ReadonlyMap<number, readonly number[]> = new Map([
  [1_024, [160]],
  [2_048, [256, 224]],
  [3_072, [256]],
]);

function dsa({ algorithm, length = 2_048, domain }: KeyPairWish, allowWeak: boolean): KeyPairKind {
  const allowed = dsaLengths.get(length);
  const qlength = domain.qlength ?? allowed?.[0];
  if (allowed === undefined || qlength === undefined || !allowed.includes(qlength)) {
    throw KmipError.invalidField(
      'a DSA key has 1024, 2048 or 3072 bits with a Qlength of 160, 224 or 256, or 256 (FIPS 186-4)',
    );
  }
  requireStrong(length >= STRONG_MODULUS_BITS, allowWeak, `${STRONG_MODULUS_BITS} bits`);
  return {
    cryptographicAlgorithm: algorithm,
    cryptographicLength: length,
    domain: { qlength },
    formats: wrapped,
    make: () => generate('dsa', { modulusLength: length, divisorLength: qlength }),
  };
}

/** RFC 2409 and RFC 3526. */
const dhGroups: ReadonlyMap<number, string> = new Map([
  [1_024, 'modp2'],
  [1_536, 'modp5'],
  [2_048, 'modp14'],
  [3_072, 'modp15'],
  [4_096, 'modp16'],
  [6_144, 'modp17'],
  [8_192, 'modp18'],
]);

function dh({ algorithm, length = 2_048, domain }: KeyPairWish, allowWeak: boolean): KeyPairKind {
  const group = dhGroups.get(length);
  if (group === undefined) {
    throw KmipError.invalidField(
      `Cryptographic Length of a DH key is one of ${[...dhGroups.keys()].join(', ')}; got ${length}`,
    );
  }
  // Their primes are safe: Q is (P − 1) / 2.
  if (domain.qlength !== undefined && domain.qlength !== length - 1) {
    throw KmipError.invalidField(`DH keys are made in the groups of RFC 3526, whose Qlength is ${length - 1}`);
  }
  requireStrong(length >= STRONG_MODULUS_BITS, allowWeak, `${STRONG_MODULUS_BITS} bits`);
  return {
    cryptographicAlgorithm: algorithm,
    cryptographicLength: length,
    formats: wrapped,
    make: () => generate('dh', { group }),
  };
}

function wantedCurve({ length, domain }: KeyPairWish): Curve {
  const { recommendedCurve } = domain;
  const curve = recommendedCurve === undefined ? curveOfLength(length ?? 256) : curveOf(recommendedCurve);
  if (curve === undefined) {
    throw KmipError.invalidField(
      recommendedCurve === undefined
        ? `there is no curve for Cryptographic Length ${length}; name a Recommended Curve`
        : `Recommended Curve ${recommendedCurve} is not one that keys are made on here`,
    );
  }
  if (length !== undefined && length !== curve.bits) {
    throw KmipError.invalidField(
      `Cryptographic Length is ${curve.bits} on this Recommended Curve; got ${length}`,
    );
  }
  return curve;
}

function ec(wish: KeyPairWish, allowWeak: boolean): KeyPairKind {
  const { value, name, bits } = wantedCurve(wish);
  requireStrong(bits >= STRONG_CURVE_BITS, allowWeak, `a curve of ${STRONG_CURVE_BITS} bits`);
  return {
    cryptographicAlgorithm: wish.algorithm,
    cryptographicLength: bits,
    domain: { recommendedCurve: value },
    formats: wrapped,
    make: () => generate('ec', { namedCurve: name }),
  };
}

const kinds: Readonly<Record<number, (wish: KeyPairWish, allowWeak: boolean) => KeyPairKind>> = {
  [CryptographicAlgorithm.RSA]: rsa,
  [CryptographicAlgorithm.DSA]: dsa,
  [CryptographicAlgorithm.DH]: dh,
  [CryptographicAlgorithm.EC]: ec,
  [CryptographicAlgorithm.ECDSA]: ec,
  [CryptographicAlgorithm.ECDH]: ec,
  [CryptographicAlgorithm.ECMQV]: ec,
};

/** @throws KmipError Invalid Field: an algorithm, length or curve that no pair is made with here. */
export function kindOf(wish: KeyPairWish, allowWeak: boolean): KeyPairKind {
  const kind = Object.hasOwn(kinds, wish.algorithm) ? kinds[wish.algorithm] : undefined;
  if (kind === undefined) {
    throw KmipError.invalidField(
      `key pairs are made for RSA, DSA, DH and elliptic curves, not for ${enumName(CryptographicAlgorithm, wish.algorithm)}`,
    );
  }
  return kind(wish, allowWeak);
}

/** The key as it is held: secret when it is the private one; the caller wipes it. */
export function materialOfKey(key: KeyObject, keyFormatType: number): Uint8Array {
  const format = 'der' as const;
  switch (keyFormatType) {
    case KeyFormatType.PKCS_1:
      return key.export({ type: 'pkcs1', format });
    case KeyFormatType.PKCS_8:
      return key.export({ type: 'pkcs8', format });
    default:
      return key.export({ type: 'spki', format });
  }
}
