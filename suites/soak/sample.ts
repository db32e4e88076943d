/** A bounded sample of all that was ever offered, each with the same chance to be in it (reservoir sampling). */
import { randomInt } from 'node:crypto';

export class Sample<T> {
  readonly #size: number;
  readonly #items: T[] = [];
  #offered = 0;

  constructor(size: number) {
    this.#size = size;
  }

  offer(item: T): void {
    this.#offered += 1;
    if (this.#items.length < this.#size) {
      this.#items.push(item);
      return;
    }
    const place = randomInt(this.#offered);
    if (place < this.#size) this.#items[place] = item;
  }

  random(): T | undefined {
    return this.#items.length === 0 ? undefined : this.#items[randomInt(this.#items.length)];
  }

  get items(): readonly T[] {
    return this.#items;
  }
}
