/**
 * Refused messages on their way into an audit trail: equal ones are summed up, so that whoever floods a channel fills no trail
 * (D14), neither at once nor in the course of months, and what could not be written down goes into the next sum.
 */
import type { Logger } from '../platform/log.ts';
import {
  FLOODED_REJECTIONS_EVERY_MS,
  MAX_REJECTION_SUMS,
  REJECTION_SUM_REFILL_MS,
  REJECTIONS_EVERY_MS,
} from './limits.ts';
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
  /** Sums that may still be begun before names are no longer told apart. */
  #budget = MAX_REJECTION_SUMS;
  #refilledAtMs = Date.now();

  /** `record` writes sums down, all or none of them. */
  constructor(record: (sums: readonly RejectionSum[]) => Promise<void>, logger: Logger) {
    this.#record = record;
    this.#logger = logger;
  }

  add(rejection: Rejection): void {
    const now = new Date();
    const isPaid = this.#sums.has(keyOf(rejection)) || this.#pay(now.getTime());
    this.#sum({ rejection, count: 1, firstAt: now, lastAt: now }, isPaid);
    this.#timer ??= this.#flushLater();
  }

  #pay(nowMs: number): boolean {
    this.#refilledAtMs = Math.min(this.#refilledAtMs, nowMs); // a clock may be set back
    const refill = Math.floor((nowMs - this.#refilledAtMs) / REJECTION_SUM_REFILL_MS);
    this.#budget = Math.min(MAX_REJECTION_SUMS, this.#budget + refill);
    this.#refilledAtMs += refill * REJECTION_SUM_REFILL_MS;
    if (this.#budget === 0) return false;
    this.#budget--;
    return true;
  }

  #flushLater(): NodeJS.Timeout {
    const waitMs = this.#budget > 0 ? REJECTIONS_EVERY_MS : FLOODED_REJECTIONS_EVERY_MS;
    return setTimeout(() => this.#flush(), waitMs);
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
      if (this.#sums.size > 0) this.#timer = this.#flushLater();
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
      for (const sum of sums) this.#sum(sum, true);
      this.#logger.error(
        { err: error },
        'refused messages are not in the audit trail yet; it is tried again',
      );
    }
  }

  #sum(more: Sum, isPaid: boolean): void {
    const isNew = !this.#sums.has(keyOf(more.rejection));
    // Whoever makes names up as he goes fills the rest of the sum, and not the trail.
    const isNamed = isPaid && !(isNew && this.#sums.size >= MAX_REJECTION_SUMS);
    const { code, channel } = more.rejection;
    const rejection = isNamed ? more.rejection : { code, channel };
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
