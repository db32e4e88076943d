/**
 * A typed client of CMK's REST API. Operations and their types are made from the OpenAPI document (`npm run client`);
 * this file only sends them.
 *
 *     const cmk = createClient({ url, token });
 *     const { items } = await cmk.listTenants({ query: { state: 'active' } });
 *
 * Each change carries an Idempotency-Key, so that one whose answer was lost is sent again, and carried out once.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Operations, operations } from './operations.gen.ts';
import { ApiProblem, ApiUnreachable, problemIn } from './problem.ts';

export interface ClientOptions {
  /** Of the API, without /v1. */
  readonly url: string;
  /** The credential: a bearer token, or where to get one before each request. */
  readonly token: string | (() => Promise<string>);
  /** For one request, its repetitions included, in milliseconds. Default: 15 s. */
  readonly timeoutMs?: number;
  /** Of each request; default: a random one. 1 to 64 letters, digits, and `_.:-`. */
  readonly correlationId?: () => string;
  /** Default: that of the runtime. */
  readonly fetch?: typeof fetch;
  /** What is thrown instead, for whoever has errors of their own. */
  readonly translate?: (error: ApiProblem | ApiUnreachable) => Error;
}

type Name = keyof Operations;
type RequestOf<K extends Name> = Omit<Operations[K]['request'], 'url'>;
/** Whoever has nothing to say may say nothing. */
type Call<K extends Name> =
  Record<string, never> extends RequestOf<K>
    ? (request?: RequestOf<K>) => Promise<Operations[K]['answer']>
    : (request: RequestOf<K>) => Promise<Operations[K]['answer']>;

/** One method for each operation. @throws ApiProblem, ApiUnreachable. */
export type Client = { readonly [K in Name]: Call<K> };

interface AnyRequest {
  readonly body?: unknown;
  readonly path?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, unknown>>;
}

const DEFAULT_TIMEOUT_MS = 15_000;
/** After a lost connection; the time between is this, then twice this. */
const ATTEMPTS = 3;
const RETRY_MS = 100;

export function createClient(options: ClientOptions): Client {
  const methods = Object.entries(operations).map(([name, { method, path }]) => [
    name,
    async (request: AnyRequest = {}) => {
      try {
        return await send(options, method, path, request);
      } catch (error) {
        const ours = error instanceof ApiProblem || error instanceof ApiUnreachable;
        throw ours && options.translate !== undefined ? options.translate(error) : error;
      }
    },
  ]);
  // Typed by the same document that the table of operations was made from.
  return Object.fromEntries(methods) as Client;
}

async function send(
  options: ClientOptions,
  method: string,
  path: string,
  request: AnyRequest,
): Promise<unknown> {
  const url = new URL(fillIn(path, request.path ?? {}), options.url);
  for (const [name, value] of entriesOf(request.query)) url.searchParams.set(name, value);
  const token = typeof options.token === 'string' ? options.token : await options.token();
  const headers = {
    authorization: `Bearer ${token}`,
    'x-correlation-id': options.correlationId?.() ?? randomUUID(),
    ...(method === 'GET' ? {} : { 'idempotency-key': randomUUID() }),
    ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...Object.fromEntries(entriesOf(request.headers)),
  };
  const { status, text } = await fetchOften(options, url, {
    method,
    headers,
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    signal: AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS),
  });
  if (status >= 200 && status < 300) return text === '' ? undefined : JSON.parse(text);
  throw new ApiProblem(status, problemIn(text));
}

/** A GET changes nothing, and a change is carried out once for its key: both may be sent again. */
async function fetchOften(
  options: ClientOptions,
  url: URL,
  init: RequestInit & { readonly signal: AbortSignal },
): Promise<{ status: number; text: string }> {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await (options.fetch ?? fetch)(url, init);
      return { status: response.status, text: await response.text() };
    } catch (cause) {
      if (attempt === ATTEMPTS || init.signal.aborted) throw new ApiUnreachable(cause, options.url);
      await sleep(RETRY_MS * attempt);
    }
  }
}

const fillIn = (path: string, values: Readonly<Record<string, unknown>>): string =>
  path.replaceAll(/\{([^}]+)\}/g, (_whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new TypeError(`the path ${path} needs ${name}`);
    return encodeURIComponent(String(value));
  });

const entriesOf = (values: Readonly<Record<string, unknown>> = {}): [string, string][] =>
  Object.entries(values).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );

/** Every item of a list, page by page: `for await (const tenant of everyItem(cmk.listTenants, {}))`. */
export async function* everyItem<R extends { readonly query?: object }, T>(
  list: (request: R) => Promise<{ readonly items: readonly T[]; readonly next?: string }>,
  request: R,
): AsyncGenerator<T, void> {
  let cursor: string | undefined;
  do {
    const page = await list(
      cursor === undefined ? request : ({ ...request, query: { ...request.query, cursor } } as R),
    );
    yield* page.items;
    cursor = page.next;
  } while (cursor !== undefined);
}
