/**
 * A message in chunks, each encrypted by itself: "STREAM" (Hoang, Reyhanitabar, Rogaway, Vizár 2015) as age has it. The
 * nonce is the chunk's number and whether it is the last, so that chunks can be neither moved nor left out, and the end
 * cannot be cut off. The nonces are not in the message.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { withRawKey } from './raw-key.ts';
import { SealedDataError } from './sealed-data-error.ts';
import type { SecretKey } from './secret-key.ts';

export const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const LAST_AT = NONCE_BYTES - 1;
/** The number lies before the flag: 11 bytes, of which four are used. */
const NUMBER_AT = LAST_AT - 4;
export const MAX_CHUNKS = 2 ** 32;
const ALGORITHM = 'aes-256-gcm';
const OPTIONS = { authTagLength: TAG_BYTES };

function nonceOf(number: number, isLast: boolean): Buffer {
  if (number >= MAX_CHUNKS) throw new SealedDataError('TOO_LARGE');
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(number, NUMBER_AT);
  nonce[LAST_AT] = isLast ? 1 : 0;
  return nonce;
}

/** Bytes that come in pieces of any size, given out in pieces of one size; what is left is held. */
class Pieces {
  readonly #size: number;
  readonly #buffer: Buffer;
  #filled = 0;

  constructor(size: number) {
    this.#size = size;
    this.#buffer = Buffer.allocUnsafeSlow(size);
  }

  /** Calls `each` with every whole piece that is certainly not the last: more bytes come after it. */
  push(bytes: Uint8Array, each: (piece: Uint8Array) => void): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#filled === this.#size) {
        each(this.#buffer);
        this.#filled = 0;
      }
      // Whole pieces that lie in what has come need no copy.
      while (this.#filled === 0 && bytes.length - at > this.#size) {
        each(bytes.subarray(at, at + this.#size));
        at += this.#size;
      }
      const taken = Math.min(this.#size - this.#filled, bytes.length - at);
      this.#buffer.set(bytes.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
    }
  }

  get rest(): Uint8Array {
    return this.#buffer.subarray(0, this.#filled);
  }

  wipe(): void {
    this.#buffer.fill(0);
  }
}

export class ChunkSealer {
  readonly #key: SecretKey;
  readonly #pieces: Pieces;
  #number = 0;

  /** Takes the key over. */
  constructor(key: SecretKey, chunkBytes: number) {
    this.#key = key;
    this.#pieces = new Pieces(chunkBytes);
  }

  /** The chunks that are ready. */
  push(plain: Uint8Array): Uint8Array[] {
    const sealed: Uint8Array[] = [];
    this.#pieces.push(plain, (piece) => sealed.push(this.#seal(piece, false)));
    return sealed;
  }

  /** The last chunk. Of no use afterwards. */
  finish(): Uint8Array {
    try {
      return this.#seal(this.#pieces.rest, true);
    } finally {
      this.wipe();
    }
  }

  wipe(): void {
    this.#key.wipe();
    this.#pieces.wipe();
  }

  #seal(plain: Uint8Array, isLast: boolean): Buffer {
    const nonce = nonceOf(this.#number++, isLast);
    const cipher = this.#key.use((key) => withRawKey(() => createCipheriv(ALGORITHM, key, nonce, OPTIONS)));
    const text = cipher.update(plain);
    cipher.final();
    return Buffer.concat([text, cipher.getAuthTag()]);
  }
}

export class ChunkOpener {
  readonly #key: SecretKey;
  readonly #pieces: Pieces;
  readonly #chunkBytes: number;
  #number = 0;

  /** Takes the key over. */
  constructor(key: SecretKey, chunkBytes: number) {
    this.#key = key;
    this.#chunkBytes = chunkBytes;
    this.#pieces = new Pieces(chunkBytes + TAG_BYTES);
  }

  /** The plain chunks that are ready, each of them authentic. @throws SealedDataError; of no use afterwards. */
  push(sealed: Uint8Array): Uint8Array[] {
    const plain: Uint8Array[] = [];
    this.#pieces.push(sealed, (piece) => {
      const opened = this.#open(piece, false);
      if (opened === null) throw this.#refusal('NOT_AUTHENTIC');
      this.#number++;
      plain.push(opened);
    });
    return plain;
  }

  /** The last chunk, and with it that nothing is missing. @throws SealedDataError */
  finish(): Uint8Array {
    try {
      const { rest } = this.#pieces;
      if (rest.length < TAG_BYTES) throw new SealedDataError('TRUNCATED');
      // Only a message of nothing ends in a chunk of nothing: every message has one form.
      const opened = rest.length === TAG_BYTES && this.#number > 0 ? null : this.#open(rest, true);
      if (opened !== null) return opened;
      const isWhole = rest.length === this.#chunkBytes + TAG_BYTES;
      throw new SealedDataError(isWhole && this.#open(rest, false) !== null ? 'TRUNCATED' : 'NOT_AUTHENTIC');
    } finally {
      this.wipe();
    }
  }

  wipe(): void {
    this.#key.wipe();
    this.#pieces.wipe();
  }

  #refusal(code: 'NOT_AUTHENTIC'): SealedDataError {
    this.wipe();
    return new SealedDataError(code);
  }

  /** Null when it is not authentic. */
  #open(chunk: Uint8Array, isLast: boolean): Buffer | null {
    const textBytes = chunk.length - TAG_BYTES;
    const nonce = nonceOf(this.#number, isLast);
    const decipher = this.#key.use((key) =>
      withRawKey(() => createDecipheriv(ALGORITHM, key, nonce, OPTIONS)),
    );
    decipher.setAuthTag(chunk.subarray(textBytes));
    const plain = decipher.update(chunk.subarray(0, textBytes));
    try {
      decipher.final();
      return plain;
    } catch {
      plain.fill(0);
      return null;
    }
  }
}
