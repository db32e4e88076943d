/**
 * Counts the random IVs spent under each key (D5): GCM with 96 random bits is safe for 2^32 messages under one key
 * (NIST SP 800-38D §8.3). Counted in memory, written each second, some at a time so that no request waits for all of them; the
 * limit leaves room for what a crash forgets.
 */
import {
  IV_COUNTS_WRITTEN_AT_ONCE,
  MAX_CACHED_KEYS,
  MAX_RANDOM_IVS_PER_KEY,
  MAX_UNWRITTEN_IVS,
  RANDOM_IV_MARGIN,
} from '../limits.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { Store } from '../store/store.ts';

interface Count {
  readonly uid: string;
  used: number;
  /** Of those, what the store does not know of yet. */
  unwritten: number;
  /** It waits in the line of those to be written. */
  isDue: boolean;
}

/**
 * Of the counts that are past their bound so many are looked at, in turn, for each that comes: more than one, so that they
 * come to an end, and few, since a request waits for it.
 */
const LOOKED_AT_FOR_EACH = 3;

export interface IvBudgetOptions {
  readonly limit?: number;
  /** How many may be counted in memory alone. */
  readonly maxUnwritten?: number;
  /** Whether the key is open in memory: its count stays then. Default: no count has to. */
  readonly isOpen?: (uid: string) => boolean;
  /** Counts past which those of keys that are not open are forgotten. */
  readonly maxCounts?: number;
}

export class IvBudget {
  readonly #store: Store;
  readonly #limit: number;
  readonly #maxUnwritten: number;
  readonly #maxCounts: number;
  readonly #isOpen: (uid: string) => boolean;
  readonly #counts = new Map<string, Count>();
  #due: Count[] = [];
  #writing: Promise<void> | undefined;
  #writingNext: Promise<void> | undefined;
  /** Goes round all counts, some at a time. */
  #round: Iterator<Count> | undefined;

  constructor(store: Store, options: IvBudgetOptions = {}) {
    this.#store = store;
    this.#limit = options.limit ?? MAX_RANDOM_IVS_PER_KEY - RANDOM_IV_MARGIN;
    this.#maxUnwritten = options.maxUnwritten ?? MAX_UNWRITTEN_IVS;
    this.#maxCounts = options.maxCounts ?? MAX_CACHED_KEYS;
    this.#isOpen = options.isOpen ?? (() => false);
  }

  /** Keys whose IVs are counted in memory. */
  get size(): number {
    return this.#counts.size;
  }

  /** A key has been opened under which so many have been spent, by whatever process. */
  learn(uid: string, used: number): void {
    const count = this.#counts.get(uid);
    if (count === undefined) this.#add(uid, used);
    // What was asked of the store before the last write is old news.
    else count.used = Math.max(count.used, used + count.unwritten);
  }

  /** @throws GatewayRefusal IV_BUDGET_SPENT; STORE_UNREACHABLE where too many could not be written */
  spend(uid: string): void {
    if (this.trySpend(uid)) return;
    throw new GatewayRefusal(this.spentOf(uid) >= this.#limit ? 'IV_BUDGET_SPENT' : 'STORE_UNREACHABLE');
  }

  /** Whether there was one left. */
  trySpend(uid: string): boolean {
    const count = this.#counts.get(uid) ?? this.#load(uid);
    if (count.used >= this.#limit || count.unwritten >= this.#maxUnwritten) return false;
    count.used += 1;
    count.unwritten += 1;
    if (!count.isDue) {
      count.isDue = true;
      this.#due.push(count);
    }
    return true;
  }

  /** How many have been spent under the key. */
  spentOf(uid: string): number {
    return (this.#counts.get(uid) ?? this.#load(uid)).used;
  }

  /**
   * Resolves when all that had been spent is durable, and what other processes on the same store have spent under those keys is
   * known. One write runs at a time, and one more waits for it. Rejects with the error of the store: what it has not taken is
   * written the next time.
   */
  write(): Promise<void> {
    if (this.#writingNext !== undefined) return this.#writingNext;
    if (this.#writing === undefined) return this.#write();
    const next = this.#writing
      .catch(() => undefined) // told to whoever began it
      .then(() => {
        this.#writingNext = undefined;
        return this.#write();
      });
    this.#writingNext = next;
    return next;
  }

  #write(): Promise<void> {
    const writing = this.#writeDue().finally(() => {
      this.#writing = undefined;
    });
    this.#writing = writing;
    return writing;
  }

  async #writeDue(): Promise<void> {
    const due = this.#due;
    this.#due = [];
    for (let at = 0; at < due.length; at += IV_COUNTS_WRITTEN_AT_ONCE) {
      const some = due.slice(at, at + IV_COUNTS_WRITTEN_AT_ONCE);
      // What is spent from here on is due again.
      for (const count of some) count.isDue = false;
      const spent = new Map(some.map(({ uid, unwritten }) => [uid, unwritten]));
      try {
        const totals = await this.#store.keys.addRandomIvs(spent);
        for (const count of some) {
          count.unwritten -= spent.get(count.uid) ?? 0;
          count.used = (totals.get(count.uid) ?? count.used - count.unwritten) + count.unwritten;
        }
      } catch (error) {
        // Those that were spent anew wait already.
        const again = some.filter(({ isDue }) => !isDue);
        for (const count of again) count.isDue = true;
        this.#due = [...again, ...due.slice(at + some.length), ...this.#due];
        throw error;
      }
    }
  }

  #forgetSome(): void {
    for (let left = LOOKED_AT_FOR_EACH; left > 0 && this.#counts.size >= this.#maxCounts; left--) {
      this.#round ??= this.#counts.values();
      const { value, done } = this.#round.next();
      if (done === true) this.#round = undefined;
      else if (value.unwritten === 0 && !this.#isOpen(value.uid)) this.#counts.delete(value.uid);
    }
  }

  #add(uid: string, used: number): Count {
    // Before it is there: its own key may be about to be opened.
    this.#forgetSome();
    const count = { uid, used, unwritten: 0, isDue: false };
    this.#counts.set(uid, count);
    return count;
  }

  #load(uid: string): Count {
    const used = this.#store.keys.randomIvsUsed(uid);
    // Of a key that is open `learn` has told; nobody encrypts under another.
    return used === undefined ? { uid, used: this.#limit, unwritten: 0, isDue: false } : this.#add(uid, used);
  }
}
