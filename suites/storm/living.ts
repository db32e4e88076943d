/** Objects that a storm has made. They are destroyed as fast as they come, but for some that requests need. */
import type { KmipClient } from '../../execution/kmip/index.ts';
import { destroyAll, destroyEverything } from '../conformance/clean-up.ts';
import type { Memory } from './corpus.ts';
import type { Random } from './random.ts';

const KEPT = 200;
const AT_ONCE = 50;

export class Living implements Memory {
  readonly #client: KmipClient;
  readonly #random: Random;
  readonly #uids = new Set<string>();
  #correlationValue: Uint8Array | undefined;
  #trimming: Promise<void> | undefined;
  made = 0;
  destroyed = 0;

  constructor(client: KmipClient, random: Random) {
    this.#client = client;
    this.#random = random;
  }

  uid(): string | undefined {
    return this.#uids.size === 0 ? undefined : this.#random.pick([...this.#uids]);
  }

  correlationValue(): Uint8Array | undefined {
    return this.#correlationValue;
  }

  noteCorrelationValue(value: Uint8Array): void {
    this.#correlationValue = Uint8Array.from(value);
  }

  add(uids: readonly string[]): void {
    for (const uid of uids) {
      if (!this.#uids.has(uid)) this.made += 1;
      this.#uids.add(uid);
    }
  }

  get size(): number {
    return this.#uids.size;
  }

  /** Destroys the oldest beyond those that are kept, once there are many of them; whoever comes meanwhile waits. */
  async trim(): Promise<void> {
    if (this.#uids.size < KEPT + AT_ONCE) return;
    this.#trimming ??= this.#destroyOldest().finally(() => {
      this.#trimming = undefined;
    });
    await this.#trimming;
  }

  async #destroyOldest(): Promise<void> {
    const oldest = [...this.#uids].slice(0, this.#uids.size - KEPT);
    for (const uid of oldest) this.#uids.delete(uid);
    const left = await destroyAll(this.#client, oldest);
    this.destroyed += oldest.length - left.length;
  }

  /** Destroys what is left, whether we know of it or not. Returns what could not be destroyed. */
  async end(): Promise<readonly string[]> {
    return await destroyEverything(this.#client);
  }
}
