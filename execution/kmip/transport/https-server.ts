/**
 * KMIP over HTTPS, the server's side (KMIP Profiles 1.4 §5.3): POST /kmip with a message in TTLV, XML or JSON, answered
 * in the same encoding. Whatever came in becomes TTLV for the handler, and its TTLV becomes what the client sent: there
 * is one way through the server. What KMIP itself refuses is answered as KMIP, with HTTP status 200.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { EncodingError } from '../encodings/error.ts';
import { formatOfContentType, type MessageFormat } from '../encodings/message-format.ts';
import { KmipError } from '../errors.ts';
import { errorResponse, peekVersion } from '../messages/messages.ts';
import { ResultReason } from '../names/messages.ts';
import { decodeTtlv } from '../ttlv/decode.ts';
import { encodeTtlv } from '../ttlv/encode.ts';
import { TtlvError } from '../ttlv/error.ts';
import { DEFAULT_MAX_FRAME_BYTES } from '../ttlv/frame-reader.ts';
import { OWN_MESSAGE_LIMITS } from '../ttlv/limits.ts';
import { Body } from './body.ts';

/** KMIP Profiles 1.4 §5.3.3 */
export const KMIP_HTTPS_PATH = '/kmip';

export type HttpsServerLimits = {
  /** Bytes of a request as TTLV, whatever encoding it came in. */
  readonly maxRequestBytes: number;
  /** Bytes of a body. XML and JSON are several times larger than the TTLV that they stand for. */
  readonly maxBodyBytes: number;
  /** Bytes of all bodies that wait for their end or their answer, on all connections together. */
  readonly maxHeldBytes: number;
  /** Bytes of all headers of a request together. */
  readonly maxHeaderBytes: number;
  /** Requests of one connection that are being answered. */
  readonly maxInFlight: number;
  /** From the first byte of a request, or the end of the handshake, to the last byte of the headers. */
  readonly headersTimeoutMs: number;
  /** To the last byte of the body. */
  readonly requestTimeoutMs: number;
  /** How long a peer may leave an answer untaken. */
  readonly stallTimeoutMs: number;
  /** Without any request, after which the connection is closed. */
  readonly idleTimeoutMs: number;
};

export const DEFAULT_HTTPS_SERVER_LIMITS: HttpsServerLimits = {
  maxRequestBytes: DEFAULT_MAX_FRAME_BYTES,
  maxBodyBytes: 4 * DEFAULT_MAX_FRAME_BYTES,
  maxHeldBytes: 256 * 1024 * 1024,
  maxHeaderBytes: 8 * 1024,
  maxInFlight: 8,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  stallTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
};

/** Time-outs of requests are looked at this often. */
const TIMEOUT_CHECK_MS = 1_000;

export type ServeHttpsOptions = Partial<HttpsServerLimits> & {
  /**
   * Answers one whole request, TTLV to TTLV. `socket` tells who asks. When it throws, the peer is told: the reason of a
   * KmipError, General Failure for everything else.
   */
  readonly handle: (request: Uint8Array, socket: TLSSocket) => Uint8Array | Promise<Uint8Array>;
  /** Hears of what the peer cannot be told: failures of the handler, and messages that could not be read. */
  readonly onError?: ((error: unknown) => void) | undefined;
};

/**
 * An HTTPS server that answers KMIP and nothing else; the caller lets it listen. Set `requestCert` in `tls` to know who
 * asks, and refuse connections in `secureConnection` (with `prependListener`, so that it comes before HTTP).
 */
export function serveKmipHttps(tls: ServerOptions, options: ServeHttpsOptions): Server {
  const limits = { ...DEFAULT_HTTPS_SERVER_LIMITS, ...definedOnly(options) };
  const endpoint = new Endpoint(options, limits, () => !server.listening);
  const server = createServer(
    {
      ...tls,
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.idleTimeoutMs,
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, limits.headersTimeoutMs),
      noDelay: true,
    },
    (request, response) => endpoint.serve(request, response),
  );
  return server;
}

function definedOnly(options: Partial<HttpsServerLimits>): Partial<HttpsServerLimits> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** A refusal that is HTTP's, not KMIP's. */
class HttpRefusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

class Endpoint {
  readonly #options: ServeHttpsOptions;
  readonly #limits: HttpsServerLimits;
  readonly #isClosing: () => boolean;
  readonly #inFlight = new WeakMap<object, number>();
  /** Of all bodies. */
  #heldBytes = 0;

  constructor(options: ServeHttpsOptions, limits: HttpsServerLimits, isClosing: () => boolean) {
    this.#options = options;
    this.#limits = limits;
    this.#isClosing = isClosing;
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#count(socket, 1);
    response.once('close', () => this.#count(socket, -1));
    request.on('error', (error) => this.#options.onError?.(error));
    response.on('error', (error) => this.#options.onError?.(error));
    this.#answer(request, response).catch((error: unknown) => this.#refuse(response, error));
  }

  #count(socket: object, change: 1 | -1): void {
    this.#inFlight.set(socket, (this.#inFlight.get(socket) ?? 0) + change);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const format = this.#formatOf(request);
    const body = await this.#bodyOf(request, response);
    const { answer, isLast } = await this.#ask(body, format, request.socket as TLSSocket);
    const [contentType] = format.mediaTypes;
    const headers = isLast || this.#isClosing() ? CLOSE : {};
    this.#send(response, 200, contentType, this.#fromTtlv(answer, format), headers);
  }

  #formatOf(request: IncomingMessage): MessageFormat {
    if ((this.#inFlight.get(request.socket) ?? 0) > this.#limits.maxInFlight) {
      throw new HttpRefusal(503, 'too many requests at once on this connection');
    }
    const [path] = (request.url ?? '').split('?', 1);
    if (path !== KMIP_HTTPS_PATH) throw new HttpRefusal(404, `KMIP is at ${KMIP_HTTPS_PATH}`);
    if (request.method !== 'POST') throw new HttpRefusal(405, 'KMIP is asked with POST', { allow: 'POST' });
    if ((request.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
      throw new HttpRefusal(415, 'the body must not be compressed', { 'accept-encoding': 'identity' });
    }
    const format = formatOfContentType(request.headers['content-type']);
    if (format === undefined) {
      throw new HttpRefusal(
        415,
        'Content-Type must be application/octet-stream, text/xml, application/xml or application/json, in UTF-8',
      );
    }
    return format;
  }

  /** It counts among the bytes that are held until the response is closed, however that ends. */
  #bodyOf(request: IncomingMessage, response: ServerResponse): Promise<Uint8Array> {
    const { maxBodyBytes, maxHeldBytes } = this.#limits;
    const tooLarge = new HttpRefusal(413, `a body has at most ${maxBodyBytes} bytes`);
    if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return Promise.reject(tooLarge);
    return new Promise((resolve, reject) => {
      const body = new Body(maxBodyBytes);
      let heldBytes = 0;
      let isOver = false;
      response.once('close', () => {
        isOver = true;
        this.#heldBytes -= heldBytes;
      });
      const refuse = (refusal: HttpRefusal): void => {
        isOver = true;
        reject(refusal);
      };
      request.on('data', (piece: Buffer) => {
        if (isOver) return;
        if (this.#heldBytes + piece.length > maxHeldBytes) {
          refuse(new HttpRefusal(503, 'too many bodies at once; try again'));
        } else if (!body.add(piece)) {
          refuse(tooLarge);
        } else {
          heldBytes += piece.length;
          this.#heldBytes += piece.length;
        }
      });
      request.once('end', () => resolve(body.bytes));
      request.once('close', () => reject(new Error('the peer left before the end of its request')));
    });
  }

  /** TTLV of the answer; failures are answers too. `isLast`: what came was no message at all. */
  async #ask(
    body: Uint8Array,
    format: MessageFormat,
    socket: TLSSocket,
  ): Promise<{ answer: Uint8Array; isLast: boolean }> {
    let asked: Uint8Array | undefined;
    try {
      asked = this.#toTtlv(body, format);
      return { answer: await this.#options.handle(asked, socket), isLast: false };
    } catch (error) {
      if (error instanceof HttpRefusal) throw error;
      this.#options.onError?.(error);
      const failure = KmipError.from(error);
      const version = asked === undefined ? undefined : peekVersion(asked);
      const isLast = failure.cause instanceof TtlvError || failure.cause instanceof EncodingError;
      return { answer: errorResponse(version, failure.resultReason, failure.message), isLast };
    }
  }

  #toTtlv(body: Uint8Array, format: MessageFormat): Uint8Array {
    if (format.encoding === 'ttlv') {
      if (body.length > this.#limits.maxRequestBytes) {
        throw new HttpRefusal(413, `a message has at most ${this.#limits.maxRequestBytes} bytes`);
      }
      return body;
    }
    const tree = format.decode(body, { maxBytes: this.#limits.maxBodyBytes });
    return encodeTtlv(tree, { maxBytes: this.#limits.maxRequestBytes });
  }

  #fromTtlv(answer: Uint8Array, format: MessageFormat): Uint8Array {
    if (format.encoding === 'ttlv') return answer;
    try {
      return format.encode(decodeTtlv(answer, OWN_MESSAGE_LIMITS), OWN_MESSAGE_LIMITS);
    } catch (error) {
      // The one thing that TTLV can say and XML cannot: most control characters in a text.
      this.#options.onError?.(error);
      const message = 'the answer holds what this encoding cannot carry: ask in TTLV';
      const refusal = errorResponse(peekVersion(answer), ResultReason.GeneralFailure, message);
      return format.encode(decodeTtlv(refusal));
    }
  }

  #refuse(response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    if (!(error instanceof HttpRefusal)) this.#options.onError?.(error);
    const refusal =
      error instanceof HttpRefusal ? error : new HttpRefusal(500, 'the request cannot be served');
    // What the peer may still send of its body is not read.
    const headers = { ...refusal.headers, ...CLOSE };
    this.#send(
      response,
      refusal.status,
      'text/plain; charset=utf-8',
      Buffer.from(`${refusal.message}\n`),
      headers,
    );
  }

  #send(
    response: ServerResponse,
    status: number,
    contentType: string,
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
  ): void {
    if (response.destroyed) return;
    response.writeHead(status, {
      ...headers,
      'content-type': contentType,
      'content-length': body.length,
      // KMIP Profiles 1.4 §5.3.4; and an answer may be a key.
      'cache-control': 'no-cache, no-store',
    });
    response.end(body);
    const timer = setTimeout(() => response.destroy(), this.#limits.stallTimeoutMs);
    response.once('close', () => clearTimeout(timer));
  }
}

const CLOSE = { connection: 'close' } as const;
