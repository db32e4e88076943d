/** Data that is held back until all of it is there, zeroised when it is not needed any more. */
import { KmipError } from '../kmip/index.ts';
import { MAX_GATHERED_BYTES } from './limits.ts';

export class Gathered {
  readonly #parts: Buffer[] = [];
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Keeps a copy. @throws KmipError Invalid Field past MAX_GATHERED_BYTES */
  add(data: Uint8Array): void {
    if (this.#sizeBytes + data.length > MAX_GATHERED_BYTES) {
      throw KmipError.invalidField(
        `this operation needs its data whole, and holds at most ${MAX_GATHERED_BYTES} bytes of a stream`,
      );
    }
    this.#sizeBytes += data.length;
    this.#parts.push(Buffer.from(data));
  }

  /** Lends all of it to `fn`, then zeroises it. */
  lend<T>(fn: (whole: Buffer) => T): T {
    const whole = Buffer.concat(this.#parts);
    this.wipe();
    try {
      return fn(whole);
    } finally {
      whole.fill(0);
    }
  }

  wipe(): void {
    for (const part of this.#parts) part.fill(0);
    this.#parts.length = 0;
    this.#sizeBytes = 0;
  }
}
