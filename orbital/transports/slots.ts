/** A bounded number of handlers at work, and waiting for all of them at the end. */
export interface Slots {
  readonly free: number;
  /** Resolves when a slot is free. */
  available(): Promise<void>;
  /** Runs work in a slot; `work` must handle its own errors. */
  run(work: () => Promise<void>): void;
  /** Resolves when nothing is at work. */
  idle(): Promise<void>;
}

export function createSlots(max: number): Slots {
  const atWork = new Set<Promise<void>>();
  return {
    get free() {
      return max - atWork.size;
    },
    async available() {
      while (atWork.size >= max) await Promise.race(atWork);
    },
    run(work) {
      const promise = work().finally(() => atWork.delete(promise));
      atWork.add(promise);
    },
    async idle() {
      while (atWork.size > 0) await Promise.all(atWork);
    },
  };
}
