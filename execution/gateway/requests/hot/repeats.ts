/**
 * Encrypt requests that are the one before them in the same read but for their data, as those of a client that encrypts one
 * record after the other under one key. All that was found for the first holds for them, since nothing else runs between
 * the two: what is compared is the request, word by word, and what is copied is the answer. Their data are sealed together,
 * by `settle`.
 *
 * A request that differs in anything else is no repetition, and is read like any other.
 */
import { writeRandomIv } from '../../../cipher/index.ts';
import { GCM_IV_BYTES, gcm, SEAL_PLACES, type SecretBytes } from '../../../envelope/index.ts';
import type { Requester } from '../context.ts';
import type { Scan } from './scan.ts';

const WORD_BYTES = 4;
const NO_WORDS = new Int32Array(0);
/** How many are sealed at once: more than answers find room before they are sent. */
const MAX_TOGETHER = 512;

/** What was found for the request that may be repeated. Places are offsets into its bytes, and into its answer's. */
export interface Original {
  readonly requester: Requester;
  readonly uid: string;
  readonly key: SecretBytes;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly out: Buffer;
  readonly answerAt: number;
  readonly answerEnd: number;
  readonly sealedAt: number;
  readonly ivAt: number;
  readonly tagAt: number;
}

export class Repeats {
  #original: Original | undefined;
  #requestWords: Int32Array = NO_WORDS;
  #answerWords: Int32Array = NO_WORDS;
  #dataAt = 0;
  #dataLength = 0;
  #aadAt = 0;
  #aadLength = 0;
  /** Eight numbers for each message, as `gcm.sealEach` takes them. */
  readonly #plan = new Uint32Array(MAX_TOGETHER * SEAL_PLACES);
  #planned = 0;
  readonly #seal = (secret: Uint8Array): void => {
    const { bytes, out } = this.#original ?? {};
    if (bytes !== undefined && out !== undefined) gcm.sealEach(secret, bytes, out, this.#plan, this.#planned);
  };

  /** From now on `original`, which has just been answered, is what may be repeated. */
  remember(original: Original, scan: Scan): void {
    this.settle();
    const { bytes, start, end, out, answerAt } = original;
    const { dataAt, dataLength, aadAt, aadLength } = scan;
    const places = bytes.byteOffset | bytes.byteLength | start | end | out.byteOffset | answerAt | dataLength;
    // Requests are compared, and data skipped, by the word.
    if ((places & (WORD_BYTES - 1)) !== 0) {
      this.#original = undefined;
      return;
    }
    if (this.#original?.bytes !== bytes)
      this.#requestWords = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / WORD_BYTES);
    if (this.#answerWords.buffer !== out.buffer)
      this.#answerWords = new Int32Array(out.buffer, out.byteOffset, out.byteLength >> 2);
    this.#original = original;
    this.#dataAt = dataAt - start;
    this.#dataLength = dataLength;
    this.#aadAt = aadLength > 0 ? aadAt - start : 0;
    this.#aadLength = Math.max(aadLength, 0);
  }

  /** Whose IV a repetition would spend; undefined when the request from `start` to `end` is none, or does not fit. */
  of(
    bytes: Buffer,
    start: number,
    end: number,
    out: Buffer,
    at: number,
    requester: Requester,
  ): string | undefined {
    const original = this.#original;
    if (original === undefined || original.bytes !== bytes || original.out !== out) return undefined;
    if (original.requester !== requester || end - start !== original.end - original.start) return undefined;
    if (at + original.answerEnd - original.answerAt > out.length || ((start | at) & (WORD_BYTES - 1)) !== 0)
      return undefined;
    const words = this.#requestWords;
    const known = original.start >> 2;
    const asked = start >> 2;
    const count = (end - start) >> 2;
    const dataFrom = this.#dataAt >> 2;
    const dataTo = (this.#dataAt + this.#dataLength) >> 2;
    for (let i = 0; i < dataFrom; i++) if (words[known + i] !== words[asked + i]) return undefined;
    for (let i = dataTo; i < count; i++) if (words[known + i] !== words[asked + i]) return undefined;
    return original.uid;
  }

  /** The answer to what `of` has just recognised, at `at`; its data are sealed by `settle`. Returns where it ends. */
  answer(start: number, at: number): number {
    const original = this.#original;
    if (original === undefined) throw new Error('nothing to repeat');
    const { answerAt, answerEnd, sealedAt, ivAt, tagAt, out } = original;
    const words = this.#answerWords;
    const known = answerAt >> 2;
    const to = at >> 2;
    const count = (answerEnd - answerAt) >> 2;
    for (let i = 0; i < count; i++) words[to + i] = words[known + i] ?? 0;
    const moved = at - answerAt;
    writeRandomIv(out, ivAt + moved, GCM_IV_BYTES);
    const plan = this.#plan;
    const place = this.#planned * SEAL_PLACES;
    plan[place] = start + this.#dataAt;
    plan[place + 1] = this.#dataLength;
    plan[place + 2] = this.#aadLength > 0 ? start + this.#aadAt : 0;
    plan[place + 3] = this.#aadLength;
    plan[place + 4] = sealedAt + moved;
    plan[place + 5] = ivAt + moved;
    plan[place + 6] = GCM_IV_BYTES;
    plan[place + 7] = tagAt + moved;
    this.#planned += 1;
    if (this.#planned === MAX_TOGETHER) this.settle();
    return answerEnd + moved;
  }

  /** Seals what has been put off. Whatever `answer` has written is whole only then. */
  settle(): void {
    if (this.#planned === 0) return;
    try {
      this.#original?.key.use(this.#seal);
    } finally {
      this.#planned = 0;
    }
  }

  /** The read is over: what was found may hold no longer. */
  forget(): void {
    this.#original = undefined;
    this.#requestWords = NO_WORDS;
    this.#planned = 0;
  }
}
