/** CMK's REST API, as far as the command line needs it. Errors carry CMK's own message and hint. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiProblem, type Client, createClient } from '../../governance/client/index.ts';
import { addressFor, type CmkAddress } from '../access/address.ts';
import { CliError } from '../errors.ts';

const REQUEST_TIMEOUT_MS = 15_000;
const MAX_PAGES = 100;
const PAGE_LIMIT = 200;

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** A problem+json answer (RFC 9457), or what little of it there is. */
interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly hint?: string;
}

/** CMK tells nobody of tenants that are not theirs: the answer is the same for one that there is not. */
const NO_TENANT =
  'check the name: `okcm tenant list`; or you have no role there: `okcm whoami` says who you are, and as what in which tenant';

export class CmkRefusal extends CliError {
  override readonly name = 'CliError';
  readonly status: number;
  /** CMK's own stable code. */
  readonly problem: string;
  constructor(problem: Problem) {
    super(
      'CMK_REFUSED',
      `${problem.detail} (${problem.code})`,
      problem.code === 'TENANT_UNKNOWN'
        ? { hint: NO_TENANT }
        : problem.hint === undefined
          ? {}
          : { hint: problem.hint },
    );
    this.status = problem.status;
    this.problem = problem.code;
  }
}

export class CmkClient {
  readonly #address: CmkAddress;
  /** Every operation by its name, typed by CMK's OpenAPI document. Errors: CMK_UNREACHABLE, CMK_REFUSED. */
  readonly api: Client;
  /** Where it speaks to. */
  get url(): string {
    return this.#address.url;
  }
  constructor(address: CmkAddress) {
    this.#address = address;
    const { url, token } = address;
    this.api = createClient({
      url,
      token,
      timeoutMs: REQUEST_TIMEOUT_MS,
      correlationId: () => `cli-${randomUUID()}`,
      translate: (error) =>
        error instanceof ApiProblem
          ? new CmkRefusal({
              status: error.status,
              code: error.code,
              detail: error.message,
              ...(error.hint === undefined ? {} : { hint: error.hint }),
            })
          : new CliError('CMK_UNREACHABLE', error.message, { cause: error.cause }),
    });
  }

  /** As whoever `--as` names, or has logged in. Errors: NOT_RUNNING, LOGIN_NEEDED, LOGIN_FAILED. */
  static async ofHome(home: string): Promise<CmkClient> {
    return new CmkClient(await addressFor(home));
  }

  /** Errors: CMK_UNREACHABLE, CMK_REFUSED. */
  async request<T>(method: Method, path: string, body?: unknown): Promise<T> {
    return parseJson((await this.#exchange(method, path, body)).text) as T;
  }

  /** The answer as it came, for what is no JSON, with its headers. Errors as of `request`. */
  answer(path: string): Promise<{ readonly text: string; readonly headers: Headers }> {
    return this.#exchange('GET', path);
  }

  async #exchange(
    method: Method,
    path: string,
    body?: unknown,
  ): Promise<{ readonly text: string; readonly headers: Headers }> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(path, this.#address.url), {
        method,
        headers: {
          authorization: `Bearer ${this.#address.token}`,
          'x-correlation-id': `cli-${randomUUID()}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      text = await response.text();
    } catch (cause) {
      throw new CliError('CMK_UNREACHABLE', `CMK does not answer at ${this.#address.url}`, { cause });
    }
    if (!response.ok) throw new CmkRefusal(problemOf(response.status, parseJson(text)));
    return { text, headers: response.headers };
  }

  get<T>(path: string): Promise<T> {
    return this.request('GET', path);
  }
  post<T>(path: string, body: unknown): Promise<T> {
    return this.request('POST', path, body);
  }
  put<T>(path: string, body: unknown): Promise<T> {
    return this.request('PUT', path, body);
  }

  delete<T>(path: string): Promise<T> {
    return this.request('DELETE', path);
  }

  /** Undefined where CMK knows no such thing. */
  async find<T>(path: string): Promise<T | undefined> {
    return await unlessGone(this.get<T>(path));
  }

  /** Every item of a paged list. */
  async list<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const query = `limit=${PAGE_LIMIT}${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
      const answer = await this.get<{ items: T[]; next?: string | null }>(
        `${path}${path.includes('?') ? '&' : '?'}${query}`,
      );
      items.push(...answer.items);
      cursor = answer.next ?? undefined;
      if (cursor === undefined) break;
    }
    return items;
  }

  /** One named thing of a tenant. Errors: NOT_FOUND. */
  async named<T extends { readonly name: string }>(
    tenant: string,
    kind: 'services' | 'applications',
    name: string,
  ): Promise<T> {
    const found = (await this.list<T>(`/v1/tenants/${encodeURIComponent(tenant)}/${kind}`)).find(
      (item) => item.name === name,
    );
    if (found === undefined)
      throw new CliError('NOT_FOUND', `${tenant} has no ${kind.slice(0, -1)} "${name}"`);
    return found;
  }

  /** Posts unless it is there already. Returns whether it was made now. */
  async ensure(path: string, body: unknown): Promise<boolean> {
    try {
      await this.post(path, body);
      return true;
    } catch (error) {
      if (error instanceof CmkRefusal && error.problem === 'ALREADY_EXISTS') return false;
      throw error;
    }
  }
}

/** Undefined where CMK knows no such thing. */
export async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof CmkRefusal && error.status === 404) return undefined;
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemOf(status: number, body: unknown): Problem {
  const field = (name: string): string | undefined => {
    const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  const hint = field('hint');
  return {
    status,
    code: field('code') ?? `HTTP ${status}`,
    detail: field('detail') ?? field('title') ?? 'CMK refused the request',
    ...(hint === undefined ? {} : { hint }),
  };
}

const POLL_MS = 50;

/** Polls until `check` has an answer. Errors: TIMED_OUT, naming what was waited for. */
export async function waitUntil<T>(
  what: string,
  timeoutMs: number,
  check: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await check();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) {
      throw new CliError('TIMED_OUT', `${what} did not happen within ${timeoutMs / 1000} s`);
    }
    await sleep(POLL_MS);
  }
}
