/**
 * The ways a request takes to the server: TTLV over TLS (KMIP Profiles 1.4 §2.2.1), and over HTTPS in one of the three
 * encodings (§5.4 to §5.6). Each answer comes with the bytes of its TTLV form.
 */
import { request as httpsRequest } from 'node:https';
import {
  decodeJson,
  decodeTtlv,
  decodeXml,
  encodeJson,
  encodeTtlv,
  encodeXml,
  KMIP_HTTPS_PATH,
  KmipClient,
  type Ttlv,
} from '../../execution/kmip/index.ts';

const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const HTTP_OK = 200;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** PEM texts. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface Answer {
  readonly item: Ttlv;
  readonly ttlv: Uint8Array;
}

export interface Wire {
  /** @throws Error when no answer comes, or none that can be decoded. */
  exchange(request: Ttlv): Promise<Answer>;
  close(): void;
}

export const encodings = ['ttlv', 'https', 'xml', 'json'] as const;
export type Encoding = (typeof encodings)[number];

export function openWire(
  encoding: Encoding,
  where: { readonly kmip: Address; readonly https: Address | undefined },
  credentials: Credentials,
): Wire {
  if (encoding === 'ttlv') return new TlsWire(where.kmip, credentials);
  if (where.https === undefined) throw new Error('the address of the HTTPS endpoint is not known');
  return new HttpsWire(encoding, where.https, credentials);
}

class TlsWire implements Wire {
  readonly #client: KmipClient;

  constructor(address: Address, credentials: Credentials) {
    const { host, port } = address;
    this.#client = new KmipClient({ host, port, ...credentials, timeoutMs: TIMEOUT_MS, poolSize: 1 });
  }

  async exchange(request: Ttlv): Promise<Answer> {
    const ttlv = await this.#client.send(encodeTtlv(request));
    return { item: decodeTtlv(ttlv), ttlv };
  }

  close(): void {
    this.#client.close();
  }
}

interface Form {
  readonly contentType: string;
  readonly encode: (item: Ttlv) => string | Uint8Array;
  readonly decode: (body: Buffer) => Ttlv;
}

const forms: Readonly<Record<Exclude<Encoding, 'ttlv'>, Form>> = {
  https: { contentType: 'application/octet-stream', encode: encodeTtlv, decode: decodeTtlv },
  xml: { contentType: 'text/xml', encode: encodeXml, decode: decodeXml },
  json: { contentType: 'application/json', encode: encodeJson, decode: decodeJson },
};

class HttpsWire implements Wire {
  readonly #form: Form;
  readonly #address: Address;
  readonly #credentials: Credentials;

  constructor(encoding: Exclude<Encoding, 'ttlv'>, address: Address, credentials: Credentials) {
    this.#form = forms[encoding];
    this.#address = address;
    this.#credentials = credentials;
  }

  async exchange(request: Ttlv): Promise<Answer> {
    const { contentType, encode, decode } = this.#form;
    const item = decode(await this.#post(Buffer.from(encode(request)), contentType));
    return { item, ttlv: encodeTtlv(item) };
  }

  close(): void {
    // Every request has a connection of its own.
  }

  #post(body: Buffer, contentType: string): Promise<Buffer> {
    const { host, port } = this.#address;
    const headers = { 'content-type': contentType, 'content-length': body.length };
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          host,
          port,
          path: KMIP_HTTPS_PATH,
          method: 'POST',
          headers,
          agent: false,
          timeout: TIMEOUT_MS,
          ...this.#credentials,
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > MAX_ANSWER_BYTES) request.destroy(new Error('the answer is too large'));
            else chunks.push(chunk);
          });
          response.on('error', reject);
          response.on('end', () => {
            const type = response.headers['content-type'] ?? '';
            if (response.statusCode !== HTTP_OK) reject(new Error(`HTTP status ${response.statusCode}`));
            else if (!type.startsWith(contentType))
              reject(new Error(`the answer is ${type}, not ${contentType}`));
            else resolve(Buffer.concat(chunks));
          });
        },
      );
      request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      request.on('error', reject);
      request.end(body);
    });
  }
}
