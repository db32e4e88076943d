/** What is known of the keys that one gateway holds. It need not be right: a wrong guess costs a place in a lane. */
import { MAX_KNOWN_KEYS, SLOW_KEY_MEMORY_MS } from '../limits.ts';

export class KnownKeys {
  /** Held: 0. Not answered from memory: until when it stays out of the hot lane, by the clock of `now`. */
  readonly #keys = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  isHeld(uid: string): boolean {
    const until = this.#keys.get(uid);
    if (until === undefined) return false;
    this.#keep(uid, until);
    return until === 0;
  }

  /** The gateway has made the key, or has answered a request for it. */
  answered(uid: string): void {
    const until = this.#keys.get(uid);
    if (until === undefined || until <= this.#now()) this.#keep(uid, 0);
  }

  /** An answer in the hot lane took longer than memory takes: it was the core's. */
  wasSlow(uid: string): void {
    this.#keep(uid, this.#now() + SLOW_KEY_MEMORY_MS);
  }

  get size(): number {
    return this.#keys.size;
  }

  #keep(uid: string, until: number): void {
    this.#keys.delete(uid);
    this.#keys.set(uid, until);
    if (this.#keys.size <= MAX_KNOWN_KEYS) return;
    const [oldest] = this.#keys.keys();
    if (oldest !== undefined) this.#keys.delete(oldest);
  }
}
