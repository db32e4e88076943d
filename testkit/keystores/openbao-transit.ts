// A local double of OpenBao's transit engine, as far as a keystore uses it: real AES-256-GCM, key versions with a minimum
// for decryption, imports under the engine's RSA-4096 wrapping key, tokens, and the engine's own status codes and words.
//
// Covered: keys (create, read, rotate by the owner, config of the minimum, import), datakey/plaintext, decrypt, wrapping_key,
// auth/token/lookup-self, one policy for the token of CMK (denied keys), namespaces as a header that has to fit.
// Not covered: derived and asymmetric keys, batches, convergent encryption, several nodes, leases.
import {
  createCipheriv,
  createDecipheriv,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { unwrapImport } from '../../platform/key-wrap.ts';
import { type ServerTls, startFakeServer } from './fake-server.ts';

export interface FakeTransit {
  readonly url: string;
  readonly mount: string;
  readonly namespace: string;
  /** What CMK calls itself by. */
  readonly token: string;
  readonly console: {
    createKey(): string;
    delete(key: string): void;
    /** A new version, which encrypts from now on. */
    rotate(key: string): void;
    /** As `min_decryption_version` of the key's configuration. */
    setMinimum(key: string, version: number): void;
    /** The policy of CMK's token no longer names the key. */
    forbid(key: string): void;
    allow(key: string): void;
  };
  revokeToken(): void;
  seal(sealed: boolean): void;
  throttle(requests: number): void;
  cutOff(): void;
  reconnect(): void;
  close(): Promise<void>;
}

interface Key {
  readonly versions: Buffer[];
  minimum: number;
  imported: boolean;
}

class Refusal extends Error {
  readonly status: number;
  readonly errors: readonly string[];
  constructor(status: number, ...errors: string[]) {
    super(errors[0] ?? '');
    this.status = status;
    this.errors = errors;
  }
}

type Body = Readonly<Record<string, unknown>>;
const DENIED = '1 error occurred:\n\t* permission denied\n\n';
const IMPORT_HASHES: Readonly<Record<string, 'RSA_AES_KEY_WRAP_SHA_256' | 'RSA_AES_KEY_WRAP_SHA_1'>> = {
  SHA256: 'RSA_AES_KEY_WRAP_SHA_256',
  SHA1: 'RSA_AES_KEY_WRAP_SHA_1',
};

export async function startOpenBaoTransit(tls?: ServerTls): Promise<FakeTransit> {
  const [mount, namespace] = ['bank/transit', 'treasury'];
  const token = `s.${randomBytes(18).toString('base64url')}`;
  const keys = new Map<string, Key>();
  const denied = new Set<string>();
  let wrapping: { publicKey: KeyObject; privateKey: KeyObject } | undefined;
  let [revoked, sealed, throttled] = [false, false, 0];

  const wrappingPair = () => {
    wrapping ??= generateKeyPairSync('rsa', { modulusLength: 4096 });
    return wrapping;
  };
  const keyOf = (name: string, status = 400): Key => {
    const key = keys.get(name);
    if (key !== undefined) return key;
    throw status === 404 ? new Refusal(404) : new Refusal(400, 'encryption key not found');
  };

  function transit(method: string, path: string, body: Body): object | undefined {
    const [room = '', first = '', second = ''] = path.split('/');
    const name = room === 'datakey' ? second : first;
    if (name !== '' && denied.has(name)) throw new Refusal(403, DENIED);
    switch (`${method} ${room}`) {
      case 'GET keys':
        return describe(name, keyOf(name, 404));
      case 'POST keys':
        if (second === 'import') return importKey(name, body);
        if (second !== '') break;
        if (body['type'] !== 'aes256-gcm96')
          throw new Refusal(400, `unknown key type ${String(body['type'])}`);
        if (!keys.has(name)) keys.set(name, { versions: [randomBytes(32)], minimum: 1, imported: false });
        return describe(name, keyOf(name));
      case 'GET wrapping_key':
        return { public_key: wrappingPair().publicKey.export({ type: 'spki', format: 'pem' }).toString() };
      case 'POST datakey': {
        if (first !== 'plaintext') break;
        const plaintext = randomBytes(Number(body['bits'] ?? 256) / 8);
        return { plaintext: plaintext.toString('base64'), ...encrypt(keyOf(name), plaintext) };
      }
      case 'POST decrypt':
        return { plaintext: decrypt(keyOf(name), String(body['ciphertext'] ?? '')).toString('base64') };
    }
    throw new Refusal(404, `no handler for route "${mount}/${path}". route entry not found.`);
  }

  function importKey(name: string, body: Body): undefined {
    if (keys.has(name))
      throw new Refusal(
        400,
        'the import path cannot be used with an existing key; use import-version to rotate an existing imported key',
      );
    const algorithm = IMPORT_HASHES[String(body['hash_function'] ?? 'SHA256')];
    if (algorithm === undefined)
      throw new Refusal(400, `unsupported hash function: ${String(body['hash_function'])}`);
    let material: Buffer;
    try {
      const blob = Buffer.from(String(body['ciphertext'] ?? ''), 'base64');
      material = unwrapImport(wrappingPair().privateKey, algorithm, blob);
    } catch {
      throw new Refusal(400, 'crypto/rsa: decryption error');
    }
    if (material.length !== 32)
      throw new Refusal(400, `invalid key size ${material.length} bytes for key type aes256-gcm96`);
    keys.set(name, { versions: [material], minimum: 1, imported: true });
    return undefined;
  }

  function answer(request: IncomingMessage, body: Buffer): { status: number; answer?: object } {
    if (sealed) throw new Refusal(503, 'Vault is sealed');
    if (throttled > 0) {
      throttled -= 1;
      throw new Refusal(429, 'request path "transit": rate limit quota exceeded');
    }
    if (request.headers['x-vault-token'] !== token || revoked)
      throw new Refusal(403, '2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n');
    if (request.headers['x-vault-namespace'] !== namespace) throw new Refusal(404, 'no handler for route');
    const path = decodeURIComponent((request.url ?? '').replace(/^\/v1\//, ''));
    if (path === 'auth/token/lookup-self' && request.method === 'GET')
      return {
        status: 200,
        answer: { data: { display_name: 'cmk', policies: ['default', 'cmk'], ttl: 3600 } },
      };
    if (!path.startsWith(`${mount}/`)) throw new Refusal(403, DENIED);
    const parsed = body.length === 0 ? {} : (JSON.parse(body.toString('utf8')) as Body);
    const data = transit(request.method ?? '', path.slice(mount.length + 1), parsed);
    return data === undefined ? { status: 204 } : { status: 200, answer: { data } };
  }

  const server = await startFakeServer((request, body, response) => {
    try {
      const { status, answer: said } = answer(request, body);
      response.writeHead(status, { 'content-type': 'application/json' }).end(said && JSON.stringify(said));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      response
        .writeHead(error.status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ errors: error.errors }));
    }
  }, tls);

  return {
    url: server.url,
    mount,
    namespace,
    token,
    console: {
      createKey: () => {
        const name = `customer-${randomBytes(6).toString('hex')}`;
        keys.set(name, { versions: [randomBytes(32)], minimum: 1, imported: false });
        return name;
      },
      delete: (key) => void keys.delete(key),
      rotate: (key) => void keyOf(key).versions.push(randomBytes(32)),
      setMinimum: (key, version) => {
        keyOf(key).minimum = version;
      },
      forbid: (key) => void denied.add(key),
      allow: (key) => void denied.delete(key),
    },
    revokeToken: () => {
      revoked = true;
    },
    seal: (value) => {
      sealed = value;
    },
    throttle: (requests) => {
      throttled = requests;
    },
    cutOff: server.cutOff,
    reconnect: server.reconnect,
    close: server.close,
  };
}

const describe = (name: string, key: Key): object => ({
  name,
  type: 'aes256-gcm96',
  derived: false,
  deletion_allowed: false,
  exportable: false,
  imported_key: key.imported,
  keys: Object.fromEntries(key.versions.map((_, index) => [String(index + 1), 1_700_000_000])),
  latest_version: key.versions.length,
  min_available_version: 0,
  min_decryption_version: key.minimum,
  min_encryption_version: 0,
  supports_decryption: true,
  supports_derivation: true,
  supports_encryption: true,
  supports_signing: false,
});

function encrypt({ versions }: Key, plaintext: Buffer): { ciphertext: string; key_version: number } {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', versions.at(-1) ?? Buffer.of(), nonce);
  const bytes = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return {
    ciphertext: `vault:v${versions.length}:${bytes.toString('base64')}`,
    key_version: versions.length,
  };
}

function decrypt({ versions, minimum }: Key, ciphertext: string): Buffer {
  const [, version = '', text = ''] = /^vault:v(\d+):(.+)$/.exec(ciphertext) ?? [];
  if (text === '') throw new Refusal(400, 'invalid ciphertext: no prefix');
  const material = versions[Number(version) - 1];
  if (material === undefined) throw new Refusal(400, 'invalid ciphertext: version is too new');
  if (Number(version) < minimum)
    throw new Refusal(400, 'ciphertext or signature version is disallowed by policy (too old)');
  const bytes = Buffer.from(text, 'base64');
  try {
    const decipher = createDecipheriv('aes-256-gcm', material, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
  } catch {
    throw new Refusal(400, 'cipher: message authentication failed');
  }
}
