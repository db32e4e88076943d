/** Random choices that a seed determines: a storm that found something can be had again. */

const UINT32 = 2 ** 32;

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to 2^32 − 1 (mulberry32). */
  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  }

  /** 0 to `below` − 1. */
  int(below: number): number {
    return Math.floor((this.uint32() / UINT32) * below);
  }

  chance(probability: number): boolean {
    return this.uint32() / UINT32 < probability;
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.int(from.length)];
    if (picked === undefined) throw new Error('there is nothing to pick from');
    return picked;
  }

  /** By weight. */
  weighted<T>(from: readonly (readonly [T, number])[]): T {
    let left = this.int(from.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [one, weight] of from) {
      left -= weight;
      if (left < 0) return one;
    }
    throw new Error('there is nothing to pick from');
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let index = 0; index < length; index++) bytes[index] = this.uint32() & 0xff;
    return bytes;
  }
}
