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
/** Of the IVs that are made here (SP 800-38D §8.2). */
export const GCM_IV_BYTES = 12;
/** Numbers that say where a message lies, in the plan of `sealEach`. */
export const SEAL_PLACES = 8;
/** Larger than what V8 would keep in its own heap, where it moves things. */
const PLACES_BYTES = 128;

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
  /**
   * As `seal`, of text and additional data that lie inside `source`, with the IV that lies in `out` at `ivAt`: the
   * encrypted text is written at `outAt`, a tag of 16 bytes at `tagAt`. No views, no copies: for many short messages.
   *
   * The addon keeps the key's schedule for the next such call, and overwrites it before the event loop waits (D3).
   */
  sealAt(
    key: Uint8Array,
    source: Uint8Array,
    textAt: number,
    textLength: number,
    aadAt: number,
    aadLength: number,
    out: Uint8Array,
    outAt: number,
    ivAt: number,
    ivLength: number,
    tagAt: number,
  ): void;
  /**
   * As `sealAt`, of `count` messages under one key. `plan` has SEAL_PLACES numbers for each: textAt, textLength, aadAt,
   * aadLength, outAt, ivAt, ivLength, tagAt. Where one of them is impossible, those before it are sealed.
   */
  sealEach(key: Uint8Array, source: Uint8Array, out: Uint8Array, plan: Uint32Array, count: number): void;
  /** As `open`, of a message that lies inside `source`, with a tag of 16 bytes at `tagAt`. */
  openAt(
    key: Uint8Array,
    source: Uint8Array,
    textAt: number,
    textLength: number,
    aadAt: number,
    aadLength: number,
    ivAt: number,
    ivLength: number,
    tagAt: number,
    out: Uint8Array,
    outAt: number,
  ): boolean;
  /** Whether no key's schedule is kept for a next message. */
  isAtRest(): boolean;
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
  sealAt(key, source, textAt, textLength, aadAt, aadLength, out, outAt, ivAt, ivLength, tagAt) {
    const sealed = Buffer.alloc(textLength + MAX_GCM_TAG_BYTES);
    const tagRoom = place(out, tagAt, MAX_GCM_TAG_BYTES);
    const textRoom = place(out, outAt, textLength);
    const text = place(source, textAt, textLength);
    nodeGcm.seal(key, place(out, ivAt, ivLength), place(source, aadAt, aadLength), text, sealed);
    textRoom.set(sealed.subarray(0, textLength));
    tagRoom.set(sealed.subarray(textLength));
  },
  sealEach(key, source, out, plan, count) {
    if (count * SEAL_PLACES > plan.length) throw new GcmArgumentError('the plan has fewer messages');
    for (let i = 0; i < count; i++) {
      const places = plan.subarray(i * SEAL_PLACES, (i + 1) * SEAL_PLACES);
      const [textAt = 0, textLength = 0, aadAt = 0, aadLength = 0] = places;
      const [outAt = 0, ivAt = 0, ivLength = 0, tagAt = 0] = places.subarray(4);
      nodeGcm.sealAt(key, source, textAt, textLength, aadAt, aadLength, out, outAt, ivAt, ivLength, tagAt);
    }
  },
  openAt(key, source, textAt, textLength, aadAt, aadLength, ivAt, ivLength, tagAt, out, outAt) {
    return nodeGcm.open(
      key,
      place(source, ivAt, ivLength),
      place(source, aadAt, aadLength),
      place(source, textAt, textLength),
      place(source, tagAt, MAX_GCM_TAG_BYTES),
      place(out, outAt, textLength),
    );
  },
  isAtRest: () => true,
};

function place(whole: Uint8Array, at: number, length: number): Uint8Array {
  if (at < 0 || length < 0 || at + length > whole.length)
    throw new GcmArgumentError('a place lies outside of its buffer');
  return whole.subarray(at, at + length);
}

/** The addon at `path`; undefined where there is none, or none that this runtime can load. */
export function nativeGcm(path: string = NATIVE_GCM_PATH): GcmEngine | undefined {
  try {
    const addon: unknown = createRequire(import.meta.url)(path);
    if (!isEngine(addon)) return undefined;
    return { name: 'native', ...nativeCalls(addon) };
  } catch {
    return undefined;
  }
}

function nativeCalls({ seal, open, isAtRest, ...addon }: Addon): Omit<GcmEngine, 'name'> {
  // Where a message lies is told through memory: each argument of a call costs as much as writing all of these. A buffer
  // of its own is not moved, and nobody else can give it away.
  const places = new Uint32Array(new ArrayBuffer(PLACES_BYTES));
  addon.placesIn(new Uint8Array(places.buffer));
  return {
    seal,
    open,
    isAtRest,
    sealAt(key, source, textAt, textLength, aadAt, aadLength, out, outAt, ivAt, ivLength, tagAt) {
      places[0] = textAt;
      places[1] = textLength;
      places[2] = aadAt;
      places[3] = aadLength;
      places[4] = outAt;
      places[5] = ivAt;
      places[6] = ivLength;
      places[7] = tagAt;
      addon.sealAt(key, source, out);
    },
    // The addon takes bytes: the plan's own, as this machine writes its numbers.
    sealEach: (key, source, out, plan, count) =>
      addon.sealEach(key, source, out, new Uint8Array(plan.buffer, plan.byteOffset, plan.byteLength), count),
    openAt(key, source, textAt, textLength, aadAt, aadLength, ivAt, ivLength, tagAt, out, outAt) {
      places[0] = textAt;
      places[1] = textLength;
      places[2] = aadAt;
      places[3] = aadLength;
      places[4] = outAt;
      places[5] = ivAt;
      places[6] = ivLength;
      places[7] = tagAt;
      return addon.openAt(key, source, out);
    },
  };
}

const functions = ['seal', 'open', 'sealAt', 'sealEach', 'openAt', 'placesIn', 'isAtRest'] as const;

/** What the addon exports: its own source says what each of them takes. */
type Addon = Pick<GcmEngine, 'seal' | 'open' | 'isAtRest'> & {
  placesIn(bytes: Uint8Array): void;
  sealAt(key: Uint8Array, source: Uint8Array, out: Uint8Array): void;
  sealEach(key: Uint8Array, source: Uint8Array, out: Uint8Array, plan: Uint8Array, count: number): void;
  openAt(key: Uint8Array, source: Uint8Array, out: Uint8Array): boolean;
};

function isEngine(addon: unknown): addon is Addon {
  if (typeof addon !== 'object' || addon === null) return false;
  const members: Readonly<Record<string, unknown>> = { ...addon };
  return functions.every((name) => typeof members[name] === 'function');
}

/** The engine of this process. */
export const gcm: GcmEngine = nativeGcm() ?? nodeGcm;
