/** A KMIP client over mutual TLS: a small pool of connections, requests pipelined on each, everything bounded. */
import { type ConnectionOptions, connect } from 'node:tls';
import type { MessageEncoding } from '../encodings/message-format.ts';
import type { OperationDefinition } from '../operations/define.ts';
import type { KnownOperation, RequestOf, ResponseOf } from '../operations/index.ts';
import { DEFAULT_MAX_FRAME_BYTES } from '../ttlv/frame-reader.ts';
import { LATEST_VERSION, type Version } from '../version.ts';
import {
  badResponse,
  type Call,
  type CallHeader,
  type CallResults,
  call,
  decodeCalls,
  encodeCalls,
} from './calls.ts';
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
  /**
   * Versions, suites and groups of TLS. Default: 1.2 or later, and what the runtime prefers. `secureContext`: made of all
   * these and of the certificates and the key, for whoever makes many clients of the same.
   */
  readonly tls?:
    | Pick<ConnectionOptions, 'minVersion' | 'ciphers' | 'ecdhCurve' | 'secureContext'>
    | undefined;
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
  /** Ends the wait with the signal's reason. The server may carry the request out all the same. Not over HTTPS. */
  readonly signal?: AbortSignal | undefined;
};

export type RequestOptions = SendOptions & {
  /** Further fields of the request header, e.g. `batchErrorContinuationOption` or `maximumResponseSize`. */
  readonly header?: CallHeader | undefined;
};

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
    if (result === undefined) throw badResponse(this.#where, 'no answer');
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
  ): Promise<CallResults<Calls>> {
    const request = encodeCalls(calls, this.#version, options.header);
    return decodeCalls(calls, this.#version, await this.send(request, options), this.#where);
  }

  /**
   * Sends the bytes of a message and returns the bytes of its answer, neither of them looked into.
   *
   * @throws KmipClientError
   */
  async send(request: Uint8Array, options: SendOptions = {}): Promise<Uint8Array> {
    if (this.#closed) throw new KmipClientError('KMIP_CLOSED', 'the client has been closed');
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    return this.#https === undefined
      ? this.#connection().send(request, timeoutMs, options.signal)
      : this.#https.send(request, timeoutMs);
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
}
