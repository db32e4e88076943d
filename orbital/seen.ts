/**
 * Frames that have been dealt with, by their signatures. A broker repeats what it was not told to have been taken, and a thief
 * what he has recorded; neither is worth a second look. It is a help and no fence: what is forgotten here, or was seen by
 * another process, is answered from the record (D11).
 */
import { MAX_SEEN_FRAMES } from './limits.ts';

export class SeenFrames {
  /** Two generations: the older one is forgotten whole when the younger one is full. */
  #young = new Set<string>();
  #old = new Set<string>();

  has(signature: string): boolean {
    return this.#young.has(signature) || this.#old.has(signature);
  }

  add(signature: string): void {
    if (this.#young.size >= MAX_SEEN_FRAMES / 2) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(signature);
  }
}
