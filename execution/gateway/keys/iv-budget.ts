/**
 * Counts the random IVs spent under each key (D5): GCM with 96 random bits is safe for 2^32 messages under one key
 * (NIST SP 800-38D §8.3). Counted in memory, written each second; the limit leaves room for what a crash forgets.
 */
import { MAX_CACHED_KEYS, MAX_RANDOM_IVS_PER_KEY, RANDOM_IV_MARGIN } from '../limits.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { Store } from '../store/store.ts';

interface Count {
  used: number;
  written: number;
}

export class IvBudget {
  readonly #store: Store;
  readonly #limit: number;
  readonly #counts = new Map<string, Count>();

  constructor(store: Store, limit: number = MAX_RANDOM_IVS_PER_KEY - RANDOM_IV_MARGIN) {
    this.#store = store;
    this.#limit = limit;
  }

  /** @throws GatewayRefusal IV_BUDGET_SPENT */
  spend(uid: string): void {
    if (!this.trySpend(uid)) throw new GatewayRefusal('IV_BUDGET_SPENT');
  }

  /** Whether there was one left. */
  trySpend(uid: string): boolean {
    const count = this.#counts.get(uid) ?? this.#load(uid);
    if (count.used >= this.#limit) return false;
    count.used += 1;
    return true;
  }

  /** How many have been spent under the key. */
  spentOf(uid: string): number {
    return (this.#counts.get(uid) ?? this.#load(uid)).used;
  }

  /** Resolves when all counts are durable. */
  async write(): Promise<void> {
    const changed = [...this.#counts].filter(([, { used, written }]) => used > written);
    if (changed.length === 0) return;
    const snapshot = changed.map(([uid, count]) => ({ uid, count, used: count.used }));
    const totals = new Map<Count, number>();
    await this.#store.commit(() => {
      for (const { uid, count, used } of snapshot)
        totals.set(count, this.#store.objects.addRandomIvs(uid, used - count.written));
    });
    for (const { count, used } of snapshot) {
      const total = totals.get(count) ?? used;
      // Other workers spend of the same budget, and what was spent here meanwhile comes on top.
      count.used += total - used;
      count.written = total;
    }
    if (this.#counts.size <= MAX_CACHED_KEYS) return;
    for (const [uid, { used, written }] of this.#counts) if (used === written) this.#counts.delete(uid);
  }

  #load(uid: string): Count {
    const used = this.#store.objects.randomIvsUsed(uid);
    const count = { used, written: used };
    this.#counts.set(uid, count);
    return count;
  }
}
