/**
 * Locked memory of leased L3 versions over all leases (D3): what they and the subkeys derived from them take is counted,
 * and past the limit the version least recently used is let go. Active versions are counted and stay.
 */
import type { WrapSession } from '../../envelope/index.ts';
import { MAX_LEASED_BYTES } from '../limits.ts';

interface Entry {
  /** As last counted: sessions grow while they open envelopes. */
  bytes: number;
  readonly letGo: () => void;
}

export class LeasedMemory {
  readonly #maxBytes: number;
  readonly #active = new Map<WrapSession, Entry>();
  /** Insertion order is order of use: the first entry is the least recently used. */
  readonly #others = new Map<WrapSession, Entry>();
  #heldBytes = 0;

  constructor(maxBytes: number = MAX_LEASED_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get versions(): number {
    return this.#active.size + this.#others.size;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Counts a session from now on. `letGo` wipes it, and says so with `release`. */
  hold(session: WrapSession, letGo: () => void): void {
    this.#others.set(session, { bytes: 0, letGo });
    this.touch(session);
  }

  /** It has been used, or is about to be. */
  touch(session: WrapSession): void {
    const entry = this.#active.get(session) ?? this.#others.get(session);
    if (entry === undefined) return;
    const bytes = session.footprintBytes;
    this.#heldBytes += bytes - entry.bytes;
    entry.bytes = bytes;
    if (this.#others.delete(session)) this.#others.set(session, entry);
    this.#trim();
  }

  setActive(session: WrapSession, isActive: boolean): void {
    const [from, to] = isActive ? [this.#others, this.#active] : [this.#active, this.#others];
    const entry = from.get(session);
    if (entry === undefined) return;
    from.delete(session);
    to.set(session, entry);
  }

  release(session: WrapSession): void {
    const entry = this.#active.get(session) ?? this.#others.get(session);
    if (entry === undefined) return;
    this.#active.delete(session);
    this.#others.delete(session);
    this.#heldBytes -= entry.bytes;
  }

  /** The newest stays, whatever it takes: it is about to be used. */
  #trim(): void {
    for (const [, { letGo }] of this.#others) {
      if (this.#heldBytes <= this.#maxBytes || this.#others.size <= 1) return;
      letGo();
    }
  }
}
