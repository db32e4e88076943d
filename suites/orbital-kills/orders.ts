/**
 * Changes ordered over CMK's REST API by somebody who does not give up: what got no answer, or a broken one, may have been
 * carried out or not, and is looked up by its correlation id before it is ordered once more. Every job that came of it is
 * remembered as promised.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CmkAddress } from '../../cli/access/address.ts';
import { jobsIn } from '../support/jobs.ts';

const REQUEST_TIMEOUT_MS = 15_000;
const RETRY_MS = 250;
const CORRELATION = 'kills-';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** CMK has said no. */
export class Refusal extends Error {
  readonly code: string;
  constructor(what: string, code: string) {
    super(`${what}: ${code}`);
    this.code = code;
  }
}

export class Orders {
  readonly #address: CmkAddress;
  /** Ids of jobs. */
  readonly promised: string[] = [];
  asked = 0;
  /** Requests without an answer that counts. */
  unanswered = 0;
  /** Of those, carried out all the same. */
  foundDone = 0;
  readonly refusals = new Map<string, number>();

  constructor(address: CmkAddress) {
    this.#address = address;
  }

  /** Carried out once; resolves with the jobs that came of it. Errors: Refusal. */
  async ask(method: Method, path: string, body?: unknown): Promise<readonly string[]> {
    const correlationId = `${CORRELATION}${randomUUID()}`;
    this.asked += 1;
    for (let isFirst = true; ; isFirst = false) {
      const answer = await this.#send(method, path, correlationId, body);
      if (answer !== undefined && answer.status < 300) return this.#promise(jobsIn(answer.body));
      if (answer !== undefined && isFirst) return this.#refused(`${method} ${path}`, answer);
      if (answer === undefined) this.unanswered += 1;
      const known = await this.#jobsOf(correlationId);
      if (known.length > 0) {
        this.foundDone += 1;
        return this.#promise(known);
      }
      if (answer !== undefined) return this.#refused(`${method} ${path}, once more`, answer);
      await delay(RETRY_MS);
    }
  }

  /** What CMK says, as soon as it says anything. Errors: Refusal. */
  async look<T>(path: string): Promise<T> {
    for (;;) {
      const answer = await this.#send('GET', path, `${CORRELATION}${randomUUID()}`);
      if (answer !== undefined && answer.status < 300) return answer.body as T;
      if (answer !== undefined) return this.#refused(`GET ${path}`, answer);
      await delay(RETRY_MS);
    }
  }

  async #jobsOf(correlationId: string): Promise<readonly string[]> {
    const { items } = await this.look<{ items: { id: string }[] }>(`/v1/jobs?correlationId=${correlationId}`);
    return items.map(({ id }) => id);
  }

  #promise(jobs: readonly string[]): readonly string[] {
    this.promised.push(...jobs);
    return jobs;
  }

  #refused(what: string, { body }: Answer): never {
    const { code = 'no code' } = (body ?? {}) as { code?: string };
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
    throw new Refusal(what, code);
  }

  /** Undefined: no answer, or one that only says that something is away. */
  async #send(
    method: Method,
    path: string,
    correlationId: string,
    body?: unknown,
  ): Promise<Answer | undefined> {
    try {
      const response = await fetch(new URL(path, this.#address.url), {
        method,
        headers: {
          authorization: `Bearer ${this.#address.token}`,
          'x-correlation-id': correlationId,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      const text = await response.text();
      if (response.status >= 500) return undefined;
      return { status: response.status, body: JSON.parse(text) };
    } catch {
      return undefined;
    }
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}
