/**
 * Many wraps under one long-lived key, an L3 above all (D5). A random nonce would be safe for about 2^32 messages
 * under one key, which a busy gateway spends in a day; so each process, start and key version wraps under a subkey
 * of its own (fresh 128-bit salt) with a counter as nonce, which cannot repeat. Past the budget a new salt begins.
 */
import { randomBytes } from 'node:crypto';
import type { EnvelopeContext } from './context.ts';
import {
  assertParent,
  deriveSubkey,
  type EnvelopeHeader,
  openDataWithSubkey,
  openWithSubkey,
  type ParentKey,
  parseHeader,
  SALT_BYTES,
  sealWith,
  writeHeader,
} from './envelope.ts';
import { NONCE_BYTES } from './gcm.ts';
import { type SecretBytes, SecretWipedError } from './secret.ts';

/** Wraps under one salt; then a new one. */
export const MAX_WRAPS_PER_SALT = 2 ** 32;
/** Derived subkeys kept for unwrapping: one per gateway process that ever wrapped under this key, most recently used. */
export const MAX_CACHED_SUBKEYS = 256;

export interface WrapSessionLimits {
  readonly maxWrapsPerSalt?: number;
  readonly maxCachedSubkeys?: number;
}

export class WrapSession {
  readonly parent: ParentKey;
  readonly #maxWraps: number;
  readonly #maxSubkeys: number;
  #header: Buffer | null = null;
  #subkey: SecretBytes | null = null;
  #wraps = 0;
  /** The number of the wrap under way; its first four bytes stay zero. */
  readonly #nonce = Buffer.alloc(NONCE_BYTES);
  /** By salt in base64; a Map keeps insertion order, so the first entry is the least recently used. */
  readonly #subkeys = new Map<string, SecretBytes>();
  #wiped = false;

  /** Borrows `parent.key`: its owner wipes it, and this session refuses from then on. */
  constructor(parent: ParentKey, limits: WrapSessionLimits = {}) {
    this.parent = parent;
    this.#maxWraps = Math.min(limits.maxWrapsPerSalt ?? MAX_WRAPS_PER_SALT, MAX_WRAPS_PER_SALT);
    this.#maxSubkeys = Math.max(1, limits.maxCachedSubkeys ?? MAX_CACHED_SUBKEYS);
  }

  /** @throws EnvelopeError TOO_LARGE; SecretWipedError once the parent key or this session is wiped. */
  wrap(plaintext: SecretBytes | Uint8Array, context: EnvelopeContext): Uint8Array {
    this.#assertAlive();
    if (this.#subkey === null || this.#header === null || this.#wraps >= this.#maxWraps) this.#renew();
    const { subkey, header } = this.#current();
    // Spent before use: a wrap that throws must not leave its nonce to the next one.
    const count = this.#wraps++;
    this.#nonce.writeUInt32BE(Math.floor(count / 0x1_0000_0000), NONCE_BYTES - 8);
    this.#nonce.writeUInt32BE(count >>> 0, NONCE_BYTES - 4);
    return sealWith(subkey, header, this.#nonce, plaintext, context);
  }

  /** Opens any envelope of this parent, from whichever process. @throws EnvelopeError; SecretWipedError */
  unwrap(envelope: Uint8Array, context: EnvelopeContext): SecretBytes {
    const { header, subkey } = this.#opening(envelope);
    return openWithSubkey(subkey, envelope, header, context);
  }

  /**
   * As `unwrap`, into ordinary memory, for a client's data that leaves the process at once: half the cost, but parts of
   * the plaintext stay in memory that was given back. Never for a key that is kept here. The caller wipes the bytes.
   */
  unwrapData(envelope: Uint8Array, context: EnvelopeContext): Buffer {
    const { header, subkey } = this.#opening(envelope);
    return openDataWithSubkey(subkey, envelope, header, context);
  }

  /** What this session and its parent key take of the memory for secrets; it grows as envelopes are opened. */
  get footprintBytes(): number {
    let sum = this.parent.key.footprintBytes + (this.#subkey?.footprintBytes ?? 0);
    for (const subkey of this.#subkeys.values()) sum += subkey.footprintBytes;
    return sum;
  }

  /** Zeroises every derived subkey; the parent key is its owner's to wipe. */
  wipe(): void {
    this.#wiped = true;
    this.#subkey?.wipe();
    this.#subkey = null;
    for (const subkey of this.#subkeys.values()) subkey.wipe();
    this.#subkeys.clear();
  }
  [Symbol.dispose](): void {
    this.wipe();
  }

  #opening(envelope: Uint8Array): { header: EnvelopeHeader; subkey: SecretBytes } {
    this.#assertAlive();
    const header = parseHeader(envelope);
    assertParent(header, this.parent);
    return { header, subkey: this.#subkeyOf(header.salt) };
  }

  #assertAlive(): void {
    if (!this.#wiped && this.parent.key.isWiped) this.wipe();
    if (this.#wiped) throw new SecretWipedError();
  }

  #renew(): void {
    const salt = randomBytes(SALT_BYTES);
    this.#header = writeHeader(this.parent, salt);
    this.#subkey?.wipe();
    this.#subkey = deriveSubkey(this.parent.key, salt);
    this.#wraps = 0;
  }

  #current(): { subkey: SecretBytes; header: Buffer } {
    if (this.#subkey === null || this.#header === null) throw new SecretWipedError();
    return { subkey: this.#subkey, header: this.#header };
  }

  #subkeyOf(salt: Uint8Array): SecretBytes {
    const name = Buffer.from(salt.buffer, salt.byteOffset, salt.byteLength).toString('base64');
    const known = this.#subkeys.get(name);
    const subkey = known ?? deriveSubkey(this.parent.key, salt);
    this.#subkeys.delete(name);
    this.#subkeys.set(name, subkey);
    if (this.#subkeys.size > this.#maxSubkeys) this.#evictOldest();
    return subkey;
  }

  #evictOldest(): void {
    const oldest = this.#subkeys.entries().next().value;
    if (oldest === undefined) return;
    this.#subkeys.delete(oldest[0]);
    oldest[1].wipe();
  }
}
