/**
 * Reads that wait to be written into the outbox: a ring of places that are there from the start, so that noting one costs
 * a few assignments. Bounded; whoever adds looks at `isFull` first.
 */
import type { GatewayIdentity } from '../mesh/index.ts';

/** Who asked, from where. One object for as long as a connection's identity does not change. */
export interface Caller {
  readonly identity: GatewayIdentity;
  readonly peer: string;
}

/** A correlation id, or the number that it is made of. */
export type Correlation = string | number;

export interface NotedRead {
  /** Grows by one with each read of this process. */
  readonly number: number;
  readonly uid: string;
  readonly by: Caller;
  readonly correlation: Correlation;
  readonly atMs: number;
}

export class AuditRing {
  readonly #capacity: number;
  readonly #uids: string[];
  readonly #callers: (Caller | undefined)[];
  readonly #correlations: Correlation[];
  readonly #times: Float64Array;
  /** Numbers of the oldest read that is held, and of the next. */
  #first = 0;
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#uids = new Array<string>(capacity).fill('');
    this.#callers = new Array<Caller | undefined>(capacity).fill(undefined);
    this.#correlations = new Array<Correlation>(capacity).fill(0);
    this.#times = new Float64Array(capacity);
  }

  get size(): number {
    return this.#next - this.#first;
  }

  /** All that were ever added. */
  get total(): number {
    return this.#next;
  }

  get isFull(): boolean {
    return this.#next - this.#first >= this.#capacity;
  }

  add(uid: string, by: Caller, correlation: Correlation): void {
    const at = this.#next % this.#capacity;
    this.#uids[at] = uid;
    this.#callers[at] = by;
    this.#correlations[at] = correlation;
    this.#times[at] = Date.now();
    this.#next += 1;
  }

  /** The oldest, which stay until they are dropped. */
  oldest(limit: number): readonly NotedRead[] {
    const reads: NotedRead[] = [];
    const end = Math.min(this.#next, this.#first + limit);
    for (let number = this.#first; number < end; number++) {
      const at = number % this.#capacity;
      const by = this.#callers[at];
      if (by === undefined) continue;
      reads.push({
        number,
        uid: this.#uids[at] ?? '',
        by,
        correlation: this.#correlations[at] ?? 0,
        atMs: this.#times[at] ?? 0,
      });
    }
    return reads;
  }

  /** The oldest are written, or let go. */
  drop(count: number): void {
    for (const end = Math.min(this.#next, this.#first + count); this.#first < end; this.#first++)
      this.#callers[this.#first % this.#capacity] = undefined;
  }
}
