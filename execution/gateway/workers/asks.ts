/** Questions over a pipe that have no answer yet: numbered, bounded in number by who asks, and in time here. */

interface Open<T> {
  readonly resolve: (answer: T | undefined) => void;
  readonly timer: NodeJS.Timeout;
}

export class OpenAsks<T> {
  readonly #open = new Map<number, Open<T>>();
  #last = 0;

  /** Sends a question; resolves with its answer, or with undefined after `waitMs`, and when all are given up. */
  put(send: (ask: number) => void, waitMs: number): Promise<T | undefined> {
    const ask = ++this.#last;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answer(ask, undefined), waitMs);
      this.#open.set(ask, { resolve, timer });
      send(ask);
    });
  }

  /** An answer that comes too late has nobody waiting. */
  answer(ask: number, answer: T | undefined): void {
    const open = this.#open.get(ask);
    if (open === undefined) return;
    this.#open.delete(ask);
    clearTimeout(open.timer);
    open.resolve(answer);
  }

  giveUp(): void {
    for (const ask of [...this.#open.keys()]) this.answer(ask, undefined);
  }
}
