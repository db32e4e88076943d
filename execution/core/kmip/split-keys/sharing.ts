/** Splitting a secret, and joining its parts, by any Split Key Method (KMIP 1.4 §2.2.5). */
import { checkPrime, randomFillSync } from 'node:crypto';
import { promisify } from 'node:util';
import { enumName, KmipError, SplitKeyMethod } from '../../../kmip/index.ts';
import type { SplitKeyPart } from '../../../objects/index.ts';
import { joinBinary, type Share, splitBinary } from './binary-sharing.ts';
import { type BinaryField, gf256, gf65536 } from './fields.ts';
import { bytesOf, joinPrime, splitPrime } from './prime-sharing.ts';

export type { Share } from './binary-sharing.ts';

/** How a secret is, or was, split. */
export type Sharing = Omit<SplitKeyPart, 'identifier'>;

/** Bytes of the largest secret that is split: an RSA key of 8192 bits with all its numbers. */
export const MAX_SPLIT_SECRET_BYTES = 8_192;

const isPrime = promisify(checkPrime);

const fields: Readonly<Record<number, BinaryField>> = {
  [SplitKeyMethod.PolynomialSharingGF2_8]: gf256,
  [SplitKeyMethod.PolynomialSharingGF2_16]: gf65536,
};

function xorInto(target: Uint8Array, bytes: Uint8Array): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) ^ (bytes[i] ?? 0);
}

function unknownMethod(method: number): KmipError {
  return KmipError.invalidField(`Split Key Method ${enumName(SplitKeyMethod, method)} is not served`);
}

/**
 * The parts 1 to `sharing.parts`, for the caller to wipe. `sharing` has been checked (`checkSplitKeyPart`).
 *
 * @throws KmipError Invalid Field: the method, its field, or the size of the secret.
 */
export async function split(secret: Uint8Array, sharing: Sharing): Promise<Uint8Array[]> {
  const { parts, threshold, method, primeFieldSize } = sharing;
  if (secret.length > MAX_SPLIT_SECRET_BYTES) {
    throw KmipError.invalidField(`at most ${MAX_SPLIT_SECRET_BYTES} bytes are split`);
  }
  if (method === SplitKeyMethod.XOR) return splitXor(secret, parts);
  if (method === SplitKeyMethod.PolynomialSharingPrimeField && primeFieldSize !== undefined) {
    if (!(await isPrime(primeFieldSize))) throw KmipError.invalidField('Prime Field Size is not a prime');
    return splitPrime(primeFieldSize, secret, parts, threshold);
  }
  const field = fields[method];
  if (field === undefined) throw unknownMethod(method);
  if (secret.length % field.elementBytes !== 0) {
    throw KmipError.invalidField('a secret of an odd number of bytes has no pieces of 16 bits; use GF(2^8)');
  }
  return splitBinary(field, secret, parts, threshold);
}

function splitXor(secret: Uint8Array, parts: number): Uint8Array[] {
  const last = Uint8Array.from(secret);
  const others = Array.from({ length: parts - 1 }, () => randomFillSync(new Uint8Array(secret.length)));
  for (const part of others) xorInto(last, part);
  return [...others, last];
}

/**
 * The secret, for the caller to wipe. `sizeBytes` is its size, which only a prime field does not know by itself.
 *
 * @throws KmipError Cryptographic Failure (too few parts, or of other secrets as far as that shows), Invalid Field.
 */
export function join(
  shares: readonly Share[],
  { threshold, method, primeFieldSize }: Sharing,
  sizeBytes?: number,
): Uint8Array {
  if (shares.length < threshold) {
    throw KmipError.cryptographicFailure(`${threshold} parts are needed; got ${shares.length}`);
  }
  if (new Set(shares.map(({ identifier }) => identifier)).size !== shares.length) {
    throw KmipError.invalidField('two of the parts have the same Key Part Identifier');
  }
  const length = shares[0]?.bytes.length ?? 0;
  if (shares.some(({ bytes }) => bytes.length !== length) || length > MAX_SPLIT_SECRET_BYTES) {
    throw KmipError.cryptographicFailure('the parts do not belong together');
  }
  if (method === SplitKeyMethod.XOR) return joinXor(shares, length);
  if (method === SplitKeyMethod.PolynomialSharingPrimeField && primeFieldSize !== undefined) {
    if (length > bytesOf(primeFieldSize)) {
      throw KmipError.cryptographicFailure('a part is larger than the Prime Field Size');
    }
    return joinPrime(primeFieldSize, shares, sizeBytes);
  }
  const field = fields[method];
  if (field === undefined) throw unknownMethod(method);
  if (length % field.elementBytes !== 0) {
    throw KmipError.cryptographicFailure('a part does not consist of pieces of 16 bits');
  }
  return joinBinary(field, shares);
}

function joinXor(shares: readonly Share[], length: number): Uint8Array {
  const secret = new Uint8Array(length);
  for (const { bytes } of shares) xorInto(secret, bytes);
  return secret;
}
