/**
 * The body of a request, put together as it comes. One block of memory, whatever pieces the peer cuts it into: kept
 * apart, pieces of a byte take hundreds of times what they hold (D14).
 */

const FIRST_BYTES = 4_096;

export class Body {
  #bytes: Buffer = Buffer.alloc(0);
  #sizeBytes = 0;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Returns whether there was room. */
  add(piece: Uint8Array): boolean {
    const sizeBytes = this.#sizeBytes + piece.length;
    if (sizeBytes > this.#limit) return false;
    if (sizeBytes > this.#bytes.length) this.#grow(sizeBytes);
    this.#bytes.set(piece, this.#sizeBytes);
    this.#sizeBytes = sizeBytes;
    return true;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#sizeBytes);
  }

  #grow(neededBytes: number): void {
    const former = this.#bytes;
    this.#bytes = Buffer.alloc(Math.min(this.#limit, Math.max(neededBytes, 2 * former.length, FIRST_BYTES)));
    this.#bytes.set(former);
    // It may have held a key.
    former.fill(0);
  }
}
