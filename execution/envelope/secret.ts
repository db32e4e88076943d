/**
 * Plaintext key material that cannot be logged, copied by accident, or forgotten: it prints as `[secret]`, its bytes
 * are lent for the length of a call only, and it is zeroised by `wipe`, by `wipeAllSecrets` at shutdown, or at the
 * latest when the collector finds it unreachable (D3). Everything that holds a key holds it as a `SecretBytes`; the
 * bytes lie in locked memory (`arena.ts`).
 */
import { randomFillSync, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import { type MemorySlot, takeSlot } from './arena.ts';

/** Larger than any key; registered objects such as certificate chains fit too. */
export const MAX_SECRET_BYTES = 1_048_576;

/** The material has been zeroised: its lease ended, its tenant was closed, or the process is stopping. */
export class SecretWipedError extends Error {
  readonly code = 'OKCM_SECRET_WIPED';
  constructor() {
    super('the key material has been wiped');
    this.name = 'SecretWipedError';
  }
}

/** Kept apart from the `SecretBytes` that lend them, so that the finaliser can still zeroise them. */
const liveSlots = new Set<MemorySlot>();
const abandoned = new FinalizationRegistry<MemorySlot>(wipeSlot);

function wipeSlot(slot: MemorySlot): void {
  slot.free();
  liveSlots.delete(slot);
}

/**
 * Random bytes in stock: the generator takes as long for one key as for many. They lie where the keys will, and each is
 * zeroised when it is given out.
 */
const STOCK_BYTES = 512;
let stock: MemorySlot | undefined;
let stockAt = STOCK_BYTES;

function fillRandom(into: Uint8Array): void {
  if (into.length * 2 > STOCK_BYTES) {
    randomFillSync(into);
    return;
  }
  if (stock === undefined || stock.bytes === null) {
    stock = takeSlot(STOCK_BYTES);
    stockAt = STOCK_BYTES;
  }
  const { bytes } = stock;
  if (bytes === null) throw new SecretWipedError();
  if (stockAt + into.length > STOCK_BYTES) {
    randomFillSync(bytes);
    stockAt = 0;
  }
  const end = stockAt + into.length;
  for (let from = stockAt, to = 0; from < end; from++, to++) {
    into[to] = bytes[from] ?? 0;
    bytes[from] = 0;
  }
  stockAt = end;
}

export class SecretBytes {
  readonly #slot: MemorySlot;
  readonly sizeBytes: number;

  private constructor(sizeBytes: number, slot: MemorySlot) {
    this.sizeBytes = sizeBytes;
    this.#slot = slot;
    liveSlots.add(slot);
    abandoned.register(this, slot, slot);
  }

  /** Fresh random material. @throws RangeError past MAX_SECRET_BYTES; SecretMemoryFullError. */
  static random(sizeBytes: number): SecretBytes {
    return SecretBytes.fill(sizeBytes, fillRandom);
  }

  /**
   * Takes over `source`: the material moves here, and the source is zeroised.
   * @throws RangeError past MAX_SECRET_BYTES; SecretMemoryFullError.
   */
  static take(source: Uint8Array): SecretBytes {
    try {
      return SecretBytes.fill(source.byteLength, (bytes) => bytes.set(source));
    } finally {
      source.fill(0);
    }
  }

  /**
   * Material that `write` computes in place, so that it lies nowhere else. `write` sets every byte; when it throws,
   * nothing is left. @throws as `random`
   */
  static fill(sizeBytes: number, write: (bytes: Uint8Array) => void): SecretBytes {
    if (!Number.isInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > MAX_SECRET_BYTES) {
      throw new RangeError(`a secret has at most ${MAX_SECRET_BYTES} bytes`);
    }
    const slot = takeSlot(sizeBytes);
    try {
      if (slot.bytes !== null) write(slot.bytes);
    } catch (error) {
      slot.free();
      throw error;
    }
    return new SecretBytes(sizeBytes, slot);
  }

  /**
   * Lends the bytes to `fn`, which must neither keep nor change them, nor copy them into memory that it does not
   * zeroise: a `KeyObject` is such a copy, so ciphers and HMACs are given the bytes. @throws SecretWipedError
   */
  use<T>(fn: (bytes: Uint8Array) => T): T {
    return fn(this.#bytes());
  }

  /** A second holder of the same material, wiped on its own. @throws SecretWipedError */
  clone(): SecretBytes {
    const source = this.#bytes();
    return SecretBytes.fill(source.length, (bytes) => bytes.set(source));
  }

  /** In constant time, but for a difference in length. @throws SecretWipedError */
  equals(other: SecretBytes): boolean {
    const mine = this.#bytes();
    const theirs = other.#bytes();
    return mine.length === theirs.length && timingSafeEqual(mine, theirs);
  }

  /** What this secret takes of the memory for secrets, for budgets. */
  get footprintBytes(): number {
    return this.#slot.footprintBytes;
  }

  get isWiped(): boolean {
    return this.#slot.bytes === null;
  }

  /** Zeroises. Wiping again does nothing. */
  wipe(): void {
    if (this.isWiped) return;
    wipeSlot(this.#slot);
    abandoned.unregister(this.#slot);
  }

  /** `using key = …` wipes at the end of the block, on every path. */
  [Symbol.dispose](): void {
    this.wipe();
  }

  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [inspect.custom](): string {
    return '[secret]';
  }

  #bytes(): Buffer {
    if (this.#slot.bytes === null) throw new SecretWipedError();
    return this.#slot.bytes;
  }
}

/** Zeroises every secret of this process; for shutdown. Whoever still uses one gets a SecretWipedError. */
export function wipeAllSecrets(): void {
  stock?.free();
  for (const slot of liveSlots) wipeSlot(slot);
}

/** How many secrets this process holds: for tests and gauges. */
export function liveSecretCount(): number {
  return liveSlots.size;
}
