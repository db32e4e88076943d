/**
 * Slots for secrets (D3). Keys share a few locked arenas, because a mapping for each key runs into the kernel's limit
 * at some ten thousand keys, and because locking goes by pages. A slot is zeroised when it is freed. The rare secret
 * that is larger than any slot gets an allocation of its own.
 *
 * The bytes of a slot are a view of a whole arena: nobody may reach through `bytes.buffer` for more, nor hand the view
 * to anything that clones or transfers buffers (`structuredClone`, `postMessage`).
 */
import {
  allocate,
  footprintOf,
  GUARD_OVERHEAD_BYTES,
  release,
  SecretMemoryFullError,
} from './locked-memory.ts';

/** One arena, guards aside. Small enough for 32 of them under the usual `ulimit -l` of 8 MiB. */
export const ARENA_BYTES = 256 * 1024 - GUARD_OVERHEAD_BYTES;
/** AES keys and link secrets; HMAC keys and pairs of secrets; elliptic keys and passwords; RSA keys and certificates. */
export const SLOT_SIZES_BYTES = [32, 64, 512, 4096] as const;
/** Secrets larger than the largest slot, at once: each takes four mappings of the 65,530 that a process may have. */
export const MAX_LARGE_SECRETS = 4096;

/** A piece of memory for one secret. */
export interface MemorySlot {
  /** Exactly as long as asked for; null once freed. */
  readonly bytes: Buffer | null;
  /** What it takes of the memory for secrets. */
  readonly footprintBytes: number;
  /** Zeroises and gives back. Freeing again does nothing. */
  free(): void;
}

/** Slots of one size, over as many arenas as are in use. Arenas are kept: a process that needed one needs it again. */
class SlotPool {
  readonly slotBytes: number;
  /** Whole slots, last freed first. */
  readonly #free: Buffer[] = [];

  constructor(slotBytes: number) {
    this.slotBytes = slotBytes;
  }

  take(): Buffer {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const arena = allocate(ARENA_BYTES);
    arena.fill(0);
    for (let at = 0; at + this.slotBytes <= ARENA_BYTES; at += this.slotBytes)
      this.#free.push(arena.subarray(at, at + this.slotBytes));
    return this.take();
  }

  give(slot: Buffer): void {
    this.#free.push(slot);
  }
}

class PooledSlot implements MemorySlot {
  bytes: Buffer | null;
  readonly footprintBytes: number;
  readonly #pool: SlotPool;
  #whole: Buffer | null;

  constructor(pool: SlotPool, sizeBytes: number) {
    this.#pool = pool;
    this.#whole = pool.take();
    this.bytes = sizeBytes === pool.slotBytes ? this.#whole : this.#whole.subarray(0, sizeBytes);
    this.footprintBytes = pool.slotBytes;
  }

  free(): void {
    if (this.#whole === null) return;
    this.#whole.fill(0);
    this.#pool.give(this.#whole);
    this.#whole = null;
    this.bytes = null;
  }
}

class LargeSlot implements MemorySlot {
  static #count = 0;
  bytes: Buffer | null;
  readonly footprintBytes: number;

  constructor(sizeBytes: number) {
    if (LargeSlot.#count >= MAX_LARGE_SECRETS)
      throw new SecretMemoryFullError(`${MAX_LARGE_SECRETS} large secrets are held`);
    this.bytes = allocate(sizeBytes);
    this.footprintBytes = footprintOf(sizeBytes);
    LargeSlot.#count += 1;
  }

  free(): void {
    if (this.bytes === null) return;
    this.bytes.fill(0);
    release(this.bytes);
    this.bytes = null;
    LargeSlot.#count -= 1;
  }
}

const pools = SLOT_SIZES_BYTES.map((slotBytes) => new SlotPool(slotBytes));

/** A slot whose content is not defined: the caller overwrites it. @throws SecretMemoryFullError */
export function takeSlot(sizeBytes: number): MemorySlot {
  const pool = pools.find(({ slotBytes }) => sizeBytes <= slotBytes);
  return pool === undefined ? new LargeSlot(sizeBytes) : new PooledSlot(pool, sizeBytes);
}
