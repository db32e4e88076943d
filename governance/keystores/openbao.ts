/**
 * The transit engine of an OpenBao, or of a Vault. A reference is the name of a transit key. CMK's token needs `read` on
 * keys/NAME, `update` on datakey/plaintext/NAME and decrypt/NAME; for keys made or imported by CMK also `update` on
 * keys/NAME, keys/NAME/import and `read` on wrapping_key. That the token itself is good it learns from auth/token/lookup-self.
 *
 * Transit knows no disabled keys: a customer withdraws one by policy, by deleting it, or by raising its
 * min_decryption_version past the version that wrapped.
 */
import { randomUUID } from 'node:crypto';
import type { KeystoreConfig } from './configs.ts';
import { callJson, type JsonAnswer, recordOf, secretOf } from './http.ts';
import {
  type DataKey,
  type ImportParameters,
  type ImportTicket,
  type KeyFacts,
  type KeystoreDriver,
  KeystoreError,
  LINK_SECRET_BYTES,
} from './provider.ts';

const NAME = /^[A-Za-z0-9_.-]{1,128}$/;
/** `vault:v3:…`: the number is the version of the transit key. */
const CIPHERTEXT = /^[a-z0-9-]{1,32}:v[0-9]{1,9}:[A-Za-z0-9+/]{1,1024}={0,2}$/;
const KEY_TYPE = 'aes256-gcm96';
const IMPORT = { algorithm: 'RSA_AES_KEY_WRAP_SHA_256', hash: 'SHA256' } as const;
/** The wrapping key of an engine never expires; what was wrapped for one import shall. */
const IMPORT_MS = 24 * 3_600_000;
const MAX_QUOTED_LENGTH = 200;

export class OpenBaoKeystore implements KeystoreDriver {
  readonly kind = 'openbao';
  readonly #config: KeystoreConfig<'openbao'>;

  constructor(config: KeystoreConfig<'openbao'>) {
    this.#config = config;
  }

  async inspect(reference: string): Promise<KeyFacts> {
    const data = await this.#transit('GET', ['keys', nameOf(reference)]);
    if (data['supports_encryption'] === false || data['derived'] === true)
      throw new KeystoreError('UNKNOWN', 'the transit key is none for encryption without a context');
    const version = data['latest_version'];
    return {
      state: 'ENABLED',
      reference,
      version: typeof version === 'number' ? String(version) : null,
    };
  }

  async generateDataKey(reference: string): Promise<DataKey> {
    const data = await this.#transit('POST', ['datakey', 'plaintext', nameOf(reference)], {
      bits: LINK_SECRET_BYTES * 8,
    });
    const { ciphertext } = data;
    if (typeof ciphertext !== 'string' || !CIPHERTEXT.test(ciphertext))
      throw new KeystoreError('UNKNOWN', 'the transit engine did not answer with a ciphertext');
    return { plaintext: secretFrom(data), wrapped: ciphertext };
  }

  async unwrap(reference: string, wrapped: string): Promise<Buffer> {
    if (!CIPHERTEXT.test(wrapped))
      throw new KeystoreError('UNKNOWN', 'the wrapped secret is not of this keystore');
    return secretFrom(await this.#transit('POST', ['decrypt', nameOf(reference)], { ciphertext: wrapped }));
  }

  async credentialIsGood(): Promise<boolean> {
    try {
      return (await this.#call('GET', ['auth', 'token', 'lookup-self'])).status === 200;
    } catch {
      return false;
    }
  }

  async createKey(): Promise<string> {
    const name = `openkcm-${randomUUID()}`;
    await this.#transit('POST', ['keys', name], { type: KEY_TYPE });
    return name;
  }

  async beginImport(): Promise<ImportParameters> {
    const { public_key: publicKey } = await this.#transit('GET', ['wrapping_key']);
    if (typeof publicKey !== 'string')
      throw new KeystoreError('UNKNOWN', 'the transit engine did not answer with a wrapping key');
    return {
      reference: `openkcm-${randomUUID()}`,
      algorithm: IMPORT.algorithm,
      material: 'AES_256',
      publicKey,
      expiresAt: new Date(Date.now() + IMPORT_MS),
      ticket: '',
    };
  }

  async finishImport({ reference }: ImportTicket, wrapped: Buffer): Promise<void> {
    await this.#transit('POST', ['keys', nameOf(reference), 'import'], {
      ciphertext: wrapped.toString('base64'),
      type: KEY_TYPE,
      hash_function: IMPORT.hash,
    });
  }

  async #transit(method: 'GET' | 'POST', path: readonly string[], body?: object) {
    const mount = (this.#config.mount ?? 'transit').split('/');
    const answer = await this.#call(method, [...mount, ...path], body);
    if (answer.status === 200 || answer.status === 204) return recordOf(answer.body['data']);
    throw refusal(answer);
  }

  async #call(method: 'GET' | 'POST', path: readonly string[], body?: object): Promise<JsonAnswer> {
    const { address, namespace, tokenFile, caFile } = this.#config;
    return await callJson({
      method,
      url: new URL(`/v1/${path.map(encodeURIComponent).join('/')}`, address),
      headers: {
        'x-vault-token': await secretOf(tokenFile),
        'x-vault-request': 'true',
        ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
      },
      ...(body !== undefined && { body }),
      caFile,
    });
  }
}

/** What the engine's statuses mean (HTTP API of OpenBao, "HTTP status codes"). */
function refusal({ status, body }: JsonAnswer): KeystoreError {
  const said = complaintOf(body);
  const detail = `the engine answers ${status}${said === '' ? '' : ` "${said}"`}`;
  if (status === 403) return new KeystoreError('FORBIDDEN', detail);
  // So the engine says it of a key. A route that is not there, or somebody in between, says nothing of it.
  if (
    (status === 404 && Array.isArray(body['errors']) && said === '') ||
    said.includes('encryption key not found')
  )
    return new KeystoreError('NOT_FOUND', detail);
  if (status === 404 && !Array.isArray(body['errors'])) return new KeystoreError('UNREACHABLE', detail);
  if (status === 429) return new KeystoreError('THROTTLED', detail);
  // Sealed, in maintenance, a standby, or broken: none says anything of the key.
  if (status >= 500 || (status >= 300 && status < 400)) return new KeystoreError('UNREACHABLE', detail);
  if (said.includes('disallowed by policy (too old)')) return new KeystoreError('DISABLED', detail);
  return new KeystoreError('UNKNOWN', detail);
}

function complaintOf(body: JsonAnswer['body']): string {
  const { errors } = body;
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  return typeof first === 'string' ? first.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, MAX_QUOTED_LENGTH) : '';
}

function secretFrom(data: Record<string, unknown>): Buffer {
  const { plaintext } = data;
  const secret = Buffer.from(typeof plaintext === 'string' ? plaintext : '', 'base64');
  if (secret.length === LINK_SECRET_BYTES) return secret;
  secret.fill(0);
  throw new KeystoreError('UNKNOWN', 'the transit engine did not answer with a link secret');
}

function nameOf(reference: string): string {
  // A URL resolves a name of dots, and would leave the mount.
  if (NAME.test(reference) && reference !== '.' && reference !== '..') return reference;
  throw new KeystoreError('NOT_FOUND', 'no transit key can be called so');
}
