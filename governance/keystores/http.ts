/**
 * One HTTP call to a keystore that has no SDK: JSON both ways, a deadline, a bounded answer, an authority of one's own,
 * and no redirects (a token must not follow wherever a standby node points). Node's `fetch` takes no authority, hence
 * `node:https`. What a status means is for the caller to say.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { readPrivate } from '../../platform/config-file.ts';
import { errorMessage } from '../../platform/errors.ts';
import { request as httpRequest } from '../../platform/http.ts';
import { KEYSTORE_TIMEOUT_MS, KeystoreError } from './provider.ts';

export interface JsonCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly caFile?: string | undefined;
}
export interface JsonAnswer {
  readonly status: number;
  /** Empty when the answer is no JSON object. */
  readonly body: Readonly<Record<string, unknown>>;
}

const MAX_ANSWER_BYTES = 64 * 1024;

/** Any status is an answer. Errors: KeystoreError UNREACHABLE; what was asked may have been done all the same. */
export async function callJson({ method, url, headers, body, caFile }: JsonCall): Promise<JsonAnswer> {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body), 'utf8');
  const authority = caFile === undefined ? {} : { ca: await fromFile(readFile(caFile)) };
  try {
    const options = {
      method,
      headers: {
        ...headers,
        ...(payload && { 'content-type': 'application/json', 'content-length': payload.length }),
      },
      signal: AbortSignal.timeout(KEYSTORE_TIMEOUT_MS),
      agent: false as const,
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const call =
        url.protocol === 'http:'
          ? httpRequest(url, options)
          : httpsRequest(url, { ...options, ...authority, minVersion: 'TLSv1.2' });
      call.once('response', resolve);
      // Not once: a connection may break again while its answer is read, where its reader learns of it.
      call.on('error', reject);
      call.end(payload);
    });
    return { status: response.statusCode ?? 0, body: await readJson(response) };
  } catch (cause) {
    throw new KeystoreError('UNREACHABLE', `${url.origin} did not answer (${errorMessage(cause)})`, {
      cause,
    });
  } finally {
    payload?.fill(0);
  }
}

async function readJson(response: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    }
    const whole = Buffer.concat(chunks);
    chunks.push(whole);
    try {
      return recordOf(JSON.parse(whole.toString('utf8')));
    } catch {
      return {};
    }
  } finally {
    // It may hold a link secret.
    for (const chunk of chunks) chunk.fill(0);
  }
}

/** The value when it is a JSON object, else an empty one. */
export const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};

/** A secret out of a private file: without the end of its line. Errors: KeystoreError UNKNOWN. */
export const secretOf = async (path: string): Promise<string> =>
  (await fromFile(readPrivate(path, MAX_ANSWER_BYTES))).trimEnd();

/** A file of ours that cannot be read is trouble of CMK's, and says nothing of a key. */
export async function fromFile<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new KeystoreError('UNKNOWN', `CMK cannot read a file of this keystore: ${errorMessage(cause)}`, {
      cause,
    });
  }
}
