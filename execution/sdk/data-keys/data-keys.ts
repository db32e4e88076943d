/**
 * Envelope encryption: data is sealed here, under data keys that the region makes or wraps. A data key seals many
 * messages, so that most of them ask no gateway for anything.
 */
import { randomFillSync } from 'node:crypto';
import type { Transform } from 'node:stream';
import type { TransformStream } from 'node:stream/web';
import { OpenKcmError } from '../errors.ts';
import { ChunkSealer } from './chunks.ts';
import {
  encodeHead,
  type KeyReference,
  MAX_CHUNK_EXPONENT,
  MIN_CHUNK_EXPONENT,
  type ReadHeader,
  SALT_BYTES,
} from './header.ts';
import { type DataKeyLimits, DEFAULT_DATA_KEY_LIMITS, KeyCache, type LentKey } from './key-cache.ts';
import { type DataKeySource, findKey, type KeyServer, makeKey } from './key-sources.ts';
import { deriveMessageKeys, openMessageKey } from './message-keys.ts';
import { OpeningMessage, SealingMessage, type Started, throughMessage } from './messages.ts';
import { SealedDataError } from './sealed-data-error.ts';
import type { SecretKey } from './secret-key.ts';
import { nodeStream, webStream } from './streams.ts';

export interface DataKeysOptions {
  /** Default `{ kind: 'created' }`. */
  readonly source?: DataKeySource | undefined;
  readonly limits?: Partial<DataKeyLimits> | undefined;
  /** Plain bytes of one chunk: a power of two from 4 KiB to 1 MiB. Default 64 KiB. */
  readonly chunkBytes?: number | undefined;
  /**
   * Which data keys messages to be opened may name. Default: those of the same kind as `source`, and of the same service.
   * Whoever can make messages that name a key of theirs can have them opened; that is what this is for.
   */
  readonly accept?: ((reference: KeyReference) => boolean) | undefined;
}

export interface SealOptions {
  /**
   * Bound to the message and not contained in it: opening takes the same bytes. Name here what the data is and where it
   * belongs (a tenant, a row, a file), so that nobody can put it elsewhere. Absent is the same as empty.
   */
  readonly associatedData?: Uint8Array | undefined;
}

const DEFAULT_CHUNK_BYTES = 64 * 1024;
const NOTHING = new Uint8Array();

/** @throws OpenKcmError when a data key cannot be had; SealedDataError when a message is refused. */
export class DataKeys implements Disposable {
  readonly #cache: KeyCache;
  readonly #chunkExponent: number;
  readonly #accept: (reference: KeyReference) => boolean;
  readonly #onClosed: () => void;

  /** @internal `OpenKcm.dataKeys` makes them. */
  constructor(server: KeyServer, options: DataKeysOptions, onClosed: () => void) {
    const source = options.source ?? { kind: 'created' };
    this.#chunkExponent = exponentOf(options.chunkBytes ?? DEFAULT_CHUNK_BYTES);
    this.#accept = options.accept ?? ((reference) => isOf(source, reference));
    this.#onClosed = onClosed;
    this.#cache = new KeyCache({
      limits: checkedLimits(options.limits),
      make: () => makeKey(server, source),
      find: (reference) => findKey(server, reference),
    });
  }

  /** Data keys in memory. */
  get size(): number {
    return this.#cache.size;
  }

  /** Seals bytes that lie in memory. What it makes is opened by `open` and by `openStream` alike. */
  seal(plain: Uint8Array, options: SealOptions = {}): Promise<Buffer> {
    return throughMessage(this.#sealing(options), plain);
  }

  /** Opens what `seal` or a sealing stream has made. All of it is authentic, or none is returned. */
  open(sealed: Uint8Array, options: SealOptions = {}): Promise<Buffer> {
    return throughMessage(this.#opening(options), sealed);
  }

  /** `readable.pipeThrough(dataKeys.sealStream())`: one message. */
  sealStream(options: SealOptions = {}): TransformStream<Uint8Array, Uint8Array> {
    return webStream(this.#sealing(options));
  }

  /**
   * `readable.pipeThrough(dataKeys.openStream())`. Every chunk that it gives is authentic and in its place; that nothing is
   * missing is known only when the stream ends without an error.
   */
  openStream(options: SealOptions = {}): TransformStream<Uint8Array, Uint8Array> {
    return webStream(this.#opening(options));
  }

  /** As `sealStream`, for `pipeline` of `node:stream`. */
  sealTransform(options: SealOptions = {}): Transform {
    return nodeStream(this.#sealing(options));
  }

  /** As `openStream`, for `pipeline` of `node:stream`. */
  openTransform(options: SealOptions = {}): Transform {
    return nodeStream(this.#opening(options));
  }

  /** Wipes the data keys. Streams that have begun go on: each has a key of its own. */
  close(): void {
    this.#cache.close();
    this.#onClosed();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #sealing({ associatedData = NOTHING }: SealOptions): SealingMessage {
    return new SealingMessage(() => this.#cache.withCurrent((lent) => this.#begin(lent, associatedData)));
  }

  #begin(lent: LentKey, associatedData: Uint8Array): Started {
    const salt = randomFillSync(Buffer.alloc(SALT_BYTES));
    const head = encodeHead({ reference: lent.reference, chunkExponent: this.#chunkExponent, salt });
    const { key, commitment } = deriveMessageKeys(lent.key, salt, head, associatedData);
    return {
      header: Buffer.concat([head, commitment]),
      sealer: new ChunkSealer(key, 2 ** this.#chunkExponent),
      charge: (bytes) => lent.charge(bytes),
    };
  }

  #opening({ associatedData = NOTHING }: SealOptions): OpeningMessage {
    return new OpeningMessage((header) => this.#keyFor(header, associatedData));
  }

  async #keyFor(header: ReadHeader, associatedData: Uint8Array): Promise<SecretKey> {
    if (!this.#accept(header.reference)) throw new SealedDataError('NOT_ACCEPTED');
    return this.#cache.withKey(header.reference, ({ key }) => openMessageKey(key, header, associatedData));
  }
}

function isOf(source: DataKeySource, reference: KeyReference): boolean {
  if (source.kind === 'created' || reference.kind === 'created') return source.kind === reference.kind;
  return source.service === reference.service;
}

function exponentOf(chunkBytes: number): number {
  const exponent = Math.log2(chunkBytes);
  if (Number.isInteger(exponent) && exponent >= MIN_CHUNK_EXPONENT && exponent <= MAX_CHUNK_EXPONENT)
    return exponent;
  throw new OpenKcmError('INVALID_OPTION', 'chunkBytes: a power of two from 4 KiB to 1 MiB');
}

function checkedLimits(given: Partial<DataKeyLimits> = {}): DataKeyLimits {
  const limits = { ...DEFAULT_DATA_KEY_LIMITS, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isInteger(value) || value < 1)
      throw new OpenKcmError('INVALID_OPTION', `limits.${name}: a whole number from 1`);
  }
  return limits;
}
