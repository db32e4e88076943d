/**
 * Data keys in this process, bounded in number, age and use, and zeroised when they leave. A key is lent for the length
 * of a call, in which one message's key is derived from it: so it can be wiped at any time, under whatever stream.
 */
import { type KeyReference, referenceId } from './header.ts';
import type { FoundKey } from './key-sources.ts';
import { SealedDataError } from './sealed-data-error.ts';
import type { SecretKey } from './secret-key.ts';

export interface DataKeyLimits {
  /** Keys in memory; the one least recently used is wiped. */
  readonly maxKeys: number;
  /** From its fetching; then it is fetched again, and no longer sealed with. It bounds how late a revocation is noticed. */
  readonly maxAgeMs: number;
  /** Messages sealed with one key; then another is made. */
  readonly maxMessages: number;
  /** Bytes sealed with one key; the message that passes it is the last one. */
  readonly maxBytes: number;
}

/**
 * Each message has a key of its own, from a salt of 256 bits, so that these bound how much is lost with one data key, not
 * what AES-GCM bears.
 */
export const DEFAULT_DATA_KEY_LIMITS: DataKeyLimits = {
  maxKeys: 1_000,
  maxAgeMs: 5 * 60_000,
  maxMessages: 2 ** 20,
  maxBytes: 2 ** 36,
};
/** What has come to its age is wiped by then, used or not, within this part of the age. */
const SWEEPS_PER_AGE = 10;

export interface LentKey {
  readonly reference: KeyReference;
  readonly key: SecretKey;
  /** Bytes that are being sealed with it. */
  charge(bytes: number): void;
}

class CachedKey implements LentKey {
  readonly reference: KeyReference;
  readonly key: SecretKey;
  readonly expiresAt: number;
  messages = 0;
  bytes = 0;

  constructor({ reference, key }: FoundKey, expiresAt: number) {
    this.reference = reference;
    this.key = key;
    this.expiresAt = expiresAt;
  }

  charge(bytes: number): void {
    this.bytes += bytes;
  }
}

export interface KeyCacheOptions {
  readonly limits: DataKeyLimits;
  readonly make: () => Promise<FoundKey>;
  readonly find: (reference: KeyReference) => Promise<FoundKey>;
  /** In milliseconds, never going back. */
  readonly now?: (() => number) | undefined;
}

export class KeyCache {
  readonly #options: KeyCacheOptions;
  readonly #now: () => number;
  /** Least recently used first. */
  readonly #keys = new Map<string, CachedKey>();
  /** One question for all who wait for the same key. */
  readonly #finding = new Map<string, Promise<CachedKey>>();
  #current: CachedKey | undefined;
  #making: Promise<CachedKey> | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: KeyCacheOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Lends the key to seal the next message with. @throws what making it does; SealedDataError CLOSED. */
  async withCurrent<T>(fn: (key: LentKey) => T): Promise<T> {
    for (let next = this.#current; ; next = await this.#making) {
      this.#requireOpen();
      if (next !== undefined && this.#mayStillSeal(next)) {
        next.messages++;
        this.#touch(next);
        return fn(next);
      }
      this.#making ??= this.#make();
    }
  }

  /** Lends the key that a message names. @throws what finding it does; SealedDataError CLOSED. */
  async withKey<T>(reference: KeyReference, fn: (key: LentKey) => T): Promise<T> {
    const id = referenceId(reference);
    for (let next = this.#keys.get(id); ; next = await this.#finding.get(id)) {
      this.#requireOpen();
      if (next !== undefined && this.#isFresh(next)) {
        this.#touch(next);
        return fn(next);
      }
      if (!this.#finding.has(id)) this.#finding.set(id, this.#find(id, reference));
    }
  }

  /** Wipes all keys. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const { key } of this.#keys.values()) key.wipe();
    this.#keys.clear();
    this.#current = undefined;
  }

  async #make(): Promise<CachedKey> {
    try {
      this.#current = this.#keep(await this.#options.make());
      return this.#current;
    } finally {
      this.#making = undefined;
    }
  }

  async #find(id: string, reference: KeyReference): Promise<CachedKey> {
    try {
      return this.#keep(await this.#options.find(reference));
    } finally {
      this.#finding.delete(id);
    }
  }

  #keep(found: FoundKey): CachedKey {
    const { maxAgeMs, maxKeys } = this.#options.limits;
    if (this.#closed) {
      found.key.wipe();
      throw new SealedDataError('CLOSED');
    }
    const id = referenceId(found.reference);
    this.#drop(id);
    const cached = new CachedKey(found, this.#now() + maxAgeMs);
    this.#keys.set(id, cached);
    for (const oldest of this.#keys.keys()) {
      if (this.#keys.size <= maxKeys) break;
      this.#drop(oldest);
    }
    if (this.#sweeper === undefined) {
      this.#sweeper = setInterval(() => this.#sweep(), Math.max(1, maxAgeMs / SWEEPS_PER_AGE));
      this.#sweeper.unref();
    }
    return cached;
  }

  #touch(cached: CachedKey): void {
    const id = referenceId(cached.reference);
    this.#keys.delete(id);
    this.#keys.set(id, cached);
  }

  #mayStillSeal(cached: CachedKey): boolean {
    const { maxMessages, maxBytes } = this.#options.limits;
    return this.#isFresh(cached) && cached.messages < maxMessages && cached.bytes < maxBytes;
  }

  #isFresh({ key, expiresAt }: CachedKey): boolean {
    return !key.isWiped && this.#now() < expiresAt;
  }

  #sweep(): void {
    for (const [id, cached] of this.#keys) if (!this.#isFresh(cached)) this.#drop(id);
    if (this.#keys.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #drop(id: string): void {
    this.#keys.get(id)?.key.wipe();
    this.#keys.delete(id);
  }

  #requireOpen(): void {
    if (this.#closed) throw new SealedDataError('CLOSED');
  }
}
