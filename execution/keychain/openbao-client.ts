/**
 * One HTTP call to an OpenBao, or to a Vault: JSON both ways, a deadline for the whole of it, a bounded answer, an
 * authority of one's own, and no redirects (a token must not follow wherever a standby node points). Node's `fetch`
 * takes no authority, hence `node:https`. What a status means is for the caller to say.
 */
import { readFile } from 'node:fs/promises';
import type { ClientRequest, Agent as HttpAgent, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { readPrivate } from '../../platform/config-file.ts';
import { errorCode, errorMessage } from '../../platform/errors.ts';
import { request as httpRequest } from '../../platform/http.ts';
import { isLoopback } from '../../platform/loopback.ts';
import { KeychainError, type KeychainErrorCode } from './errors.ts';

export interface OpenBaoServer {
  /** Such as https://openbao.internal:8200; plain http only on the loopback. */
  readonly url: string;
  /** Mode 0600. Read at every call, so that it may be renewed meanwhile. */
  readonly tokenFile: string;
  /** PEM; the system's authorities when left out. */
  readonly ca?: string;
  readonly namespace?: string;
  readonly timeoutMs: number;
}

export interface OpenBaoRequest {
  readonly method: 'GET' | 'POST';
  /** Its parts after /v1, none encoded yet. */
  readonly path: readonly string[];
  readonly body?: object;
  readonly maxAnswerBytes: number;
  /** Keeps connections between calls; without one, none outlives its call. */
  readonly agent?: HttpAgent;
}

export interface OpenBaoAnswer {
  readonly origin: string;
  readonly status: number;
  /** Undefined when the answer is no JSON object. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
  /** The server's own first complaint; empty for a success, which is never quoted. */
  readonly complaint: string;
  /** For messages: who answered, with which status and complaint. */
  readonly said: string;
}

/** What the caller's errors are called. */
export interface OpenBaoErrors {
  /** Nothing was sent: the address, the token's file or the authority's. */
  readonly misconfigured: KeychainErrorCode;
  /** No answer, or none that is whole; what was asked may have been done. */
  readonly unavailable: KeychainErrorCode;
}

const MAX_TOKEN_FILE_BYTES = 4096;
const MAX_QUOTED_CHARACTERS = 200;
/** A server that repeats what it was sent must not make us repeat an envelope. */
const LOOKS_LIKE_CONTENT = /[A-Za-z0-9+/=]{64,}/g;

/** Any status is an answer. @throws KeychainError either of `errors`. */
export async function callOpenBao(
  server: OpenBaoServer,
  request: OpenBaoRequest,
  errors: OpenBaoErrors,
): Promise<OpenBaoAnswer> {
  const url = urlOf(server, request, errors);
  const read = <T>(file: Promise<T>): Promise<T> =>
    file.catch((cause: unknown) => {
      throw new KeychainError(errors.misconfigured, errorMessage(cause), { cause });
    });
  const token = (await read(readPrivate(server.tokenFile, MAX_TOKEN_FILE_BYTES))).trim();
  const authority = server.ca === undefined ? {} : { ca: await read(readFile(server.ca)) };
  const payload = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body), 'utf8');
  try {
    const signal = AbortSignal.timeout(server.timeoutMs);
    const headers = {
      ...(payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': payload.length }),
      'x-vault-token': token,
      'x-vault-request': 'true',
      ...(server.namespace === undefined ? {} : { 'x-vault-namespace': server.namespace }),
    };
    const open = (agent: HttpAgent | false): ClientRequest => {
      const common = { method: request.method, headers, signal, agent };
      return url.protocol === 'http:'
        ? httpRequest(url, common)
        : httpsRequest(url, { ...common, ...authority, minVersion: 'TLSv1.2' });
    };
    const response = await exchange(open, request, payload);
    const text = await readText(response, request.maxAnswerBytes);
    return answerOf(url, response.statusCode ?? 0, text, token);
  } catch (cause) {
    const isLate =
      cause instanceof Error && (cause.name === 'TimeoutError' || errorCode(cause) === 'ABORT_ERR');
    const what = isLate ? `no answer within ${server.timeoutMs} ms` : errorMessage(cause);
    throw new KeychainError(errors.unavailable, `${url.origin}: ${what}`, { cause });
  } finally {
    payload?.fill(0);
  }
}

function urlOf(server: OpenBaoServer, { path }: OpenBaoRequest, errors: OpenBaoErrors): URL {
  // A URL resolves such parts, and would leave the mount.
  if (path.some((part) => part === '.' || part === '..')) {
    throw new KeychainError(errors.misconfigured, `no path of an engine: ${path.join('/')}`);
  }
  const url = new URL(`/v1/${path.map(encodeURIComponent).join('/')}`, server.url);
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new KeychainError(errors.misconfigured, `${url.origin} is not https, and not on this host`);
  }
  return url;
}

async function exchange(
  open: (agent: HttpAgent | false) => ClientRequest,
  { agent = undefined, method }: OpenBaoRequest,
  payload: Buffer | undefined,
): Promise<IncomingMessage> {
  const call = open(agent ?? false);
  try {
    return await sent(call, payload);
  } catch (error) {
    // The server gave up a kept connection just as we took it up. What only reads may be asked again.
    if (method !== 'GET' || !call.reusedSocket || errorCode(error) !== 'ECONNRESET') throw error;
    return await sent(open(false), payload);
  }
}

function sent(call: ClientRequest, payload: Buffer | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    call.once('response', resolve);
    // Not once: a connection may break again while its answer is read, where the reader of the answer learns of it.
    call.on('error', reject);
    call.end(payload);
  });
}

async function readText(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  try {
    return whole.toString('utf8');
  } finally {
    // The answer of a transit engine may hold the unseal key.
    for (const chunk of [whole, ...chunks]) chunk.fill(0);
  }
}

function answerOf(url: URL, status: number, text: string, token: string): OpenBaoAnswer {
  const body = objectOf(text);
  const complaint = status < 400 ? '' : complaintOf(body, token);
  const quoted = complaint === '' ? '' : ` "${complaint}"`;
  return { origin: url.origin, status, body, complaint, said: `${url.origin} answers ${status}${quoted}` };
}

function complaintOf(body: OpenBaoAnswer['body'], token: string): string {
  const errors = body?.['errors'];
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (typeof first !== 'string') return '';
  const harmless = token === '' ? first : first.replaceAll(token, '…');
  return harmless
    .replaceAll(LOOKS_LIKE_CONTENT, '…')
    .replaceAll(/[^\x20-\x7e…]+/g, ' ')
    .slice(0, MAX_QUOTED_CHARACTERS);
}

/** The value when it is a JSON object, else undefined. */
export function recordOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}
