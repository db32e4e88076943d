/**
 * AES-GCM of one message, by the addon of this folder where it could be compiled, else by the runtime's own ciphers, with
 * the same answers. Which one it is decides how many requests a gateway can serve, so that it tells: `gcm.name`.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { withRawKey } from '../../contracts/raw-key.ts';

/** Where `scripts/build-native.ts` puts the addon. */
export const NATIVE_GCM_PATH = resolve(import.meta.dirname, '../../.build/native/gcm.node');

export const MIN_GCM_TAG_BYTES = 12;
export const MAX_GCM_TAG_BYTES = 16;
export const MAX_GCM_IV_BYTES = 128;

/**
 * Sizes: a key of 16, 24 or 32 bytes; an IV of 1 to 128, never used before under this key; a tag of 12 to 16.
 * Anything else is a RangeError with the code OKCM_GCM_ARGUMENT.
 */
export interface GcmEngine {
  readonly name: 'native' | 'node';
  /** Fills `out` with the encrypted text and the tag behind it; `out` is longer than the text by as much as the tag. */
  seal(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, text: Uint8Array, out: Uint8Array): void;
  /**
   * Fills `out`, as long as the text, with the plaintext, and returns true; with zeros, and returns false, when the
   * message is not authentic.
   */
  open(
    key: Uint8Array,
    iv: Uint8Array,
    aad: Uint8Array,
    text: Uint8Array,
    tag: Uint8Array,
    out: Uint8Array,
  ): boolean;
}

class GcmArgumentError extends RangeError {
  readonly code = 'OKCM_GCM_ARGUMENT';
}

const ciphers = new Map([
  [16, 'aes-128-gcm'],
  [24, 'aes-192-gcm'],
  [32, 'aes-256-gcm'],
] as const);

function cipherFor(key: Uint8Array, iv: Uint8Array, tagBytes: number) {
  const name = ciphers.get(key.length as 16);
  if (name === undefined) throw new GcmArgumentError('a key has 16, 24 or 32 bytes');
  if (iv.length < 1 || iv.length > MAX_GCM_IV_BYTES) {
    throw new GcmArgumentError(`an initialization vector has 1 to ${MAX_GCM_IV_BYTES} bytes`);
  }
  if (tagBytes < MIN_GCM_TAG_BYTES || tagBytes > MAX_GCM_TAG_BYTES) {
    throw new GcmArgumentError(`a tag has ${MIN_GCM_TAG_BYTES} to ${MAX_GCM_TAG_BYTES} bytes`);
  }
  return name;
}

/** Leaves copies of key and text in the runtime's heap until they are collected. */
export const nodeGcm: GcmEngine = {
  name: 'node',
  seal(key, iv, aad, text, out) {
    const authTagLength = out.length - text.length;
    const name = cipherFor(key, iv, authTagLength);
    const cipher = withRawKey(() => createCipheriv(name, key, iv, { authTagLength }));
    if (aad.length > 0) cipher.setAAD(aad);
    out.set(cipher.update(text));
    cipher.final();
    out.set(cipher.getAuthTag(), text.length);
  },
  open(key, iv, aad, text, tag, out) {
    const name = cipherFor(key, iv, tag.length);
    if (out.length !== text.length) throw new GcmArgumentError('the output is as long as the text');
    const decipher = withRawKey(() => createDecipheriv(name, key, iv, { authTagLength: tag.length }));
    if (aad.length > 0) decipher.setAAD(aad);
    decipher.setAuthTag(tag);
    const plain = decipher.update(text);
    try {
      decipher.final();
      out.set(plain);
      return true;
    } catch {
      out.fill(0);
      return false;
    } finally {
      plain.fill(0);
    }
  },
};

/** The addon at `path`; undefined where there is none, or none that this runtime can load. */
export function nativeGcm(path: string = NATIVE_GCM_PATH): GcmEngine | undefined {
  try {
    const addon: unknown = createRequire(import.meta.url)(path);
    return isEngine(addon) ? { name: 'native', seal: addon.seal, open: addon.open } : undefined;
  } catch {
    return undefined;
  }
}

function isEngine(addon: unknown): addon is Pick<GcmEngine, 'seal' | 'open'> {
  return (
    typeof addon === 'object' &&
    addon !== null &&
    'seal' in addon &&
    typeof addon.seal === 'function' &&
    'open' in addon &&
    typeof addon.open === 'function'
  );
}

/** The engine of this process. */
export const gcm: GcmEngine = nativeGcm() ?? nodeGcm;
