/**
 * A key in this process: it prints as `[secret]`, its bytes are lent for the length of a call, and it is zeroised by `wipe`
 * or at the end of a `using` block.
 *
 * The bytes lie in an `ArrayBuffer` of their own, which the runtime neither moves nor copies. They are not locked: the
 * servers keep their keys in locked memory (D3) by a native library, and this SDK asks no program to install one.
 */
import { inspect } from 'node:util';

/** Larger than any symmetric key. */
const MAX_KEY_BYTES = 8_192;

export class SecretKey {
  #bytes: Uint8Array<ArrayBuffer> | null;

  private constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  /** Takes the bytes over, and zeroises the source. @throws RangeError */
  static take(source: Uint8Array): SecretKey {
    try {
      return SecretKey.fill(source.length, (bytes) => bytes.set(source));
    } finally {
      source.fill(0);
    }
  }

  /** Bytes that `write` computes in place. @throws RangeError */
  static fill(sizeBytes: number, write: (bytes: Uint8Array<ArrayBuffer>) => void): SecretKey {
    if (!Number.isInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > MAX_KEY_BYTES)
      throw new RangeError(`a key has at most ${MAX_KEY_BYTES} bytes`);
    const bytes = new Uint8Array(new ArrayBuffer(sizeBytes));
    write(bytes);
    return new SecretKey(bytes);
  }

  /** Lends the bytes to `fn`, which neither keeps nor copies them. @throws Error once wiped. */
  use<T>(fn: (bytes: Uint8Array) => T): T {
    if (this.#bytes === null) throw new Error('the key has been wiped');
    return fn(this.#bytes);
  }

  get sizeBytes(): number {
    return this.#bytes?.length ?? 0;
  }

  get isWiped(): boolean {
    return this.#bytes === null;
  }

  /** Zeroises. Wiping again does nothing. */
  wipe(): void {
    this.#bytes?.fill(0);
    this.#bytes = null;
  }

  [Symbol.dispose](): void {
    this.wipe();
  }

  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [inspect.custom](): string {
    return '[secret]';
  }
}
