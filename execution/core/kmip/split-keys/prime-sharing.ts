/**
 * Shamir's sharing over the integers modulo a prime (KMIP 1.4 §2.2.5). The arithmetic is JavaScript's big integers, whose
 * time is not independent of their values: of the four methods this is the one for compatibility.
 */
import { randomBytes } from 'node:crypto';
import { KmipError } from '../../../kmip/index.ts';
import type { Share } from './binary-sharing.ts';

function toBigInt(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

/** Most significant byte first. @throws KmipError Cryptographic Failure: it does not fit. */
function toBytes(value: bigint, sizeBytes: number): Uint8Array {
  const hex = value.toString(16);
  if (hex.length > sizeBytes * 2) {
    throw KmipError.cryptographicFailure('the parts do not belong together');
  }
  return Buffer.from(hex.padStart(sizeBytes * 2, '0'), 'hex');
}

export function bytesOf(prime: bigint): number {
  return Math.ceil(prime.toString(16).length / 2);
}

function randomBelow(prime: bigint): bigint {
  const bits = prime.toString(2).length;
  for (;;) {
    const bytes = randomBytes(Math.ceil(bits / 8));
    const value = BigInt.asUintN(bits, toBigInt(bytes));
    bytes.fill(0);
    if (value < prime) return value;
  }
}

/** Shares for the identifiers 1 to `parts`, each as long as the prime. The caller wipes them. */
export function splitPrime(
  prime: bigint,
  secret: Uint8Array,
  parts: number,
  threshold: number,
): Uint8Array[] {
  const constant = toBigInt(secret);
  if (prime <= 2n ** BigInt(secret.length * 8)) {
    throw KmipError.invalidField(`Prime Field Size is a prime above 2^${secret.length * 8} for this secret`);
  }
  const coefficients = [constant, ...Array.from({ length: threshold - 1 }, () => randomBelow(prime))];
  return Array.from({ length: parts }, (_, index) => {
    const x = BigInt(index + 1);
    const y = coefficients.reduceRight((value, coefficient) => (value * x + coefficient) % prime, 0n);
    return toBytes(y, bytesOf(prime));
  });
}

/** The secret, `sizeBytes` long; as short as it can be when that is undefined. @throws KmipError Cryptographic Failure */
export function joinPrime(
  prime: bigint,
  shares: readonly Share[],
  sizeBytes: number | undefined,
): Uint8Array {
  // The size is what the parts say of the key: more than the field has room for would be made of nothing but zeros.
  if (sizeBytes !== undefined && sizeBytes > bytesOf(prime)) {
    throw KmipError.cryptographicFailure('the key is larger than the Prime Field Size');
  }
  const points = shares.map(({ identifier }) => BigInt(identifier));
  const secret = shares.reduce((sum, { identifier, bytes }) => {
    const x = BigInt(identifier);
    const others = points.filter((point) => point !== x);
    const above = others.reduce((product, point) => (product * point) % prime, 1n);
    const below = others.reduce((product, point) => (product * (point - x + prime)) % prime, 1n);
    return (sum + ((toBigInt(bytes) * above) % prime) * inverse(below, prime)) % prime;
  }, 0n);
  return toBytes(secret, sizeBytes ?? Math.max(1, bytesOf(secret)));
}

/** Euclid's. The operands are made of identifiers, which are public. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [r0, r1] = [modulus, value % modulus];
  let [t0, t1] = [0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1] = [r1, r0 - quotient * r1];
    [t0, t1] = [t1, t0 - quotient * t1];
  }
  if (r0 !== 1n) throw KmipError.cryptographicFailure('Prime Field Size is not a prime');
  return t0 < 0n ? t0 + modulus : t0;
}
