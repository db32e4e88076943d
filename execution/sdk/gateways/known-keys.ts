/** What is known of the keys that one gateway holds. It need not be right: a wrong guess costs a place in a lane. */
import { MAX_KNOWN_KEYS, SLOW_KEY_MEMORY_MS } from '../limits.ts';

/** `made`: there, so that it surely holds it. `answered`: it has answered for the key, and not so slowly in the hot lane that the core must have. */
type Standing = 'made' | 'answered' | 'unknown';

interface Known {
  readonly standing: Standing;
  /** Until when it stays out of the hot lane, by the clock of `now`; 0: it is asked there. */
  readonly slowUntil: number;
}

export class KnownKeys {
  readonly #keys = new Map<string, Known>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether the gateway holds the key, as far as is known: others may have to ask for it, and may ask in vain (D6). */
  isHeld(uid: string): boolean {
    const known = this.#keys.get(uid);
    return known !== undefined && known.standing !== 'unknown';
  }

  /** Whether it answers for the key from memory: then it is asked in the hot lane. */
  isQuick(uid: string): boolean {
    const known = this.#keys.get(uid);
    if (known === undefined) return false;
    this.#keep(uid, known);
    return known.slowUntil === 0;
  }

  made(uid: string): void {
    this.#keep(uid, { standing: 'made', slowUntil: 0 });
  }

  /** The gateway has answered a request for the key. */
  answered(uid: string): void {
    const known = this.#keys.get(uid);
    if (known === undefined) this.#keep(uid, { standing: 'answered', slowUntil: 0 });
    else if (known.slowUntil <= this.#now())
      this.#keep(uid, { standing: known.standing === 'made' ? 'made' : 'answered', slowUntil: 0 });
  }

  /** An answer in the hot lane took longer than memory takes: it was the core's, unless the key was made here. */
  wasSlow(uid: string): void {
    const standing = this.#keys.get(uid)?.standing === 'made' ? 'made' : 'unknown';
    this.#keep(uid, { standing, slowUntil: this.#now() + SLOW_KEY_MEMORY_MS });
  }

  /** No answer came in time, which says nothing of who holds the key. */
  wasSilent(uid: string): void {
    const standing = this.#keys.get(uid)?.standing ?? 'unknown';
    this.#keep(uid, { standing, slowUntil: this.#now() + SLOW_KEY_MEMORY_MS });
  }

  get size(): number {
    return this.#keys.size;
  }

  #keep(uid: string, known: Known): void {
    this.#keys.delete(uid);
    this.#keys.set(uid, known);
    if (this.#keys.size <= MAX_KNOWN_KEYS) return;
    const [oldest] = this.#keys.keys();
    if (oldest !== undefined) this.#keys.delete(oldest);
  }
}
