/**
 * A bounded number at work and a bounded number in line (D14). Work may name whom it is for: then nobody has more than
 * a share of either, and whoever waits for a share of their own is passed by the others.
 */

export class QueueFullError extends Error {
  readonly code = 'OKCM_QUEUE_FULL';
  constructor() {
    super('too many requests are waiting');
    this.name = 'QueueFullError';
  }
}

export interface SemaphoreOptions {
  readonly max: number;
  readonly maxQueued: number;
  /** At work for one key; default: no share of its own. */
  readonly maxPerKey?: number;
  /** In line for one key; default: no share of its own. */
  readonly maxQueuedPerKey?: number;
}

interface Waiting {
  readonly key: string | undefined;
  readonly start: () => void;
}

export class Semaphore {
  readonly #options: Required<SemaphoreOptions>;
  /** In the order of arrival. */
  readonly #waiting: Waiting[] = [];
  readonly #activeOf = new Map<string, number>();
  #active = 0;

  constructor({ max, maxQueued, maxPerKey = max, maxQueuedPerKey = maxQueued }: SemaphoreOptions) {
    this.#options = { max, maxQueued, maxPerKey, maxQueuedPerKey };
  }

  /** Throws QueueFullError at once when the line is full. `key`: whom the work is for. */
  async run<T>(fn: () => Promise<T>, key?: string): Promise<T> {
    if (this.#hasPlace(key)) this.#count(key, 1);
    else await this.#wait(key);
    try {
      return await fn();
    } finally {
      this.#count(key, -1);
      this.#startNext();
    }
  }

  #hasPlace(key: string | undefined): boolean {
    if (this.#active >= this.#options.max) return false;
    return key === undefined || (this.#activeOf.get(key) ?? 0) < this.#options.maxPerKey;
  }

  #count(key: string | undefined, by: 1 | -1): void {
    this.#active += by;
    if (key === undefined) return;
    const left = (this.#activeOf.get(key) ?? 0) + by;
    if (left > 0) this.#activeOf.set(key, left);
    else this.#activeOf.delete(key);
  }

  #wait(key: string | undefined): Promise<void> {
    const { maxQueued, maxQueuedPerKey } = this.#options;
    const ofKey = () => this.#waiting.filter((waiting) => waiting.key === key).length;
    if (this.#waiting.length >= maxQueued || (key !== undefined && ofKey() >= maxQueuedPerKey)) {
      throw new QueueFullError();
    }
    return new Promise((resolve) => this.#waiting.push({ key, start: resolve }));
  }

  /** The place passes on before anybody new can ask for it. */
  #startNext(): void {
    const index = this.#waiting.findIndex(({ key }) => this.#hasPlace(key));
    const [next] = index < 0 ? [] : this.#waiting.splice(index, 1);
    if (next === undefined) return;
    this.#count(next.key, 1);
    next.start();
  }
}
