// Wrapping a key for an import: RSA-OAEP (RFC 8017 §7.1) by itself, or around a fresh AES-256 key that wraps the material
// with padding (RFC 5649). The second is what PKCS#11 calls CKM_RSA_AES_KEY_WRAP (PKCS#11 2.40, §2.1.21).
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { OkcmError } from './errors.ts';

const hashes = {
  RSA_AES_KEY_WRAP_SHA_256: 'sha256',
  RSA_AES_KEY_WRAP_SHA_1: 'sha1',
  RSAES_OAEP_SHA_256: 'sha256',
} as const;
export type ImportAlgorithm = keyof typeof hashes;
export const importAlgorithms = Object.keys(hashes) as ImportAlgorithm[];

/** Longest material that is wrapped: an RSA-4096 private key in PKCS#8 has some 2,400 bytes. */
export const MAX_MATERIAL_BYTES = 4096;
/** What it can grow to: an RSA-4096 block before it, and its padding. */
export const MAX_WRAPPED_BYTES = MAX_MATERIAL_BYTES + 512 + 16;
const MIN_MODULUS_BITS = 2048;
const MAX_MODULUS_BITS = 4096;
const AES_KEY_BYTES = 32;
const KEY_WRAP_WITH_PADDING = 'id-aes256-wrap-pad';
/** RFC 5649 §3. */
const ALTERNATIVE_INITIAL_VALUE = Buffer.from('a65959a6', 'hex');

/**
 * The material wrapped for whoever holds the private half of `publicKey` (PEM, SubjectPublicKeyInfo, RSA of 2048 to 4096
 * bits). The material stays the caller's to wipe. Errors: WRAP_KEY_UNUSABLE, WRAP_MATERIAL_UNUSABLE.
 */
export function wrapForImport(publicKey: string, algorithm: ImportAlgorithm, material: Uint8Array): Buffer {
  const key = rsaOf(publicKey);
  if (material.length === 0 || material.length > MAX_MATERIAL_BYTES)
    throw new OkcmError(
      'WRAP_MATERIAL_UNUSABLE',
      `key material has 1 to ${MAX_MATERIAL_BYTES} bytes, not ${material.length}`,
    );
  const oaep = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hashes[algorithm] };
  if (algorithm === 'RSAES_OAEP_SHA_256') {
    const room = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8 - 2 * 32 - 2;
    if (material.length > room)
      throw new OkcmError('WRAP_MATERIAL_UNUSABLE', `this key wraps at most ${room} bytes by RSA alone`);
    return publicEncrypt(oaep, material);
  }
  const wrapping = randomBytes(AES_KEY_BYTES);
  try {
    const cipher = createCipheriv(KEY_WRAP_WITH_PADDING, wrapping, ALTERNATIVE_INITIAL_VALUE);
    return Buffer.concat([publicEncrypt(oaep, wrapping), cipher.update(material), cipher.final()]);
  } finally {
    wrapping.fill(0);
  }
}

/** The material again, for the caller to wipe. Errors: WRAPPED_FORM_UNUSABLE, without a word on where it failed. */
export function unwrapImport(privateKey: KeyObject, algorithm: ImportAlgorithm, wrapped: Uint8Array): Buffer {
  const blockBytes = (privateKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  const oaep = {
    key: privateKey,
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: hashes[algorithm],
  };
  let wrapping: Buffer | undefined;
  try {
    if (wrapped.length > MAX_WRAPPED_BYTES) throw new Error('too long');
    if (algorithm === 'RSAES_OAEP_SHA_256') return privateDecrypt(oaep, wrapped);
    wrapping = privateDecrypt(oaep, wrapped.subarray(0, blockBytes));
    const decipher = createDecipheriv(KEY_WRAP_WITH_PADDING, wrapping, ALTERNATIVE_INITIAL_VALUE);
    const [material, rest] = [decipher.update(wrapped.subarray(blockBytes)), decipher.final()];
    if (rest.length === 0) return material;
    const whole = Buffer.concat([material, rest]);
    material.fill(0);
    rest.fill(0);
    return whole;
  } catch (cause) {
    throw new OkcmError('WRAPPED_FORM_UNUSABLE', 'what was wrapped does not open with this key', { cause });
  } finally {
    wrapping?.fill(0);
  }
}

function rsaOf(publicKey: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(publicKey);
  } catch (cause) {
    throw new OkcmError('WRAP_KEY_UNUSABLE', 'the wrapping key is no public key in PEM', { cause });
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < MIN_MODULUS_BITS || bits > MAX_MODULUS_BITS)
    throw new OkcmError(
      'WRAP_KEY_UNUSABLE',
      `a wrapping key is RSA of ${MIN_MODULUS_BITS} to ${MAX_MODULUS_BITS} bits`,
    );
  return key;
}
