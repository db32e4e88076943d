/**
 * A circuit breaker: after some failures in a row nothing more is sent, until a probe has been answered. Probes come
 * with growing, jittered pauses, so that clients which failed together do not come back together.
 */
import { BREAKER_BACKOFF, BREAKER_FAILURES } from '../limits.ts';
import { backoffMs } from '../retries.ts';

export type BreakerState = 'closed' | 'open';

export interface BreakerOptions {
  /** Asks whether it is well again; resolves with the answer, and never rejects. */
  readonly probe: () => Promise<boolean>;
  readonly onChange: (state: BreakerState) => void;
  readonly random?: (() => number) | undefined;
}

export class Breaker {
  readonly #options: BreakerOptions;
  #failures = 0;
  #probes = 0;
  #state: BreakerState = 'closed';
  #timer: NodeJS.Timeout | undefined;
  #probing: Promise<void> | undefined;
  #ended = false;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get state(): BreakerState {
    return this.#state;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  failed(): void {
    this.#failures++;
    if (this.#state === 'open' || this.#ended || this.#failures < BREAKER_FAILURES) return;
    this.#state = 'open';
    this.#probes = 0;
    this.#probeLater();
    this.#options.onChange('open');
  }

  /** Probes now and not when it is time for it, if it is open; resolves with the outcome known. Never rejects. */
  async lookAgain(): Promise<void> {
    if (this.#state === 'closed' || this.#ended) return;
    clearTimeout(this.#timer);
    await this.#probe();
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #probeLater(): void {
    // Half of the pause is certain: a probe right away would meet what has just failed.
    const spreadMs = backoffMs(this.#probes++, BREAKER_BACKOFF, this.#options.random);
    const ceilingMs = Math.min(BREAKER_BACKOFF.capMs, BREAKER_BACKOFF.baseMs * 2 ** (this.#probes - 1));
    this.#timer = setTimeout(() => void this.#probe(), (ceilingMs + spreadMs) / 2);
    this.#timer.unref();
  }

  #probe(): Promise<void> {
    this.#probing ??= this.#probeOnce().finally(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  async #probeOnce(): Promise<void> {
    const isWell = await this.#options.probe();
    if (this.#ended || this.#state === 'closed') return;
    if (!isWell) {
      this.#probeLater();
      return;
    }
    this.#state = 'closed';
    this.#failures = 0;
    this.#options.onChange('closed');
  }
}
