/**
 * Cryptographic operations in parts (KMIP 1.4 §2.1.15–2.1.17): the streams that a process keeps open between two
 * requests. A stream is its owner's alone, is in one request at a time, and is ended by an error, by its last part, by
 * idleness, or with its tenant. The cipher context in it is the one place where a key outlives a request, without the
 * key itself; whoever continues a stream asks again whether its key may be used.
 */
import { randomBytes } from 'node:crypto';
import { KmipError, type Operation } from '../kmip/index.ts';
import {
  MAX_HELD_BYTES,
  MAX_HELD_BYTES_PER_TENANT,
  MAX_STREAM_BYTES,
  MAX_STREAMS,
  MAX_STREAMS_PER_TENANT,
  STREAM_IDLE_MS,
  STREAM_SWEEP_MS,
} from './limits.ts';
import type { Mac } from './mac.ts';
import type { SignaturePlan } from './signature-plan.ts';
import type { Signing, Verifying } from './signatures.ts';
import type { Decryptor, Encryptor } from './symmetric.ts';

/** Bytes of a Correlation Value: nobody guesses one. */
export const CORRELATION_BYTES = 16;

/** A hash being computed, as Node's. */
export interface Hashing {
  update(data: Uint8Array): unknown;
  digest(): Buffer;
}

/** What a stream does, by its operation. */
export interface StreamWork {
  readonly [Operation.Encrypt]: Encryptor;
  readonly [Operation.Decrypt]: { readonly decryptor: Decryptor; tag: Uint8Array | undefined };
  readonly [Operation.Sign]: { readonly plan: SignaturePlan; readonly signing: Signing };
  readonly [Operation.SignatureVerify]: {
    readonly plan: SignaturePlan;
    readonly verifying: Verifying;
    signature: Uint8Array | undefined;
  };
  readonly [Operation.MAC]: Mac;
  readonly [Operation.MACVerify]: { readonly mac: Mac; expected: Uint8Array | undefined };
  readonly [Operation.Hash]: Hashing;
}
export type StreamedOperation = keyof StreamWork;

/** Only who began a stream may go on with it. */
export interface StreamOwner {
  readonly tenant: string;
  /** The application's certificate. */
  readonly fingerprint: string;
}

export interface Stream<O extends StreamedOperation = StreamedOperation> {
  readonly correlationValue: Buffer;
  readonly operation: O;
  /** Of the key; undefined for Hash. */
  readonly uid: string | undefined;
  readonly work: StreamWork[O];
}

interface Entry {
  readonly stream: Stream;
  readonly owner: StreamOwner;
  readonly discard: () => void;
  readonly heldBytes: () => number;
  sizeBytes: number;
  /** The turn that has it now. */
  turn: StreamTurn | undefined;
  lastUsedMs: number;
}

export interface NewStream<O extends StreamedOperation> {
  readonly operation: O;
  readonly uid: string | undefined;
  readonly work: StreamWork[O];
  /** Zeroises what the work holds back. */
  readonly discard?: () => void;
  readonly heldBytes?: () => number;
}

export class StreamTable {
  readonly #entries = new Map<string, Entry>();
  #sweeper: NodeJS.Timeout | undefined;

  get size(): number {
    return this.#entries.size;
  }

  /** Whether such a stream is open here, whoever owns it. */
  has(correlationValue: Uint8Array): boolean {
    return this.#entries.has(keyOf(correlationValue));
  }

  /** The key of a stream that is open here. */
  uidOf(correlationValue: Uint8Array): string | undefined {
    return this.find(correlationValue)?.stream.uid;
  }

  /** What one request does with streams: settle it when its outcome stands, abort it when it has none. */
  turn(owner: StreamOwner): StreamTurn {
    return new StreamTurn(this, owner);
  }

  /** Ends all streams of a tenant, as when its link is closed. */
  dropTenant(tenant: string): void {
    this.#dropWhere((entry) => entry.owner.tenant === tenant);
  }

  /** Ends all streams under one key, as when it is destroyed. */
  dropKey(uid: string): void {
    this.#dropWhere((entry) => entry.stream.uid === uid);
  }

  clear(): void {
    this.#dropWhere(() => true);
  }

  /** For `StreamTurn`. @throws KmipError General Failure when there is no room. */
  insert(entry: Entry): void {
    const { tenant } = entry.owner;
    const own = [...this.#entries.values()].filter((other) => other.owner.tenant === tenant).length;
    if (this.#entries.size >= MAX_STREAMS || own >= MAX_STREAMS_PER_TENANT) {
      throw KmipError.generalFailure(
        `no more than ${MAX_STREAMS_PER_TENANT} streams of a tenant are open at once; send the final part of one`,
      );
    }
    this.#entries.set(keyOf(entry.stream.correlationValue), entry);
    this.#sweeper ??= setInterval(() => this.#sweep(), STREAM_SWEEP_MS).unref();
  }

  find(correlationValue: Uint8Array): Entry | undefined {
    return this.#entries.get(keyOf(correlationValue));
  }

  /** For `StreamTurn`. @throws KmipError General Failure when too much is held back. */
  requireHeldRoom(tenant: string): void {
    let all = 0;
    let own = 0;
    for (const entry of this.#entries.values()) {
      const held = entry.heldBytes();
      all += held;
      if (entry.owner.tenant === tenant) own += held;
    }
    if (all > MAX_HELD_BYTES || own > MAX_HELD_BYTES_PER_TENANT) {
      throw KmipError.generalFailure(
        `the streams of a tenant hold back at most ${MAX_HELD_BYTES_PER_TENANT} bytes; send the final part of one`,
      );
    }
  }

  /** For `StreamTurn`. Ending one that is gone does nothing. */
  end(entry: Entry): void {
    entry.discard();
    this.#entries.delete(keyOf(entry.stream.correlationValue));
    if (this.#entries.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #sweep(): void {
    const before = performance.now() - STREAM_IDLE_MS;
    this.#dropWhere((entry) => entry.lastUsedMs < before);
  }

  #dropWhere(isDue: (entry: Entry) => boolean): void {
    for (const entry of [...this.#entries.values()]) if (isDue(entry)) this.end(entry);
  }
}

/** The streams that one request has in hand. Until it is settled nobody else may have them. */
export class StreamTurn {
  readonly #table: StreamTable;
  readonly #owner: StreamOwner;
  readonly #held = new Set<Entry>();
  readonly #ended = new Set<Entry>();

  constructor(table: StreamTable, owner: StreamOwner) {
    this.#table = table;
    this.#owner = owner;
  }

  /** A stream that begins. @throws KmipError General Failure when too many are open. */
  open<O extends StreamedOperation>(given: NewStream<O>): Stream<O> {
    const { operation, uid, work, discard = () => undefined, heldBytes = () => 0 } = given;
    const stream: Stream<O> = { correlationValue: randomBytes(CORRELATION_BYTES), operation, uid, work };
    const entry: Entry = {
      stream: stream as unknown as Stream,
      owner: this.#owner,
      discard,
      heldBytes,
      sizeBytes: 0,
      turn: this,
      lastUsedMs: performance.now(),
    };
    try {
      this.#table.insert(entry);
    } catch (error) {
      discard();
      throw error;
    }
    this.#held.add(entry);
    return stream;
  }

  /**
   * The stream that a later part names. `uid`: as the request names it; undefined where it names none.
   *
   * @throws KmipError Item Not Found (§11.30–11.38): none is open that this caller began with this operation and key;
   * it makes no difference which of these it is.
   */
  take<O extends StreamedOperation>(correlationValue: Uint8Array, operation: O, uid?: string): Stream<O> {
    const entry = this.#table.find(correlationValue);
    const isOwn =
      entry !== undefined &&
      entry.owner.tenant === this.#owner.tenant &&
      entry.owner.fingerprint === this.#owner.fingerprint &&
      (entry.turn === undefined || entry.turn === this) &&
      !this.#ended.has(entry);
    if (!isOwn || entry.stream.operation !== operation || (uid !== undefined && uid !== entry.stream.uid)) {
      throw KmipError.itemNotFound('no operation with this Correlation Value is open; begin it anew');
    }
    entry.turn = this;
    this.#held.add(entry);
    return entry.stream as unknown as Stream<O>;
  }

  /** Counts a part, before it is worked on. @throws KmipError Invalid Field past MAX_STREAM_BYTES; General Failure. */
  count(stream: Stream, sizeBytes: number): void {
    const entry = this.#table.find(stream.correlationValue);
    if (entry === undefined) throw KmipError.itemNotFound('the operation has been ended; begin it anew');
    entry.sizeBytes += sizeBytes;
    if (entry.sizeBytes > MAX_STREAM_BYTES) {
      throw KmipError.invalidField(`all parts of one operation have at most ${MAX_STREAM_BYTES} bytes`);
    }
    this.#table.requireHeldRoom(entry.owner.tenant);
  }

  /** The stream's last part has been worked on. */
  finish(stream: Stream): void {
    const entry = this.#table.find(stream.correlationValue);
    if (entry !== undefined) this.#ended.add(entry);
  }

  /** Ends every stream under a key that is no more. */
  endAllOf(uid: string): void {
    this.#table.dropKey(uid);
  }

  /** What the request did stands. */
  settle(): void {
    for (const entry of this.#held) {
      entry.turn = undefined;
      entry.lastUsedMs = performance.now();
    }
    for (const entry of this.#ended) this.#table.end(entry);
    this.#held.clear();
    this.#ended.clear();
  }

  /** It does not: a cipher has no way back, so its streams end. */
  abort(): void {
    for (const entry of this.#held) this.#table.end(entry);
    this.#held.clear();
    this.#ended.clear();
  }
}

function keyOf(correlationValue: Uint8Array): string {
  return Buffer.from(correlationValue).toString('base64');
}
