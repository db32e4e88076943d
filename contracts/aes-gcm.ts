/**
 * AES-256-GCM that leaves neither key nor plaintext behind. The runtime's own ways do: a `KeyObject` and the copies of
 * WebCrypto wait for the collector, and the decipher writes the plaintext into memory that it gives back as it is. So
 * the key is handed to OpenSSL as bytes, whose schedule `final` cleanses; and a ciphertext is opened under a random
 * mask, which is taken away only in the caller's own memory, then checked by sealing the plaintext again.
 */
import { createCipheriv, randomFillSync, timingSafeEqual } from 'node:crypto';
import { withRawKey } from './raw-key.ts';

export const AES_256_KEY_BYTES = 32;
export const GCM_NONCE_BYTES = 12;
export const GCM_TAG_BYTES = 16;

/** NIST SP 800-38D §7.2: with a nonce of 96 bits the first block of text is encrypted with counter 2. */
const FIRST_COUNTER = 2;
const COUNTER_BLOCK_BYTES = 16;
const OPTIONS = { authTagLength: GCM_TAG_BYTES };

export interface GcmMessage {
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
  readonly text: Uint8Array;
  readonly tag: Uint8Array;
}

/** The nonce was never used under this key. */
export function gcmSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): { text: Buffer; tag: Buffer } {
  const cipher = withRawKey(() => createCipheriv('aes-256-gcm', key, nonce, OPTIONS));
  cipher.setAAD(aad);
  const text = cipher.update(plaintext);
  cipher.final();
  return { text, tag: cipher.getAuthTag() };
}

/** Writes the plaintext to `into`, which is as long as the text. False, with `into` zeroised, when the message is not authentic. */
export function gcmOpen(key: Uint8Array, message: GcmMessage, into: Uint8Array): boolean {
  const { nonce, aad, text, tag } = message;
  if (into.length !== text.length) throw new RangeError('the plaintext is as long as the text');
  unmask(key, nonce, text, into);
  const sealed = gcmSeal(key, nonce, aad, into);
  if (sealed.tag.length === tag.length && timingSafeEqual(sealed.tag, tag)) return true;
  into.fill(0);
  return false;
}

function unmask(key: Uint8Array, nonce: Uint8Array, text: Uint8Array, into: Uint8Array): void {
  const counter = Buffer.alloc(COUNTER_BLOCK_BYTES);
  counter.set(nonce);
  counter.writeUInt32BE(FIRST_COUNTER, GCM_NONCE_BYTES);
  const mask = randomFillSync(new Uint8Array(new ArrayBuffer(text.length)));
  const cipher = withRawKey(() => createCipheriv('aes-256-ctr', key, counter));
  const masked = cipher.update(mask);
  cipher.final();
  for (let i = 0; i < text.length; i++) into[i] = (masked[i] ?? 0) ^ (mask[i] ?? 0) ^ (text[i] ?? 0);
  mask.fill(0);
  masked.fill(0);
}
