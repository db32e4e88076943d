// A local double of OpenBao's transit engine, faithful to its HTTP contract as far as a seal uses it: real AES-256-GCM
// with associated data, key versions with a minimum for decryption, tokens, and the engine's own status codes and words.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer as createHttpServer } from '../platform/http.ts';

/** How the engine behaves from now on. */
export type TransitMood = 'well' | 'sealed' | 'standby' | 'silent' | 'garbage' | 'short-key' | 'flood';

export interface TestTransit {
  readonly url: string;
  readonly mount: string;
  readonly key: string;
  token: string;
  mood: TransitMood;
  /** Headers of the last request. */
  readonly lastHeaders: () => IncomingMessage['headers'];
  /** Makes the next version of the key, which encrypts from now on. */
  rotate(): void;
  /** As `min_decryption_version` of the key's configuration. */
  setMinimumDecryptionVersion(version: number): void;
  close(): Promise<void>;
}

interface TransitRequest {
  readonly plaintext?: unknown;
  readonly ciphertext?: unknown;
  readonly associated_data?: unknown;
}

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, ...messages: string[]) {
    super(messages[0] ?? '');
    this.status = status;
  }
}

export async function startTransit(
  options: { readonly tls?: { readonly cert: string; readonly key: string } } = {},
): Promise<TestTransit> {
  const mount = 'transit';
  const key = 'openkcm-unseal';
  const versions: Buffer[] = [randomBytes(32)];
  let minimum = 1;
  let lastHeaders: IncomingMessage['headers'] = {};

  function encrypt({ plaintext, associated_data }: TransitRequest): object {
    if (typeof plaintext !== 'string') throw new Refusal(400, 'missing plaintext to encrypt');
    const version = versions.length;
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', versions[version - 1] ?? '', nonce);
    cipher.setAAD(decoded(associated_data));
    const bytes = Buffer.concat([
      nonce,
      cipher.update(plaintext, 'base64'),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    return { ciphertext: `vault:v${version}:${bytes.toString('base64')}`, key_version: version };
  }

  function decrypt({ ciphertext, associated_data }: TransitRequest): object {
    const parts = /^vault:v(\d+):(.*)$/.exec(typeof ciphertext === 'string' ? ciphertext : '');
    if (parts === null) throw new Refusal(400, 'invalid ciphertext: no prefix');
    const version = Number(parts[1]);
    const secret = versions[version - 1];
    if (secret === undefined) throw new Refusal(400, 'invalid ciphertext: version is too new');
    if (version < minimum)
      throw new Refusal(400, 'ciphertext or signature version is disallowed by policy (too old)');
    const bytes = Buffer.from(parts[2] ?? '', 'base64');
    const decipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(0, 12));
    decipher.setAAD(decoded(associated_data));
    decipher.setAuthTag(bytes.subarray(-16));
    try {
      const plain = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
      return { plaintext: plain.toString('base64') };
    } catch {
      throw new Refusal(400, 'cipher: message authentication failed');
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    lastHeaders = request.headers;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { mood } = engine;
    if (mood === 'silent') return;
    if (mood === 'garbage') return void response.end('<html>not an engine</html>');
    if (mood === 'flood') return void response.end('x'.repeat(1024 * 1024));
    if (mood === 'standby') return void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end();
    if (mood === 'sealed') return send(response, 503, { errors: ['Vault is sealed'] });
    if (request.headers['x-vault-token'] !== engine.token) {
      return send(response, 403, { errors: ['permission denied'] });
    }
    if (mood === 'short-key')
      return send(response, 200, { data: { plaintext: 'AAAA', ciphertext: 'nothing' } });
    const route = /^\/v1\/transit\/(encrypt|decrypt)\/(.+)$/.exec(request.url ?? '');
    if (request.method !== 'POST' || route === null) return send(response, 404, { errors: [] });
    if (route[2] !== key) {
      // The engine makes a missing key when it encrypts, unless the policy allows updates alone; here it does.
      return route[1] === 'encrypt'
        ? send(response, 404, { errors: [] })
        : send(response, 400, { errors: ['encryption key not found'] });
    }
    try {
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as TransitRequest;
      send(response, 200, { data: route[1] === 'encrypt' ? encrypt(body) : decrypt(body) });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      send(response, error.status, { errors: [error.message] });
    }
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch(() => response.destroy());
  };
  const server =
    options.tls === undefined ? createHttpServer(listener) : createHttpsServer(options.tls, listener);
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const { port } = server.address() as AddressInfo;
  const engine: TestTransit = {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    mount,
    key,
    token: `s.${randomBytes(12).toString('hex')}`,
    mood: 'well',
    lastHeaders: () => lastHeaders,
    rotate: () => void versions.push(randomBytes(32)),
    setMinimumDecryptionVersion: (version) => {
      minimum = version;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return engine;
}

function decoded(value: unknown): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
