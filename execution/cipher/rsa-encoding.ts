/**
 * The encodings of RSA that OpenSSL behind Node does not make with a mask of another hash (RFC 8017): OAEP (§7.1) and
 * PSS (§9.1), around the bare RSA operation, which is OpenSSL's and blinded.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { HashFunction } from './hashes.ts';

function digest(hash: HashFunction, ...parts: readonly Uint8Array[]): Buffer {
  const computed = createHash(hash.name);
  for (const part of parts) computed.update(part);
  return computed.digest();
}

/** RFC 8017 §B.2.1: exclusive or of `bytes` with MGF1 of `seed`, in place. */
function mask(bytes: Buffer, seed: Uint8Array, hash: HashFunction): void {
  const counter = Buffer.alloc(4);
  for (let at = 0, block = 0; at < bytes.length; at += hash.sizeBytes, block++) {
    counter.writeUInt32BE(block);
    const stream = digest(hash, seed, counter);
    const end = Math.min(hash.sizeBytes, bytes.length - at);
    for (let i = 0; i < end; i++) bytes[at + i] = (bytes[at + i] ?? 0) ^ (stream[i] ?? 0);
    stream.fill(0);
  }
}

export interface OaepHashes {
  readonly hash: HashFunction;
  readonly maskHash: HashFunction;
  /** P Source. */
  readonly label: Uint8Array;
}

/** Bytes that OAEP can take, or a negative number for a key that is too short for the hash. */
export function oaepRoom(modulusBytes: number, hash: HashFunction): number {
  return modulusBytes - 2 * hash.sizeBytes - 2;
}

/** RFC 8017 §7.1.1 step 2; `data` fits `oaepRoom`. The result holds the data: the caller wipes it. */
export function encodeOaep(
  data: Uint8Array,
  modulusBytes: number,
  { hash, maskHash, label }: OaepHashes,
): Buffer {
  const encoded = Buffer.alloc(modulusBytes);
  const seed = encoded.subarray(1, 1 + hash.sizeBytes);
  const block = encoded.subarray(1 + hash.sizeBytes);
  block.set(digest(hash, label));
  block[block.length - data.length - 1] = 1;
  block.set(data, block.length - data.length);
  const random = randomBytes(hash.sizeBytes);
  seed.set(random);
  mask(block, seed, maskHash);
  mask(seed, block, maskHash);
  random.fill(0);
  return encoded;
}

/** 1 when `a` is 0, else 0; below 2^31. */
function isZero(a: number): number {
  return ((a - 1) & ~a) >>> 31;
}

/**
 * RFC 8017 §7.1.2 step 3, in place: where the data begins in `encoded`, or -1. Looks at every byte whatever it finds,
 * and tells of no failure apart from another (Manger's attack): the note there.
 */
export function decodeOaep(encoded: Buffer, { hash, maskHash, label }: OaepHashes): number {
  const seed = encoded.subarray(1, 1 + hash.sizeBytes);
  const block = encoded.subarray(1 + hash.sizeBytes);
  mask(seed, block, maskHash);
  mask(block, seed, maskHash);
  let isGood = isZero(encoded[0] ?? 1);
  const isSameLabel = timingSafeEqual(block.subarray(0, hash.sizeBytes), digest(hash, label));
  isGood &= Number(isSameLabel);
  let isBefore = 1;
  let start = 0;
  for (let i = hash.sizeBytes; i < block.length; i++) {
    const byte = block[i] ?? 0;
    const isOne = isZero(byte ^ 1);
    const isPadding = isZero(byte);
    // The first byte that is not zero must be one; whatever follows it is data.
    isGood &= (1 - isBefore) | isOne | isPadding;
    start |= -(isBefore & isOne) & (i + 1);
    isBefore &= isPadding;
  }
  isGood &= 1 - isBefore;
  return isGood * (1 + hash.sizeBytes + start) - (1 - isGood);
}

export interface PssHashes {
  readonly hash: HashFunction;
  readonly maskHash: HashFunction;
}

const TRAILER = 0xbc;

/** RFC 8017 §9.1.1 over a digest, for a modulus of `modulusBits`; null: the key is too short for hash and salt. */
export function encodePss(
  messageDigest: Uint8Array,
  modulusBits: number,
  saltSizeBytes: number,
  { hash, maskHash }: PssHashes,
): Buffer | null {
  const bits = modulusBits - 1;
  const size = Math.ceil(bits / 8);
  if (size < hash.sizeBytes + saltSizeBytes + 2) return null;
  // As long as the modulus: one more byte than the encoding where that has a bit less.
  const whole = Buffer.alloc(Math.ceil(modulusBits / 8));
  const encoded = whole.subarray(whole.length - size);
  const block = encoded.subarray(0, size - hash.sizeBytes - 1);
  const salt = randomBytes(saltSizeBytes);
  const h = digest(hash, Buffer.alloc(8), messageDigest, salt);
  block[block.length - saltSizeBytes - 1] = 1;
  block.set(salt, block.length - saltSizeBytes);
  mask(block, h, maskHash);
  encoded[0] = (encoded[0] ?? 0) & (0xff >>> (8 * size - bits));
  encoded.set(h, block.length);
  encoded[size - 1] = TRAILER;
  return whole;
}

/**
 * RFC 8017 §9.1.2 over a digest. `saltSizeBytes` undefined: any salt. `whole` is what the signature opens to, as long as
 * the modulus; nothing here is secret.
 */
export function isPssEncoding(
  whole: Uint8Array,
  messageDigest: Uint8Array,
  modulusBits: number,
  saltSizeBytes: number | undefined,
  { hash, maskHash }: PssHashes,
): boolean {
  const bits = modulusBits - 1;
  const size = Math.ceil(bits / 8);
  const encoded = Buffer.from(whole.subarray(whole.length - size));
  const blockSize = size - hash.sizeBytes - 1;
  const topBits = 8 * size - bits;
  if (whole.length > size && whole[0] !== 0) return false;
  if (blockSize < 1 || encoded[size - 1] !== TRAILER || (encoded[0] ?? 0) >>> (8 - topBits) !== 0)
    return false;
  const block = encoded.subarray(0, blockSize);
  const h = encoded.subarray(blockSize, size - 1);
  mask(block, h, maskHash);
  block[0] = (block[0] ?? 0) & (0xff >>> topBits);
  const one = block.findIndex((byte) => byte !== 0);
  if (one < 0 || block[one] !== 1) return false;
  const salt = block.subarray(one + 1);
  if (saltSizeBytes !== undefined && salt.length !== saltSizeBytes) return false;
  return timingSafeEqual(h, digest(hash, Buffer.alloc(8), messageDigest, salt));
}
