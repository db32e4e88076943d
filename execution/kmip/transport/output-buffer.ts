/**
 * Memory for answers, used again as soon as they have been sent: a fresh buffer for each read is most of what a busy server
 * gives its garbage collector to do, and would leave what was answered, keys among it, lying about.
 */

/** A larger answer goes another way. */
export const OUTPUT_BUFFER_BYTES = 32 * 1024;
/** Buffers that wait to be used again, in a process. More are in use only while peers are slow to read. */
const MAX_WAITING = 64;

const waiting: OutputBuffer[] = [];

export class OutputBuffer {
  /** What is to be sent is written from its start. */
  readonly bytes = Buffer.allocUnsafeSlow(OUTPUT_BUFFER_BYTES);
  /** The last view of it: answers are often as long as those before them. */
  #view = this.bytes.subarray(0, 0);
  #isSecret = false;
  #isLent = true;
  /** To be called when what `first` gave has been sent, or never will be, or when nothing was written. */
  readonly giveBack = (): void => {
    // A buffer that waits twice would be given to two connections at once.
    if (!this.#isLent) return;
    this.#isLent = false;
    if (this.#isSecret) this.bytes.fill(0, 0, this.#view.length);
    this.#isSecret = false;
    if (waiting.length < MAX_WAITING) waiting.push(this);
  };

  static take(): OutputBuffer {
    const buffer = waiting.pop();
    if (buffer === undefined) return new OutputBuffer();
    buffer.#isLent = true;
    return buffer;
  }

  /** The first `length` bytes, which are zeroised once they have been sent if they are secret. */
  first(length: number, isSecret: boolean): Buffer {
    if (this.#view.length !== length) this.#view = this.bytes.subarray(0, length);
    this.#isSecret = isSecret;
    return this.#view;
  }
}
