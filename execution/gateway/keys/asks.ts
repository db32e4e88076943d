/** Questions about one thing: one at a time, and whoever comes while one is under way shares it, or shares the next. */
export class Asks {
  readonly #ask: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(ask: () => Promise<void>) {
    this.#ask = ask;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** The question that is under way, or a new one. */
  join(): Promise<void> {
    return this.#running ?? this.#start();
  }

  /** A question that is put after this call: its answer knows all that the other side knows by now. */
  follow(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    const before = this.#running.catch(() => undefined);
    this.#next ??= before.then(() => {
      this.#next = undefined;
      return this.join();
    });
    return this.#next;
  }

  #start(): Promise<void> {
    const running = this.#ask().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
