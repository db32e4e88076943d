/**
 * The RSA private key of RFC 8017 §3.2 out of as many of its numbers as a client gave (KMIP 1.4 §2.1.7.4: the private
 * exponent, or both primes, or both prime exponents). OpenSSL takes a complete key only, so what is missing is computed
 * here with JavaScript's big integers: once, when such a key is opened, and never to decide about anything.
 */
import { randomBytes } from 'node:crypto';
import { KmipError } from '../kmip/index.ts';

/** Bits of the largest modulus: what OpenSSL does with one still takes well under a second. */
export const MAX_MODULUS_BITS = 8192;
/** Bits of the largest one whose key is completed, which big integers take longer for. */
const MAX_COMPLETED_BITS = 4096;
/** OpenSSL's own limit where a modulus has more than 3072 bits. */
const MAX_PUBLIC_EXPONENT_BYTES = 8;

export interface RsaNumbers {
  readonly n: Uint8Array;
  readonly e?: Uint8Array | undefined;
  readonly d?: Uint8Array | undefined;
  readonly p?: Uint8Array | undefined;
  readonly q?: Uint8Array | undefined;
  readonly dp?: Uint8Array | undefined;
  readonly dq?: Uint8Array | undefined;
  readonly qi?: Uint8Array | undefined;
}

/** In the order in which PKCS#1 writes them: n, e, d, p, q, dP, dQ, qInv. */
export type CompleteRsa = readonly [
  n: Uint8Array,
  e: Uint8Array,
  d: Uint8Array,
  p: Uint8Array,
  q: Uint8Array,
  dp: Uint8Array,
  dq: Uint8Array,
  qi: Uint8Array,
];

/** The public exponent that all but very old keys have. */
const USUAL_EXPONENT = 65_537n;
/** Each attempt to factor a product of two primes succeeds with one half or more, … */
const FACTOR_ATTEMPTS = 20;
/** … so that after some failures it is looked whether the modulus is one: each takes a noticeable part of a second. */
const ATTEMPTS_BEFORE_DOUBT = 2;
/** With a prime exponent the first attempt succeeds. */
const PRIME_EXPONENT_ATTEMPTS = 2;

function inconsistent(): KmipError {
  return KmipError.invalidField('the numbers of the RSA private key do not belong together');
}

/** @throws KmipError Invalid Field: too little is given, or it contradicts itself. */
export function completeRsa(given: RsaNumbers): CompleteRsa {
  const { n, e, d, p, q, dp, dq, qi } = given;
  if (n.length * 8 > MAX_MODULUS_BITS) {
    throw KmipError.invalidField(`an RSA modulus has at most ${MAX_MODULUS_BITS} bits here`);
  }
  // A longer number could not belong to this modulus, and would take long to find out.
  if ([e, d, p, q, dp, dq, qi].some((number) => number !== undefined && number.length > n.length))
    throw inconsistent();
  if (e && d && p && q && dp && dq && qi) return [n, e, d, p, q, dp, dq, qi];
  if (n.length * 8 > MAX_COMPLETED_BITS || (e?.length ?? 0) > MAX_PUBLIC_EXPONENT_BYTES) {
    throw KmipError.invalidField('give all numbers of an RSA private key of this size');
  }
  return fromPrimes(given, ...primesOf(given));
}

function fromPrimes(given: RsaNumbers, p: bigint, q: bigint): CompleteRsa {
  const n = toBigInt(given.n);
  if (p <= 1n || q <= 1n || p * q !== n) throw inconsistent();
  const lambda = ((p - 1n) * (q - 1n)) / gcd(p - 1n, q - 1n);
  const e = exponentOf(given, lambda);
  const d = given.d === undefined ? inverse(e, lambda) : toBigInt(given.d);
  if ((e * d) % lambda !== 1n) throw inconsistent();
  return [
    given.n,
    toBytes(e),
    toBytes(d),
    toBytes(p),
    toBytes(q),
    toBytes(d % (p - 1n)),
    toBytes(d % (q - 1n)),
    toBytes(inverse(q, p)),
  ];
}

function exponentOf({ e, d }: RsaNumbers, lambda: bigint): bigint {
  if (e !== undefined) return toBigInt(e);
  return d === undefined ? USUAL_EXPONENT : inverse(toBigInt(d), lambda);
}

function primesOf({ n: nBytes, e: eBytes, d, p, q, dp }: RsaNumbers): readonly [bigint, bigint] {
  const n = toBigInt(nBytes);
  const known = p ?? q;
  if (known !== undefined) {
    const prime = toBigInt(known);
    if (prime === 0n || n % prime !== 0n) throw inconsistent();
    // p stays the first prime: prime exponents and coefficient that came along refer to it.
    return p === undefined ? [n / prime, prime] : [prime, n / prime];
  }
  const e = eBytes === undefined ? USUAL_EXPONENT : toBigInt(eBytes);
  if (n < 15n || n % 2n === 0n) throw inconsistent();
  if (d !== undefined) return factorWithExponent(n, e * toBigInt(d) - 1n);
  if (dp !== undefined) return factorWithPrimeExponent(n, e * toBigInt(dp));
  throw KmipError.invalidField(
    'a Transparent RSA Private Key needs its Private Exponent, its primes, or its prime exponents',
  );
}

/** NIST SP 800-56B Rev. 2, Appendix C.1: `k` is a multiple of the group's exponent. */
function factorWithExponent(n: bigint, k: bigint): readonly [bigint, bigint] {
  if (k <= 0n || k % 2n !== 0n) throw inconsistent();
  let odd = k;
  let halvings = 0;
  while (odd % 2n === 0n) {
    odd /= 2n;
    halvings += 1;
  }
  for (let attempt = 0; attempt < FACTOR_ATTEMPTS; attempt++) {
    if (attempt === ATTEMPTS_BEFORE_DOUBT && isPrimePower(n)) throw inconsistent();
    let x = power(randomBelow(n), odd, n);
    for (let i = 0; x !== 1n && x !== n - 1n; i++) {
      if (i === halvings) throw inconsistent();
      const square = (x * x) % n;
      if (square === 1n) return split(n, gcd(x - 1n, n));
      x = square;
    }
  }
  throw inconsistent();
}

/** g^(e·dP) ≡ g (mod p), and hardly ever (mod q) for a random g. */
function factorWithPrimeExponent(n: bigint, exponent: bigint): readonly [bigint, bigint] {
  for (let attempt = 0; attempt < PRIME_EXPONENT_ATTEMPTS; attempt++) {
    const g = randomBelow(n);
    const factor = gcd((power(g, exponent, n) + n - g) % n, n);
    if (factor > 1n && factor < n) return split(n, factor);
  }
  throw inconsistent();
}

/**
 * Fermat: a^n ≡ a (mod p) for every power n of a prime p. No attempt would ever succeed with such a modulus. A product of
 * two large primes passes for one hardly ever.
 */
function isPrimePower(n: bigint): boolean {
  const a = randomBelow(n);
  return gcd((power(a, n, n) + n - a) % n, n) !== 1n;
}

function split(n: bigint, factor: bigint): readonly [bigint, bigint] {
  return [factor, n / factor];
}

function randomBelow(n: bigint): bigint {
  const sizeBytes = Math.ceil(n.toString(16).length / 2);
  return (toBigInt(randomBytes(sizeBytes)) % (n - 3n)) + 2n;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let factor = base % modulus;
  for (const bit of [...exponent.toString(2)].reverse()) {
    if (bit === '1') result = (result * factor) % modulus;
    factor = (factor * factor) % modulus;
  }
  return result;
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [r0, r1] = [modulus, value % modulus];
  let [t0, t1] = [0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1] = [r1, r0 - quotient * r1];
    [t0, t1] = [t1, t0 - quotient * t1];
  }
  if (r0 !== 1n) throw inconsistent();
  return t0 < 0n ? t0 + modulus : t0;
}

function toBigInt(bytes: Uint8Array): bigint {
  return bytes.length === 0
    ? 0n
    : BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`);
}

function toBytes(value: bigint): Uint8Array {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
}
