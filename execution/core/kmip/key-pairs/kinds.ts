/**
 * Which key pairs the region makes, and how (KMIP 1.4 §4.2, §3.7). Security below 112 bits (NIST SP 800-131A) is for
 * regions whose configuration allows it.
 */
import { getCurves, type KeyObject, generateKeyPair as nodeGenerateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import {
  CURVE448,
  CURVE25519,
  type Curve,
  curveOf,
  ED448,
  ED25519,
  MAX_MODULUS_BITS,
} from '../../../keyforms/index.ts';
import { CryptographicAlgorithm, enumName, KmipError, RecommendedCurve } from '../../../kmip/index.ts';

const generate = promisify(nodeGenerateKeyPair);
/** Node's types leave Diffie-Hellman out. */
const generateDh = generate as unknown as (type: 'dh', options: { group: string }) => Promise<NewKeys>;

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
  make(): Promise<NewKeys>;
}

const STRONG_MODULUS_BITS = 2_048;
const STRONG_CURVE_BITS = 224;
/** What OpenSSL still makes. */
const MIN_MODULUS_BITS = 512;

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
    throw KmipError.invalidField(
      `DH keys are made in the groups of RFC 3526, whose Qlength is ${length - 1}`,
    );
  }
  requireStrong(length >= STRONG_MODULUS_BITS, allowWeak, `${STRONG_MODULUS_BITS} bits`);
  return {
    cryptographicAlgorithm: algorithm,
    cryptographicLength: length,
    make: () => generateDh('dh', { group }),
  };
}

/** The curve for a length alone: NIST's for that length, over a prime field where there is one. */
const curveOfLength: ReadonlyMap<number, number> = new Map([
  [163, RecommendedCurve.B_163],
  [192, RecommendedCurve.P_192],
  [224, RecommendedCurve.P_224],
  [233, RecommendedCurve.B_233],
  [256, RecommendedCurve.P_256],
  [283, RecommendedCurve.B_283],
  [320, RecommendedCurve.BRAINPOOLP320R1],
  [384, RecommendedCurve.P_384],
  [409, RecommendedCurve.B_409],
  [512, RecommendedCurve.BRAINPOOLP512R1],
  [521, RecommendedCurve.P_521],
  [571, RecommendedCurve.B_571],
]);
const DEFAULT_CURVE_BITS = 256;

/** OpenSSL may have been built without some. */
const served: ReadonlySet<string> = new Set(getCurves());

function wantedCurve({ length, domain }: KeyPairWish): Curve {
  const value = domain.recommendedCurve ?? curveOfLength.get(length ?? DEFAULT_CURVE_BITS);
  if (value === undefined) {
    throw KmipError.invalidField(
      `there is no curve for Cryptographic Length ${length}; name a Recommended Curve`,
    );
  }
  const curve = curveOf(value);
  if (curve === undefined || !served.has(curve.openssl)) {
    throw KmipError.invalidField(`Recommended Curve ${value} is not one that keys are made on here`);
  }
  requireLength(length, curve.bits);
  return curve;
}

function requireLength(length: number | undefined, bits: number): void {
  if (length === undefined || length === bits) return;
  throw KmipError.invalidField(`Cryptographic Length is ${bits} on this Recommended Curve; got ${length}`);
}

function ec(wish: KeyPairWish, allowWeak: boolean): KeyPairKind {
  const { algorithm, length, domain } = wish;
  const raw = rawKinds.find((kind) => kind.algorithm === algorithm && kind.curve === domain.recommendedCurve);
  if (raw !== undefined) return rawKind(raw, algorithm, length);
  const { kmip: recommendedCurve, openssl, bits } = wantedCurve(wish);
  requireStrong(bits >= STRONG_CURVE_BITS, allowWeak, `a curve of ${STRONG_CURVE_BITS} bits`);
  return {
    cryptographicAlgorithm: algorithm,
    cryptographicLength: bits,
    domain: { recommendedCurve },
    make: () => generate('ec', { namedCurve: openssl }),
  };
}

type RawKind = (typeof rawKinds)[number];

/** RFC 8410, by the numbers of KMIP 2: 1.4 has no name for these algorithms, but nothing against their values. */
const rawKinds = [
  {
    algorithm: CryptographicAlgorithm.ECDH,
    curve: CURVE25519,
    bits: 256,
    make: () => generate('x25519', {}),
  },
  { algorithm: CryptographicAlgorithm.ECDH, curve: CURVE448, bits: 448, make: () => generate('x448', {}) },
  { algorithm: ED25519, curve: CURVE25519, bits: 256, make: () => generate('ed25519', {}) },
  { algorithm: ED448, curve: CURVE448, bits: 456, make: () => generate('ed448', {}) },
] as const;

function rawKind({ curve, bits, make }: RawKind, algorithm: number, length: number | undefined): KeyPairKind {
  requireLength(length, bits);
  return {
    cryptographicAlgorithm: algorithm,
    cryptographicLength: bits,
    domain: { recommendedCurve: curve },
    make,
  };
}

function edwards({ algorithm, length, domain }: KeyPairWish): KeyPairKind {
  const raw = rawKinds.find((kind) => kind.algorithm === algorithm);
  if (raw === undefined || (domain.recommendedCurve ?? raw.curve) !== raw.curve) {
    throw KmipError.invalidField('the Recommended Curve is not the one of this algorithm');
  }
  return rawKind(raw, algorithm, length);
}

const kinds: Readonly<Record<number, (wish: KeyPairWish, allowWeak: boolean) => KeyPairKind>> = {
  [CryptographicAlgorithm.RSA]: rsa,
  [CryptographicAlgorithm.DSA]: dsa,
  [CryptographicAlgorithm.DH]: dh,
  [CryptographicAlgorithm.EC]: ec,
  [CryptographicAlgorithm.ECDSA]: ec,
  [CryptographicAlgorithm.ECDH]: ec,
  [CryptographicAlgorithm.ECMQV]: ec,
  [ED25519]: edwards,
  [ED448]: edwards,
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
