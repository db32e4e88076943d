/**
 * What an operation waits for outside of its transaction. An operation that needs slow work ends its transaction by
 * asking for it; once it is done, the operation runs again from the start, and finds the result.
 */

/** Ends a transaction that has to wait for slow work. No failure of the operation. */
export class UnfinishedWork extends Error {
  readonly finish: () => Promise<void>;
  constructor(finish: () => Promise<void>) {
    super('the operation goes on when its slow work is done');
    this.name = 'UnfinishedWork';
    this.finish = finish;
  }
}

interface Result {
  readonly key: string;
  readonly value: unknown;
  readonly discard: () => void;
}

/** What has been computed for the operations of one transaction, over all its attempts. */
export class SlowResults {
  readonly #results: Result[] = [];
  readonly #taken = new Set<Result>();

  /** A new attempt: every result is there again. */
  restart(): void {
    this.#taken.clear();
  }

  /** A result for `key` that nothing else in this attempt has taken. Lent until the operation's end: do not wipe it. */
  take(key: string): { readonly value: unknown } | undefined {
    const result = this.#results.find((one) => one.key === key && !this.#taken.has(one));
    if (result !== undefined) this.#taken.add(result);
    return result;
  }

  add<T>(key: string, value: T, discard: (value: T) => void): void {
    this.#results.push({ key, value, discard: () => discard(value) });
  }

  wipe(): void {
    for (const { discard } of this.#results) discard();
    this.#results.length = 0;
  }
}

/** Runs a transaction, and again after each slow work that it asks for. `run` calls `restart` at every attempt. */
export async function withSlowWork<T>(run: (slow: SlowResults) => Promise<T>): Promise<T> {
  const slow = new SlowResults();
  try {
    for (;;) {
      try {
        return await run(slow);
      } catch (error) {
        if (!(error instanceof UnfinishedWork)) throw error;
        await error.finish();
      }
    }
  } finally {
    slow.wipe();
  }
}
