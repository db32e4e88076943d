/**
 * Counts the random IVs spent under each key (D5): GCM with 96 random bits is safe for 2^32 messages under one key
 * (NIST SP 800-38D §8.3). Counted in memory, written each second; the limit leaves room for what a crash forgets.
 */
import { MAX_CACHED_KEYS, MAX_RANDOM_IVS_PER_KEY, MAX_UNWRITTEN_IVS, RANDOM_IV_MARGIN } from '../limits.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { Store } from '../store/store.ts';

interface Count {
  used: number;
  /** Of those, what the store does not know of yet. */
  unwritten: number;
}

export interface IvBudgetOptions {
  readonly limit?: number;
  /** How many may be counted in memory alone. */
  readonly maxUnwritten?: number;
  /** Whether the key is open in memory: its count stays then. Default: no count has to. */
  readonly isOpen?: (uid: string) => boolean;
}

export class IvBudget {
  readonly #store: Store;
  readonly #limit: number;
  readonly #maxUnwritten: number;
  readonly #isOpen: (uid: string) => boolean;
  readonly #counts = new Map<string, Count>();

  constructor(store: Store, options: IvBudgetOptions = {}) {
    this.#store = store;
    this.#limit = options.limit ?? MAX_RANDOM_IVS_PER_KEY - RANDOM_IV_MARGIN;
    this.#maxUnwritten = options.maxUnwritten ?? MAX_UNWRITTEN_IVS;
    this.#isOpen = options.isOpen ?? (() => false);
  }

  /** A key has been opened under which so many have been spent, by whatever process. */
  learn(uid: string, used: number): void {
    const unwritten = this.#counts.get(uid)?.unwritten ?? 0;
    this.#counts.set(uid, { used: used + unwritten, unwritten });
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
    return true;
  }

  /** How many have been spent under the key. */
  spentOf(uid: string): number {
    return (this.#counts.get(uid) ?? this.#load(uid)).used;
  }

  /** Resolves when all counts are durable, and those of other processes on the same store are known. */
  async write(): Promise<void> {
    const spent = new Map<string, number>();
    for (const [uid, { unwritten }] of this.#counts) if (unwritten > 0) spent.set(uid, unwritten);
    if (spent.size > 0) {
      const totals = await this.#store.keys.addRandomIvs(spent);
      for (const [uid, written] of spent) this.#written(uid, written, totals.get(uid));
    }
    if (this.#counts.size <= MAX_CACHED_KEYS) return;
    for (const [uid, { unwritten }] of this.#counts)
      if (unwritten === 0 && !this.#isOpen(uid)) this.#counts.delete(uid);
  }

  #written(uid: string, written: number, total: number | undefined): void {
    const count = this.#counts.get(uid);
    if (count === undefined) return;
    count.unwritten -= written;
    if (total !== undefined) count.used = total + count.unwritten;
  }

  #load(uid: string): Count {
    // Of a key that is open `learn` has told; nobody encrypts under another.
    const used = this.#store.keys.randomIvsUsed(uid) ?? this.#limit;
    const count = { used, unwritten: 0 };
    this.#counts.set(uid, count);
    return count;
  }
}
