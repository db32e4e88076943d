/**
 * What workers want of each other goes through the primary: the leader is asked to announce a tenant's keys, and whoever
 * has changed an object tells all others.
 */
import { MAX_SIBLING_WAIT_MS } from '../limits.ts';
import type { RefusalCode } from '../refusals.ts';
import type { ObjectChange, ToPrimary, ToWorker } from './messages.ts';

/** A worker, as far as it is spoken to. */
export interface Extension {
  send(message: ToWorker): void;
}

/** What the leader has been asked for; `ask` is the number by which `from` asked. */
interface Flush {
  readonly from: Extension;
  readonly ask: number;
  readonly tenant: string;
  readonly leader: Extension;
}

/** A change on its way to those that have not heard of it. */
interface News {
  readonly from: Extension;
  readonly ask: number;
  readonly deaf: Set<Extension>;
}

export type Call = Extract<ToPrimary, { kind: 'kick' | 'flush' | 'flushed' | 'changed' | 'heard' }>;

export class Switchboard<W extends Extension = Extension> {
  readonly #serving: () => readonly W[];
  readonly #flushes = new Map<number, Flush>();
  readonly #news = new Map<number, News>();
  #last = 0;

  /** @param serving Those that serve; the first of them leads. */
  constructor(serving: () => readonly W[]) {
    this.#serving = serving;
  }

  hear(from: W, call: Call): void {
    switch (call.kind) {
      case 'kick':
        this.#serving()[0]?.send({ kind: 'kick' });
        return;
      case 'flush':
        this.#flush(from, call.ask, call.tenant);
        return;
      case 'flushed':
        this.#flushed(call.ask, call.refusal);
        return;
      case 'changed':
        this.#changed(from, call.ask, call.changes);
        return;
      case 'heard':
        this.#heard(call.ask, from);
        return;
    }
  }

  /** The process is gone, and serves no more. */
  gone(worker: W): void {
    // Whoever leads now is asked in its place: announcing twice is harmless (D6).
    for (const [number, flush] of [...this.#flushes]) {
      if (flush.from !== worker && flush.leader !== worker) continue;
      this.#flushes.delete(number);
      if (flush.from !== worker) this.#flush(flush.from, flush.ask, flush.tenant);
    }
    for (const [number, news] of [...this.#news]) {
      if (news.from === worker) this.#news.delete(number);
      else this.#heard(number, worker);
    }
  }

  #flush(from: Extension, ask: number, tenant: string): void {
    const [leader] = this.#serving();
    if (leader === undefined) {
      from.send({ kind: 'flushed', ask, refusal: 'CORE_BUSY' });
      return;
    }
    const number = ++this.#last;
    this.#flushes.set(number, { from, ask, tenant, leader });
    leader.send({ kind: 'flush', ask: number, tenant });
  }

  #flushed(number: number, refusal: RefusalCode | undefined): void {
    const flush = this.#flushes.get(number);
    if (flush === undefined) return;
    this.#flushes.delete(number);
    flush.from.send({ kind: 'flushed', ask: flush.ask, refusal });
  }

  #changed(from: W, ask: number, changes: readonly ObjectChange[]): void {
    const number = ++this.#last;
    const deaf = new Set<Extension>(this.#serving().filter((worker) => worker !== from));
    this.#news.set(number, { from, ask, deaf });
    // Whoever does not answer any more is waited for by nobody after that.
    setTimeout(() => this.#news.delete(number), MAX_SIBLING_WAIT_MS).unref();
    for (const worker of deaf) worker.send({ kind: 'changed', ask: number, changes });
    this.#whenAllHeard(number);
  }

  #heard(number: number, worker: Extension): void {
    this.#news.get(number)?.deaf.delete(worker);
    this.#whenAllHeard(number);
  }

  #whenAllHeard(number: number): void {
    const news = this.#news.get(number);
    if (news === undefined || news.deaf.size > 0) return;
    this.#news.delete(number);
    news.from.send({ kind: 'heard', ask: news.ask });
  }
}
