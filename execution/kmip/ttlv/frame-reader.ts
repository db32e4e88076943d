/**
 * Cuts a byte stream into whole TTLV messages. The first byte that cannot belong to a KMIP message, and the first
 * length beyond the limit, end the stream at once: nothing is buffered for a message that will be refused.
 */
import { TtlvError, type TtlvErrorCode } from './error.ts';
import { HEADER_BYTES, ItemType } from './item.ts';

/** 1 MiB: far above any message of the protocol's use, far below what a connection may cost. */
export const DEFAULT_MAX_FRAME_BYTES = 1024 * 1024;
/** The buffer of an incomplete message starts here and doubles as bytes arrive. */
const FIRST_BUFFER_BYTES = 4096;
/** How much of a refused message its error keeps: the part that holds the protocol version. */
const HEAD_BYTES = 64;

export type FrameReaderOptions = {
  /** Greatest size of a message, header included, in bytes. Default 1 MiB. */
  readonly maxFrameBytes?: number | undefined;
};

/** The stream cannot be read any further. `frames` are the whole messages that came before in the same chunk. */
export class FrameError extends TtlvError {
  readonly frames: readonly Uint8Array[];
  /** The first bytes of the refused message, as far as they have come: enough for `peekVersion` when they have. */
  readonly head: Uint8Array;

  constructor(code: TtlvErrorCode, detail: string, frames: readonly Uint8Array[], head: Uint8Array) {
    super(code, detail, { offset: 0 });
    this.name = 'FrameError';
    this.frames = frames;
    this.head = head;
  }
}

export class FrameReader {
  readonly #maxFrameBytes: number;
  #buffer: Buffer = Buffer.alloc(0);
  #filled = 0;
  #broken = false;

  constructor(options: FrameReaderOptions = {}) {
    this.#maxFrameBytes = options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES;
  }

  /** Bytes of a message that has not yet arrived whole; 0 between messages. */
  get pendingBytes(): number {
    return this.#filled;
  }

  /**
   * Takes what has arrived and returns the messages that are now whole, in order. A message that lies whole in
   * `chunk` is returned as a view of it.
   *
   * @throws FrameError when the stream is not KMIP or a message is too large. The reader is of no use afterwards.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    if (this.#broken) this.#fail('TTLV_NOT_KMIP', 'the stream has already been refused', frames, chunk);
    let rest = chunk;
    while (rest.length > 0) {
      const taken = this.#filled === 0 ? this.#whole(rest, frames) : 0;
      rest = rest.subarray(taken > 0 ? taken : this.#collect(rest, frames));
    }
    return frames;
  }

  /** Takes a message that lies whole at the start of `bytes`; returns its size, or 0 when it does not. */
  #whole(bytes: Uint8Array, frames: Uint8Array[]): number {
    const size = this.#frameBytes(bytes, frames);
    if (size === undefined || size > bytes.length) return 0;
    frames.push(bytes.subarray(0, size));
    return size;
  }

  /** Adds bytes to the incomplete message; returns how many it took. */
  #collect(bytes: Uint8Array, frames: Uint8Array[]): number {
    let taken = 0;
    if (this.#filled < HEADER_BYTES) {
      taken = this.#append(bytes.subarray(0, HEADER_BYTES - this.#filled), HEADER_BYTES);
    }
    const size = this.#frameBytes(this.#buffer.subarray(0, this.#filled), frames);
    if (size === undefined) return taken;
    taken += this.#append(bytes.subarray(taken, taken + size - this.#filled), size);
    if (this.#filled === size) {
      frames.push(this.#buffer.subarray(0, size));
      this.#buffer = Buffer.alloc(0);
      this.#filled = 0;
    }
    return taken;
  }

  /** Doubling keeps the work linear, and the memory within twice what has really arrived. */
  #append(bytes: Uint8Array, mostBytes: number): number {
    const need = this.#filled + bytes.length;
    if (need > this.#buffer.length) {
      const grown = Buffer.alloc(
        Math.max(need, Math.min(Math.max(mostBytes, HEADER_BYTES), Math.max(FIRST_BUFFER_BYTES, need * 2))),
      );
      this.#buffer.copy(grown, 0, 0, this.#filled);
      this.#buffer.fill(0);
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#filled);
    this.#filled = need;
    return bytes.length;
  }

  /** Size of the message that starts with `head`, header included; `undefined` until the header is there. */
  #frameBytes(head: Uint8Array, frames: readonly Uint8Array[]): number | undefined {
    if (head[0] !== 0x42) this.#fail('TTLV_NOT_KMIP', 'the first byte of a KMIP message is 42', frames, head);
    if (head.length > 3 && head[3] !== ItemType.Structure) {
      this.#fail('TTLV_NOT_KMIP', 'a KMIP message is a structure', frames, head);
    }
    if (head.length < HEADER_BYTES) return undefined;
    const length = new DataView(head.buffer, head.byteOffset, HEADER_BYTES).getUint32(4);
    const size = HEADER_BYTES + length;
    if (size > this.#maxFrameBytes) {
      const detail = `a message of ${size} bytes exceeds the limit of ${this.#maxFrameBytes}`;
      this.#fail('TTLV_TOO_LARGE', detail, frames, head);
    }
    if (length % 8 !== 0) {
      this.#fail('TTLV_LENGTH', `Structure length ${length} is not a multiple of 8`, frames, head);
    }
    return size;
  }

  #fail(code: TtlvErrorCode, detail: string, frames: readonly Uint8Array[], head: Uint8Array): never {
    const error = new FrameError(code, detail, frames, head.slice(0, HEAD_BYTES));
    this.#broken = true;
    this.#buffer.fill(0);
    this.#buffer = Buffer.alloc(0);
    this.#filled = 0;
    throw error;
  }
}
