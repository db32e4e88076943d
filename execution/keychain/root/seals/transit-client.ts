/**
 * One HTTP call to a transit engine: JSON both ways, a deadline for the whole of it, a bounded answer, an authority of
 * one's own, and no redirects (a token must not follow wherever a standby node points). Node's `fetch` takes no
 * authority, hence `node:https`.
 */
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { readPrivate } from '../../../../platform/config-file.ts';
import { errorCode, errorMessage } from '../../../../platform/errors.ts';
import { KeychainError } from '../../errors.ts';

export interface TransitOptions {
  /** Such as https://openbao.internal:8200; plain http only on the loopback. */
  readonly url: string;
  /** Where the engine is mounted. */
  readonly mount: string;
  /** The transit key; its type must take associated data (aes256-gcm96, the default of the engine). */
  readonly key: string;
  /** Mode 0600. Read whenever the seal is used, so that it may be renewed meanwhile. */
  readonly tokenFile: string;
  /** PEM; the system's authorities when left out. */
  readonly ca?: string;
  readonly namespace?: string;
  readonly timeoutMs: number;
}

const MAX_TOKEN_FILE_BYTES = 4096;
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_QUOTED_CHARACTERS = 200;
const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** Calls `action` (encrypt, decrypt) on the key. @throws KeychainError SEAL_UNAVAILABLE, SEAL_REJECTED. */
export async function callTransit(
  options: TransitOptions,
  action: 'encrypt' | 'decrypt',
  body: object,
): Promise<unknown> {
  const { mount, key, namespace, timeoutMs } = options;
  const url = new URL(`/v1/${mount}/${action}/${encodeURIComponent(key)}`, options.url);
  const isPlain = url.protocol === 'http:';
  if (isPlain && !LOOPBACK.has(url.hostname)) {
    throw new KeychainError('SEAL_REJECTED', `${url.origin} is not https, and not on this host`);
  }
  const token = (await readFileOf(() => readPrivate(options.tokenFile, MAX_TOKEN_FILE_BYTES))).trim();
  const ca = options.ca;
  const authority = ca === undefined ? {} : { ca: await readFileOf(() => readFile(ca)) };
  const payload = Buffer.from(JSON.stringify(body), 'utf8');
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': payload.length,
        'x-vault-token': token,
        'x-vault-request': 'true',
        ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
      };
      // Without an agent, so that no connection outlives the call.
      const common = { method: 'POST', headers, signal, agent: false } as const;
      const answered = (response: IncomingMessage): void => {
        readText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
      };
      const call = isPlain
        ? httpRequest(url, common, answered)
        : httpsRequest(url, { ...common, ...authority, minVersion: 'TLSv1.2' }, answered);
      call.once('error', reject);
      call.end(payload);
    });
    return answerOf(url, status, text);
  } catch (cause) {
    if (cause instanceof KeychainError) throw cause;
    const isLate =
      cause instanceof Error && (cause.name === 'TimeoutError' || errorCode(cause) === 'ABORT_ERR');
    const what = isLate ? `no answer within ${timeoutMs} ms` : errorMessage(cause);
    throw new KeychainError('SEAL_UNAVAILABLE', `${url.origin}: ${what}`, { cause });
  } finally {
    payload.fill(0);
  }
}

async function readFileOf<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new KeychainError('SEAL_REJECTED', errorMessage(cause), { cause });
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  try {
    return whole.toString('utf8');
  } finally {
    // The answer to decrypt holds the unseal key.
    for (const chunk of [whole, ...chunks]) chunk.fill(0);
  }
}

function answerOf(url: URL, status: number, text: string): unknown {
  const said = `${url.origin} answers ${status}${quoted(status, text)}`;
  if (status === 403) {
    throw new KeychainError(
      'SEAL_REJECTED',
      `${said}: the token is expired or its policy does not allow ${url.pathname}`,
    );
  }
  if (status === 404)
    throw new KeychainError('SEAL_REJECTED', `${said}: no such key or engine, ${url.pathname}`);
  if (status === 400) throw new KeychainError('SEAL_REJECTED', said);
  if (status === 503) throw new KeychainError('SEAL_UNAVAILABLE', `${said}: it is sealed or in maintenance`);
  if (status !== 200) throw new KeychainError('SEAL_UNAVAILABLE', said);
  const data = objectOf(text)?.['data'];
  if (typeof data === 'object' && data !== null) return data;
  throw new KeychainError('SEAL_REJECTED', `${url.origin} does not answer as a transit engine does`);
}

/** The engine's own first complaint. A success is never quoted. */
function quoted(status: number, text: string): string {
  if (status < 400) return '';
  const errors = objectOf(text)?.['errors'];
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (typeof first !== 'string' || first === '') return '';
  return ` "${first.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, MAX_QUOTED_CHARACTERS)}"`;
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
