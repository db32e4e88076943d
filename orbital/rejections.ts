/**
 * Refused messages on their way into an audit trail: equal ones are summed up, so that whoever floods a channel fills no trail
 * (D14), and what could not be written down goes into the next sum.
 */
import type { Logger } from '../platform/log.ts';
import { MAX_REJECTION_SUMS, REJECTIONS_EVERY_MS } from './limits.ts';
import type { Rejection } from './messages.ts';

export interface RejectionSum extends Rejection {
  readonly count: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
}
interface Sum {
  readonly rejection: Rejection;
  count: number;
  firstAt: Date;
  lastAt: Date;
}

export class RejectionSums {
  readonly #record: (sums: readonly RejectionSum[]) => Promise<void>;
  readonly #logger: Logger;
  #sums = new Map<string, Sum>();
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  /** `record` writes sums down, all or none of them; MAX_REJECTION_SUMS at most, each REJECTIONS_EVERY_MS. */
  constructor(record: (sums: readonly RejectionSum[]) => Promise<void>, logger: Logger) {
    this.#record = record;
    this.#logger = logger;
  }

  add(rejection: Rejection): void {
    const now = new Date();
    this.#sum({ rejection, count: 1, firstAt: now, lastAt: now });
    this.#timer ??= setTimeout(() => this.#flush(), REJECTIONS_EVERY_MS);
  }

  /** Writes what is not written down yet. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#writing;
    await this.#write();
    clearTimeout(this.#timer);
  }

  #flush(): void {
    this.#writing = this.#write().finally(() => {
      this.#timer = undefined;
      if (this.#sums.size > 0) this.#timer = setTimeout(() => this.#flush(), REJECTIONS_EVERY_MS);
    });
  }

  async #write(): Promise<void> {
    const sums = [...this.#sums.values()];
    if (sums.length === 0) return;
    this.#sums = new Map();
    try {
      await this.#record(sums.map(({ rejection, ...sum }) => ({ ...rejection, ...sum })));
      for (const { rejection, count } of sums)
        this.#logger.warn({ ...rejection, count }, 'messages were refused');
    } catch (error) {
      for (const sum of sums) this.#sum(sum);
      this.#logger.error(
        { err: error },
        'refused messages are not in the audit trail yet; it is tried again',
      );
    }
  }

  #sum(more: Sum): void {
    const exact = keyOf(more.rejection);
    // Whoever makes names up as he goes fills the rest of the sum, and not the trail.
    const isFull = !this.#sums.has(exact) && this.#sums.size >= MAX_REJECTION_SUMS;
    const { code, channel } = more.rejection;
    const rejection = isFull ? { code, channel } : more.rejection;
    const key = keyOf(rejection);
    const sum = this.#sums.get(key);
    if (sum === undefined) {
      this.#sums.set(key, { ...more, rejection });
      return;
    }
    sum.count += more.count;
    if (more.firstAt < sum.firstAt) sum.firstAt = more.firstAt;
    if (more.lastAt > sum.lastAt) sum.lastAt = more.lastAt;
  }
}

const keyOf = ({ code, channel, keyId, claims }: Rejection): string =>
  JSON.stringify([code, channel, keyId, claims]);
