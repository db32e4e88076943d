/**
 * Memory for answers, used again as soon as they have been sent: a fresh buffer for each read is most of what a busy server
 * gives its garbage collector to do, and would leave what was answered, keys among it, lying about.
 */

/** Larger answers get memory of their own. */
const KEPT_BYTES = 16 * 1024;
/** Buffers that wait to be used again, in a process. More are in use only while peers are slow to read. */
const MAX_WAITING = 64;

const waiting: OutputBuffer[] = [];

export class OutputBuffer {
  readonly #bytes: Buffer;
  #usedBytes = 0;
  /** To be called once the bytes have been sent, or never will be. */
  readonly sent = (): void => {
    this.#bytes.fill(0, 0, this.#usedBytes);
    if (this.#bytes.length === KEPT_BYTES && waiting.length < MAX_WAITING) waiting.push(this);
  };

  private constructor(sizeBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(sizeBytes);
  }

  /** With a copy of the first `length` bytes of `from`. */
  static of(from: Buffer, length: number): OutputBuffer {
    const buffer =
      (length > KEPT_BYTES ? undefined : waiting.pop()) ?? new OutputBuffer(Math.max(length, KEPT_BYTES));
    buffer.#usedBytes = length;
    from.copy(buffer.#bytes, 0, 0, length);
    return buffer;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#usedBytes);
  }
}
