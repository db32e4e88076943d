/** The client's side of KMIP over HTTPS (KMIP Profiles 1.4 §5.3): TTLV in, TTLV out, whatever travels between. */
import { Agent, request } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { formatOfContentType, type MessageEncoding, messageFormats } from '../encodings/message-format.ts';
import { decodeTtlv } from '../ttlv/decode.ts';
import { encodeTtlv } from '../ttlv/encode.ts';
import { fromSocketError, KmipClientError, lostConnection } from './client-errors.ts';
import { KMIP_HTTPS_PATH } from './https-server.ts';

export type HttpsExchangeOptions = {
  readonly host: string;
  readonly port: number;
  readonly tls: ConnectionOptions;
  readonly encoding: MessageEncoding;
  readonly where: string;
  readonly maxResponseBytes: number;
  readonly poolSize: number;
  readonly maxPending: number;
};

/** XML and JSON are so many times larger than the TTLV that they stand for. */
const TEXT_FACTOR = 8;

export class HttpsExchange {
  readonly #options: HttpsExchangeOptions;
  readonly #agent: Agent;
  #pending = 0;

  constructor(options: HttpsExchangeOptions) {
    this.#options = options;
    this.#agent = new Agent({ ...options.tls, keepAlive: true, maxSockets: options.poolSize });
  }

  /** @throws KmipClientError */
  async send(message: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { where, poolSize, maxPending } = this.#options;
    if (this.#pending >= poolSize * maxPending) {
      throw new KmipClientError('KMIP_OVERLOADED', `too many requests wait for ${where}`);
    }
    this.#pending++;
    try {
      return await this.#exchange(message, timeoutMs);
    } finally {
      this.#pending--;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(message: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { host, port, where } = this.#options;
    const format = messageFormats[this.#options.encoding];
    const body = format.encode(decodeTtlv(message));
    return new Promise((resolve, reject) => {
      let connected = false;
      const sent = request({
        agent: this.#agent,
        host,
        port,
        method: 'POST',
        path: KMIP_HTTPS_PATH,
        headers: { 'content-type': format.mediaTypes[0], 'content-length': body.length },
      });
      const fail = (error: KmipClientError): void => {
        reject(error);
        sent.destroy();
      };
      const timer = setTimeout(
        () => fail(new KmipClientError('KMIP_TIMEOUT', `${where} did not answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      sent.on('socket', (socket) => {
        connected = !socket.connecting;
        socket.once('secureConnect', () => {
          connected = true;
        });
      });
      sent.on('error', (error) =>
        reject(fromSocketError(error, where, connected ? 'connected' : 'connecting')),
      );
      sent.once('close', () => {
        clearTimeout(timer);
        reject(lostConnection(`${where} closed the connection`, 'connected'));
      });
      sent.once('response', (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > this.#options.maxResponseBytes * TEXT_FACTOR) fail(this.#bad('the answer is too large'));
          else chunks.push(chunk);
        });
        response.once('end', () => {
          try {
            const { statusCode, headers } = response;
            resolve(this.#decoded(statusCode, headers['content-type'], Buffer.concat(chunks)));
          } catch (error) {
            reject(error instanceof KmipClientError ? error : this.#bad('unreadable', error));
          }
        });
        response.on('error', (error) => reject(fromSocketError(error, where, 'answered')));
      });
      sent.end(body);
    });
  }

  #decoded(status: number | undefined, contentType: string | undefined, body: Uint8Array): Uint8Array {
    if (status !== 200) throw this.#bad(`HTTP status ${status}`);
    const format = formatOfContentType(contentType);
    if (format === undefined) throw this.#bad('an answer in no encoding of KMIP');
    const { maxResponseBytes } = this.#options;
    if (format.encoding === 'ttlv' && body.length <= maxResponseBytes) return body;
    return encodeTtlv(format.decode(body, { maxBytes: maxResponseBytes * TEXT_FACTOR }), {
      maxBytes: maxResponseBytes,
    });
  }

  #bad(detail: string, cause?: unknown): KmipClientError {
    return new KmipClientError('KMIP_BAD_RESPONSE', `bad response from ${this.#options.where}: ${detail}`, {
      cause,
    });
  }
}
