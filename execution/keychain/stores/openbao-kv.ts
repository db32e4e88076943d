/**
 * The KV engine of OpenBao or Vault, version 2: read, check, create and replace one secret, and what each answer means.
 * The engine keeps old versions, and may delete by the clock; an old version is an old wrapping, and a deleted one a
 * tenant without keys. Both are set off here, and a mount that sets them on again is refused.
 */
import type { Agent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Agent as HttpAgent } from '../../../platform/http.ts';
import { KeychainError } from '../errors.ts';
import {
  callOpenBao,
  type OpenBaoAnswer,
  type OpenBaoRequest,
  type OpenBaoServer,
  recordOf,
} from '../openbao-client.ts';
import { nameOf, type SecretPlace } from './openbao-layout.ts';

/** One text, and the engine's number of the version that it is. */
export interface KvSecret {
  readonly version: number;
  readonly text: string;
}

/** Of the request that carries it. Integrated storage takes entries of 1 MiB, and encrypts and frames what we send. */
export const MAX_DOCUMENT_BYTES = 900 * 1024;
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_CONNECTIONS = 16;
const MAX_IDLE_CONNECTIONS = 4;
/** Well below what servers (5 min) and balancers (mostly 60 s) wait before they close one. */
const IDLE_MS = 20_000;

const ERRORS = { misconfigured: 'STORE_UNAVAILABLE', unavailable: 'STORE_UNAVAILABLE' } as const;
const CAS_MISMATCH = 'check-and-set parameter did not match';
/** Durations as the engine writes them: 0s, and -1s where deletion by the clock is forbidden to all keys. */
const NEVER_DELETES = new Set(['0s', '-1s']);

/** What became of a write. `unknown`: it may have been done, and may yet be. */
export type WriteOutcome =
  | { readonly kind: 'written' }
  | { readonly kind: 'outdated' }
  | { readonly kind: 'unknown'; readonly error: KeychainError };

export class KvClient {
  readonly #server: OpenBaoServer;
  readonly #agent: Agent;

  constructor(server: OpenBaoServer) {
    this.#server = server;
    const options = {
      keepAlive: true,
      maxSockets: MAX_CONNECTIONS,
      maxTotalSockets: MAX_CONNECTIONS,
      maxFreeSockets: MAX_IDLE_CONNECTIONS,
      timeout: IDLE_MS,
    };
    this.#agent = server.url.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Null: there never was one. @throws KeychainError STORE_UNAVAILABLE, RECORD_REJECTED. */
  async read(place: SecretPlace): Promise<KvSecret | null> {
    const answer = await this.#call(place, { method: 'GET', path: ['data', ...place.path] });
    if (answer.status === 404) {
      refuseIfGone(answer, place);
      if (isPlainlyMissing(answer)) return null;
    }
    if (answer.status !== 200) throw refusal(answer, place);
    if (answer.body === undefined) throw notAnEngine(answer);
    const data = recordOf(answer.body['data']);
    const version = recordOf(data?.['metadata'])?.['version'];
    const text = recordOf(data?.['data'])?.['document'];
    if (typeof version === 'number' && typeof text === 'string') return { version, text };
    throw new KeychainError('RECORD_REJECTED', `${nameOf(place)} holds no keys of ours`);
  }

  /** @throws KeychainError STORE_UNAVAILABLE when the mount would keep old wrappings, or lose new ones. */
  async checkMount(place: SecretPlace): Promise<void> {
    const answer = await this.#call(place, { method: 'GET', path: ['config'] });
    if (answer.status !== 200) throw refusal(answer, place);
    const config = recordOf(answer.body?.['data']);
    const kept = config?.['max_versions'];
    const deletes = config?.['delete_version_after'];
    if (typeof kept !== 'number' || typeof deletes !== 'string') throw notAnEngine(answer);
    const mount = place.mount.join('/');
    if (kept > 1) {
      // The engine takes the larger of the mount's number and the secret's.
      throw new KeychainError(
        'STORE_UNAVAILABLE',
        `the mount ${mount} keeps ${kept} versions, and with them old wrappings: set its max_versions to 1`,
      );
    }
    if (!NEVER_DELETES.has(deletes)) {
      throw new KeychainError(
        'STORE_UNAVAILABLE',
        `the mount ${mount} deletes keys after ${deletes}: set its delete_version_after to 0s`,
      );
    }
  }

  /**
   * Before the first version: one is kept, and each write names the one it replaces. Leaves no version behind, so that
   * a secret whose creation ended here still reads as none, and is created by whoever comes next. May be repeated.
   * @throws KeychainError STORE_UNAVAILABLE.
   */
  async prepare(place: SecretPlace): Promise<void> {
    const body = { max_versions: 1, cas_required: true, delete_version_after: '0s' };
    const answer = await this.#call(place, { method: 'POST', path: ['metadata', ...place.path], body });
    if (answer.status !== 204 && answer.status !== 200) throw refusal(answer, place);
  }

  /**
   * Replaces `version`; 0 makes the first. `checkSize` comes before.
   * @throws KeychainError STORE_UNAVAILABLE, LIMIT_REACHED: nothing was written.
   */
  async write(place: SecretPlace, version: number, text: string): Promise<WriteOutcome> {
    const request = { method: 'POST', path: ['data', ...place.path], body: bodyOf(version, text) } as const;
    let answer: OpenBaoAnswer;
    try {
      answer = await this.#call(place, request);
    } catch (error) {
      if (error instanceof KeychainError) return { kind: 'unknown', error };
      throw error;
    }
    if (answer.status === 200) {
      const written = recordOf(answer.body?.['data'])?.['version'];
      if (written === version + 1) return { kind: 'written' };
      return { kind: 'unknown', error: notAnEngine(answer) };
    }
    if (answer.status === 400 && answer.complaint.includes(CAS_MISMATCH)) return { kind: 'outdated' };
    const error = refusal(answer, place);
    // A server, or what stands before it, may say so after it has done the work. Below 500 it says that it has not.
    return answer.status >= 500 && error.code !== 'LIMIT_REACHED' ? { kind: 'unknown', error } : fail(error);
  }

  async #call(
    { mount, namespace }: SecretPlace,
    { method, path, body }: Pick<OpenBaoRequest, 'method' | 'path' | 'body'>,
  ): Promise<OpenBaoAnswer> {
    const server = namespace === undefined ? this.#server : { ...this.#server, namespace };
    const request = {
      method,
      path: [...mount, ...path],
      ...(body === undefined ? {} : { body }),
      maxAnswerBytes: MAX_ANSWER_BYTES,
      agent: this.#agent,
    };
    return await callOpenBao(server, request, ERRORS);
  }
}

/** @throws KeychainError LIMIT_REACHED. */
export function checkSize(place: SecretPlace, text: string): void {
  const sizeBytes = Buffer.byteLength(JSON.stringify(bodyOf(Number.MAX_SAFE_INTEGER, text)));
  if (sizeBytes <= MAX_DOCUMENT_BYTES) return;
  throw new KeychainError(
    'LIMIT_REACHED',
    `the tenant's keys would take ${sizeBytes} bytes in ${nameOf(place)}, where ${MAX_DOCUMENT_BYTES} fit: destroy versions that nothing needs`,
  );
}

function bodyOf(version: number, text: string): object {
  return { options: { cas: version }, data: { document: text } };
}

function fail(error: KeychainError): never {
  throw error;
}

/** A deleted or destroyed version is not a tenant without keys: its L3 keys would be made anew, over the old ones. */
function refuseIfGone({ body }: OpenBaoAnswer, place: SecretPlace): void {
  const metadata = recordOf(recordOf(body?.['data'])?.['metadata']);
  if (metadata === undefined) return;
  const how = metadata['destroyed'] === true ? 'destroyed: restore it' : 'deleted: undelete or restore it';
  throw new KeychainError('RECORD_REJECTED', `version ${metadata['version']} of ${nameOf(place)} was ${how}`);
}

/** Of the kinds of 404, the one of a key that has no version. A missing engine complains; a proxy speaks no JSON. */
function isPlainlyMissing({ body }: OpenBaoAnswer): boolean {
  const errors = body?.['errors'];
  return Array.isArray(errors) && errors.length === 0;
}

function notAnEngine({ origin }: OpenBaoAnswer): KeychainError {
  return new KeychainError('STORE_UNAVAILABLE', `${origin} does not answer as a KV engine of version 2 does`);
}

function refusal({ status, said, complaint }: OpenBaoAnswer, place: SecretPlace): KeychainError {
  if (status === 413 || (status === 500 && complaint.includes('too large'))) {
    return new KeychainError(
      'LIMIT_REACHED',
      `${said}: its storage takes less than ${MAX_DOCUMENT_BYTES} bytes`,
    );
  }
  const reason = reasonOf(status, place);
  return new KeychainError('STORE_UNAVAILABLE', reason === undefined ? said : `${said}: ${reason}`);
}

function reasonOf(status: number, place: SecretPlace): string | undefined {
  const mount = place.mount.join('/');
  if (status >= 300 && status < 400) return 'it points elsewhere; name the active node';
  switch (status) {
    case 403:
      return `the token is expired, or its policy does not allow create, read and update on ${nameOf(place)}, create and update on its metadata, and read on ${mount}/config`;
    case 404:
      return `no KV engine of version 2 is mounted at ${mount}`;
    case 412:
      return 'the node has not caught up yet';
    case 429:
      return 'it is a standby, or its quota is used up';
    case 472:
    case 473:
      return 'it is a standby';
    case 503:
      return 'it is sealed or in maintenance';
    default:
      return undefined;
  }
}
