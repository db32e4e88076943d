/**
 * A bounded number at work and a bounded number in line (D14). Work may name whom it is for: then nobody has more than
 * a share of either, and whoever waits for a share of their own is passed by the others.
 */

export class QueueFullError extends Error {
  readonly code = 'OKCM_QUEUE_FULL';
  constructor(message = 'too many requests are waiting') {
    super(message);
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
  /** In line, in milliseconds; default: for as long as it takes. */
  readonly maxWaitMs?: number;
}

interface Waiting {
  readonly key: string | undefined;
  readonly start: () => void;
}

export class Semaphore {
  readonly #max: number;
  readonly #maxQueued: number;
  readonly #maxPerKey: number;
  readonly #maxQueuedPerKey: number;
  readonly #maxWaitMs: number | undefined;
  /** In the order of arrival. */
  readonly #waiting: Waiting[] = [];
  readonly #activeOf = new Map<string, number>();
  #active = 0;

  constructor({ max, maxQueued, maxPerKey = max, maxQueuedPerKey = maxQueued, maxWaitMs }: SemaphoreOptions) {
    this.#max = max;
    this.#maxQueued = maxQueued;
    this.#maxPerKey = maxPerKey;
    this.#maxQueuedPerKey = maxQueuedPerKey;
    this.#maxWaitMs = maxWaitMs;
  }

  /** At work. */
  get active(): number {
    return this.#active;
  }

  /** In line. */
  get queued(): number {
    return this.#waiting.length;
  }

  /** Throws QueueFullError: at once when the line is full, and when it has waited for too long. `key`: whom the work is for. */
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
    if (this.#active >= this.#max) return false;
    return key === undefined || (this.#activeOf.get(key) ?? 0) < this.#maxPerKey;
  }

  #count(key: string | undefined, by: 1 | -1): void {
    this.#active += by;
    if (key === undefined) return;
    const left = (this.#activeOf.get(key) ?? 0) + by;
    if (left > 0) this.#activeOf.set(key, left);
    else this.#activeOf.delete(key);
  }

  #wait(key: string | undefined): Promise<void> {
    const ofKey = () => this.#waiting.filter((waiting) => waiting.key === key).length;
    if (this.#waiting.length >= this.#maxQueued || (key !== undefined && ofKey() >= this.#maxQueuedPerKey)) {
      throw new QueueFullError();
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        key,
        start: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(new QueueFullError(`no place was free within ${this.#maxWaitMs} ms`));
      };
      const timer = this.#maxWaitMs === undefined ? undefined : setTimeout(giveUp, this.#maxWaitMs);
      this.#waiting.push(waiting);
    });
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
