/**
 * Speaks to the admin listener of a core as an operator: mutual TLS, JSON, a deadline. Shares go into request bodies,
 * and into no message.
 */

import { readFile } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { dirname, resolve } from 'node:path';
import { Type } from 'typebox';
import { readConfig, readPrivate } from '../../platform/config-file.ts';
import { errorMessage } from '../../platform/errors.ts';
import { CliError } from '../errors.ts';

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
const Path = Type.String({ minLength: 1, maxLength: 4096 });

/** Mode 0600. Paths in it may be relative to it. */
const OperatorFile = Type.Object(
  {
    /** Such as https://core.eu-west-1.internal:8444 */
    url: Type.String({ pattern: '^https://[^/]+$', maxLength: 2048 }),
    cert: Path,
    key: Path,
    /** The authority of the core's certificate. */
    ca: Path,
    /** The name in the core's certificate, where it is not that of the url. */
    servername: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  },
  { additionalProperties: false },
);

interface Credentials {
  readonly cert: Buffer;
  readonly key: string;
  readonly ca: Buffer;
  readonly servername?: string;
}

export class AdminClient {
  readonly #url: string;
  readonly #tls: Credentials;

  private constructor(url: string, tls: Credentials) {
    this.#url = url;
    this.#tls = tls;
  }

  /** Errors: FILE_UNREADABLE. */
  static async ofFile(path: string): Promise<AdminClient> {
    try {
      const { url, cert, key, ca, servername } = await readConfig(path, OperatorFile);
      const from = (file: string): string => resolve(dirname(path), file);
      return new AdminClient(url, {
        cert: await readFile(from(cert)),
        key: await readPrivate(from(key)),
        ca: await readFile(from(ca)),
        ...(servername === undefined ? {} : { servername }),
      });
    } catch (cause) {
      throw new CliError('FILE_UNREADABLE', `the operator file ${path} cannot be used`, { cause });
    }
  }

  get<T>(path: string): Promise<T> {
    return this.#call('GET', path);
  }
  post<T>(path: string, body?: object): Promise<T> {
    return this.#call('POST', path, body);
  }
  delete<T>(path: string): Promise<T> {
    return this.#call('DELETE', path);
  }

  /** Errors: CORE_UNREACHABLE, REGION_REFUSED with the core's own words. */
  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body), 'utf8');
    const headers: OutgoingHttpHeaders =
      payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': payload.length };
    const { status, text } = await new Promise<{ status: number; text: string }>((done, fail) => {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const options = { method, headers, signal, agent: false, minVersion: 'TLSv1.3', ...this.#tls } as const;
      const call = request(new URL(path, this.#url), options, (response) => {
        const chunks: Buffer[] = [];
        let sizeBytes = 0;
        response.on('data', (chunk: Buffer) => {
          sizeBytes += chunk.length;
          if (sizeBytes > MAX_ANSWER_BYTES) response.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        response.once('error', fail);
        response.once('end', () =>
          done({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
        );
      });
      call.once('error', fail);
      call.end(payload);
    })
      .catch((cause: unknown) => {
        const message = `${this.#url} does not answer: ${errorMessage(cause)}`;
        throw new CliError('CORE_UNREACHABLE', message, { cause });
      })
      .finally(() => payload?.fill(0));
    const answer = parsed(text);
    if (status === 200) return answer as T;
    const { code = `status ${status}`, message = 'no reason given', hint } = refusalOf(answer);
    throw new CliError('REGION_REFUSED', `${code}: ${message}`, hint === undefined ? {} : { hint });
  }
}

function refusalOf(answer: unknown): { code?: string; message?: string; hint?: string } {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return {};
  return typeof answer.error === 'object' && answer.error !== null ? answer.error : {};
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
