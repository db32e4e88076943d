/** A KMIP client over mutual TLS: a small pool of connections, requests pipelined on each, everything bounded. */
import { type ConnectionOptions, connect } from 'node:tls';
import type { MessageEncoding } from '../encodings/message-format.ts';
import { KmipError } from '../errors.ts';
import { decodeResponse, encodeRequest, MAX_BATCH_ITEMS } from '../messages/messages.ts';
import type { RequestHeader, RequestItem, ResponseItem } from '../messages/schemas.ts';
import { operationName } from '../names/lookup.ts';
import { ResultReason, ResultStatus } from '../names/messages.ts';
import type { OperationDefinition } from '../operations/define.ts';
import { type KnownOperation, type RequestOf, type ResponseOf, schemasOf } from '../operations/index.ts';
import { DEFAULT_MAX_FRAME_BYTES } from '../ttlv/frame-reader.ts';
import { ItemType, type Ttlv } from '../ttlv/item.ts';
import { LATEST_VERSION, type Version, versionText } from '../version.ts';
import { ClientConnection } from './client-connection.ts';
import { KmipClientError } from './client-errors.ts';
import { HttpsExchange } from './https-exchange.ts';

export type KmipClientOptions = {
  readonly host: string;
  /** IANA gave KMIP port 5696. */
  readonly port: number;
  /** PEM of the client's certificate, with its intermediates. */
  readonly cert: string | Buffer;
  /** PEM of the client's private key. */
  readonly key: string | Buffer;
  /** PEM of the issuers that the server's certificate is checked against. */
  readonly ca: string | Buffer | readonly (string | Buffer)[];
  /** The name that the server's certificate must bear. Default: `host`. */
  readonly servername?: string | undefined;
  /** Versions, suites and groups of TLS. Default: 1.2 or later, and what the runtime prefers. */
  readonly tls?: Pick<ConnectionOptions, 'minVersion' | 'ciphers' | 'ecdhCurve'> | undefined;
  /** Default 1.4. */
  readonly version?: Version | undefined;
  /** From sending a request to its whole answer, connecting included. Default 30 s. */
  readonly timeoutMs?: number | undefined;
  /** Default 10 s. */
  readonly connectTimeoutMs?: number | undefined;
  /** Default 1 MiB. */
  readonly maxResponseBytes?: number | undefined;
  /** Connections. Default 4. */
  readonly poolSize?: number | undefined;
  /** Requests that wait for an answer on one connection. Default 64. */
  readonly maxPending?: number | undefined;
  /**
   * Speak HTTPS, with messages in this encoding, instead of TTLV right over TLS (KMIP Profiles 1.4 §5.3). Connecting
   * then has no time-out of its own.
   */
  readonly https?: MessageEncoding | undefined;
};

export const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_POOL_SIZE = 4;
const DEFAULT_MAX_PENDING = 64;

export type SendOptions = {
  readonly timeoutMs?: number | undefined;
};

export type RequestOptions = SendOptions & {
  /** Further fields of the request header, e.g. `batchErrorContinuationOption` or `maximumResponseSize`. */
  readonly header?: Partial<Omit<RequestHeader, 'protocolVersion' | 'batchCount'>> | undefined;
};

/** An operation with its payload; `call()` makes it. */
export type Call<Response> = {
  readonly operation: number;
  readonly encode: (version: Version) => Ttlv;
  readonly decode: (payload: Ttlv, version: Version) => Response;
};

export type CallResult<Response> =
  | { readonly ok: true; readonly payload: Response }
  | { readonly ok: false; readonly error: KmipError };

type Results<Calls extends readonly Call<unknown>[]> = {
  -readonly [K in keyof Calls]: Calls[K] extends Call<infer Response> ? CallResult<Response> : never;
};

/** Ties an operation to its payload: for `batch`, and for vendor operations by their definition. */
export function call<O extends KnownOperation>(operation: O, payload: RequestOf<O>): Call<ResponseOf<O>>;
export function call<Request, Response>(
  definition: OperationDefinition<number, Request, Response>,
  payload: Request,
): Call<Response>;
export function call(
  operation: KnownOperation | OperationDefinition<number, unknown, unknown>,
  payload: unknown,
): Call<unknown> {
  const definition = (
    typeof operation === 'number' ? schemasOf(operation) : operation
  ) as OperationDefinition<number, unknown, unknown>;
  return {
    operation: definition.operation,
    encode: (version) => {
      const item = definition.request.write(payload, version);
      // Leaving out what the version does not know could change what is asked: data that should be authenticated
      // would not be. A response may be cut down, a request may not.
      if (itemsIn(definition.request.write(payload)) !== itemsIn(item)) {
        const what = `KMIP ${versionText(version)} does not know a field of this ${operationName(definition.operation)} request`;
        throw new KmipClientError('KMIP_VERSION', what);
      }
      return item;
    },
    decode: (item, version) => definition.response.read(item, version),
  };
}

function itemsIn(item: Ttlv): number {
  return item.type === ItemType.Structure ? item.value.reduce((sum, child) => sum + itemsIn(child), 1) : 1;
}

export class KmipClient {
  readonly #options: KmipClientOptions;
  readonly #where: string;
  readonly #version: Version;
  readonly #pool = new Set<ClientConnection>();
  readonly #https: HttpsExchange | undefined;
  /** Of the latest handshake: a further connection resumes it, where the server takes it. */
  #session: Buffer | undefined;
  #closed = false;

  /** Connects on the first request, not here. */
  constructor(options: KmipClientOptions) {
    this.#options = options;
    this.#where = `${options.host}:${options.port}`;
    this.#version = options.version ?? LATEST_VERSION;
    this.#https = options.https === undefined ? undefined : this.#exchange(options.https);
  }

  /**
   * Runs one operation.
   *
   * @throws KmipError when the server refuses, with its reason and message; KmipClientError when it cannot be asked.
   */
  async request<O extends KnownOperation>(
    operation: O,
    payload: RequestOf<O>,
    options?: RequestOptions,
  ): Promise<ResponseOf<O>>;
  async request<Request, Response>(
    definition: OperationDefinition<number, Request, Response>,
    payload: Request,
    options?: RequestOptions,
  ): Promise<Response>;
  async request(operation: never, payload: never, options: RequestOptions = {}): Promise<unknown> {
    const [result] = await this.batch([call(operation, payload) as Call<unknown>], options);
    if (result === undefined) throw this.#bad('no answer');
    if (!result.ok) throw result.error;
    return result.payload;
  }

  /**
   * Runs several operations in one message and returns their outcomes in the same order. Operations that the server
   * did not run, since an earlier one failed, have a result with status Operation Undone.
   *
   * @throws KmipError when the message as a whole is refused; KmipClientError when the server cannot be asked.
   */
  async batch<const Calls extends readonly Call<unknown>[]>(
    calls: Calls,
    options: RequestOptions = {},
  ): Promise<Results<Calls>> {
    if (calls.length < 1 || calls.length > MAX_BATCH_ITEMS) {
      throw new RangeError(`a batch has 1 to ${MAX_BATCH_ITEMS} operations`);
    }
    const items = calls.map((each, index): RequestItem => {
      const payload = each.encode(this.#version);
      if (payload.type !== ItemType.Structure) throw new TypeError('a payload is a structure');
      return calls.length === 1
        ? { operation: each.operation, payload }
        : { operation: each.operation, uniqueBatchItemId: batchItemId(index), payload };
    });
    const header = { ...options.header, protocolVersion: this.#version, batchCount: items.length };
    const response = await this.send(encodeRequest({ header, items }), options);
    const answers = this.#decode(response);
    return calls.map((each, index) => this.#result(each, answers, index, calls.length)) as Results<Calls>;
  }

  /**
   * Sends the bytes of a message and returns the bytes of its answer, neither of them looked into.
   *
   * @throws KmipClientError
   */
  async send(request: Uint8Array, options: SendOptions = {}): Promise<Uint8Array> {
    if (this.#closed) throw new KmipClientError('KMIP_CLOSED', 'the client has been closed');
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    return (this.#https ?? this.#connection()).send(request, timeoutMs);
  }

  /** Closes all connections; requests that wait are rejected. */
  close(): void {
    this.#closed = true;
    const error = new KmipClientError('KMIP_CLOSED', 'the client has been closed');
    for (const connection of this.#pool) connection.destroy(error);
    this.#pool.clear();
    this.#https?.close();
  }

  /** An idle connection, else a new one as long as the pool has room, else the least loaded. */
  #connection(): ClientConnection {
    const usable = [...this.#pool].filter((connection) => connection.usable).sort((a, b) => a.load - b.load);
    const [least] = usable;
    if (
      least !== undefined &&
      (least.load === 0 || this.#pool.size >= (this.#options.poolSize ?? DEFAULT_POOL_SIZE))
    ) {
      if (least.load >= (this.#options.maxPending ?? DEFAULT_MAX_PENDING)) {
        throw new KmipClientError('KMIP_OVERLOADED', `too many requests wait for ${this.#where}`);
      }
      return least;
    }
    if (this.#pool.size >= (this.#options.poolSize ?? DEFAULT_POOL_SIZE)) {
      throw new KmipClientError(
        'KMIP_OVERLOADED',
        `every connection to ${this.#where} waits for late answers`,
      );
    }
    return this.#open();
  }

  #tls(): ConnectionOptions {
    const { cert, key, ca, servername, tls } = this.#options;
    return {
      cert,
      key,
      ca: Array.isArray(ca) ? [...ca] : (ca as string | Buffer),
      minVersion: 'TLSv1.2',
      ...tls,
      ...(servername === undefined ? {} : { servername }),
    };
  }

  #exchange(encoding: MessageEncoding): HttpsExchange {
    const { host, port, maxResponseBytes, poolSize, maxPending } = this.#options;
    return new HttpsExchange({
      host,
      port,
      tls: this.#tls(),
      encoding,
      where: this.#where,
      maxResponseBytes: maxResponseBytes ?? DEFAULT_MAX_FRAME_BYTES,
      poolSize: poolSize ?? DEFAULT_POOL_SIZE,
      maxPending: maxPending ?? DEFAULT_MAX_PENDING,
    });
  }

  #open(): ClientConnection {
    const { host, port, connectTimeoutMs, maxResponseBytes } = this.#options;
    const session = this.#session === undefined ? {} : { session: this.#session };
    const socket = connect({ ...this.#tls(), ...session, host, port });
    socket.on('session', (fresh) => {
      this.#session = fresh;
    });
    const connection = new ClientConnection(socket, {
      where: this.#where,
      maxResponseBytes: maxResponseBytes ?? DEFAULT_MAX_FRAME_BYTES,
      connectTimeoutMs: connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
      onClosed: (closed) => this.#pool.delete(closed),
    });
    this.#pool.add(connection);
    return connection;
  }

  #decode(response: Uint8Array): readonly ResponseItem[] {
    try {
      return decodeResponse(response).items;
    } catch (error) {
      throw this.#bad(error instanceof Error ? error.message : 'unreadable', error);
    }
  }

  #result<Response>(
    each: Call<Response>,
    answers: readonly ResponseItem[],
    index: number,
    count: number,
  ): CallResult<Response> {
    const [first] = answers;
    // A message that could not be read is answered by one item without an operation (KMIP 1.4 §11.1).
    if (
      answers.length === 1 &&
      first?.operation === undefined &&
      first?.resultStatus !== ResultStatus.Success
    ) {
      throw errorOf(first);
    }
    const answer = count === 1 ? first : answers.find((one) => isBatchItem(one.uniqueBatchItemId, index));
    if (answer === undefined) {
      const detail = 'not run, since an earlier item of the batch failed';
      const options = { resultStatus: ResultStatus.OperationUndone };
      return { ok: false, error: new KmipError(ResultReason.GeneralFailure, detail, options) };
    }
    if (answer.resultStatus !== ResultStatus.Success) return { ok: false, error: errorOf(answer) };
    if (answer.operation !== undefined && answer.operation !== each.operation) {
      throw this.#bad(`${operationName(answer.operation)} answered ${operationName(each.operation)}`);
    }
    if (answer.payload === undefined) throw this.#bad('a success without a payload');
    try {
      return { ok: true, payload: each.decode(answer.payload, this.#version) };
    } catch (error) {
      throw this.#bad(error instanceof Error ? error.message : 'unreadable', error);
    }
  }

  #bad(detail: string, cause?: unknown): KmipClientError {
    return new KmipClientError('KMIP_BAD_RESPONSE', `bad response from ${this.#where}: ${detail}`, { cause });
  }
}

function batchItemId(index: number): Uint8Array {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(index + 1);
  return id;
}

function isBatchItem(id: Uint8Array | undefined, index: number): boolean {
  return id !== undefined && Buffer.compare(id, batchItemId(index)) === 0;
}

function errorOf(answer: ResponseItem | undefined): KmipError {
  const status = answer?.resultStatus;
  const resultStatus =
    status === ResultStatus.OperationPending || status === ResultStatus.OperationUndone
      ? status
      : ResultStatus.OperationFailed;
  return new KmipError(
    answer?.resultReason ?? ResultReason.GeneralFailure,
    answer?.resultMessage ?? 'the server gave no message',
    { resultStatus },
  );
}
