/**
 * The REST API of CMK, called from its own page: the browser sends the session's cookie, this file sends what proves that
 * the page asked (`x-openkcm-portal`), and what makes a repetition harmless (`idempotency-key`).
 */
import { type Operations, operations } from '../../../client/operations.gen.ts';
import { ApiProblem, ApiUnreachable, problemIn } from '../../../client/problem.ts';

export type Name = keyof Operations;
export type RequestOf<K extends Name> = Omit<Operations[K]['request'], 'url'>;
export type AnswerOf<K extends Name> = Operations[K]['answer'];

interface AnyRequest {
  readonly body?: unknown;
  readonly path?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
}

const TIMEOUT_MS = 15_000;
/** After a lost connection; the time between is this, then twice this. */
const ATTEMPTS = 3;
const RETRY_MS = 150;

/** @throws ApiProblem, ApiUnreachable. */
export async function call<K extends Name>(
  name: K,
  request: RequestOf<K>,
  signal?: AbortSignal,
): Promise<AnswerOf<K>> {
  const { method } = operations[name];
  const { body } = request as AnyRequest;
  // Typed by the same document that the table of operations was made from.
  return (await send(method, pathOf(name, request), body, signal)) as AnswerOf<K>;
}

/** For links that the browser follows by itself, such as downloads. */
export function pathOf<K extends Name>(name: K, request: RequestOf<K>): string {
  const { path = {}, query = {} } = request as AnyRequest;
  const filled = operations[name].path.replaceAll(/\{([^}]+)\}/g, (_whole, key: string) =>
    encodeURIComponent(String(path[key])),
  );
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
  return search.size === 0 ? filled : `${filled}?${search}`;
}

/** @throws ApiProblem, ApiUnreachable. */
export async function send(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const { status, text } = await fetchOften(path, {
    method,
    headers: {
      accept: 'application/json',
      ...(method === 'GET' ? {} : { 'x-openkcm-portal': '1', 'idempotency-key': crypto.randomUUID() }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    credentials: 'same-origin',
    redirect: 'error',
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
  });
  if (status >= 200 && status < 300) return text === '' ? undefined : JSON.parse(text);
  throw new ApiProblem(status, problemIn(text));
}

/** A GET changes nothing, and a change is carried out once for its key: both may be sent again. */
async function fetchOften(
  path: string,
  init: RequestInit & { readonly signal: AbortSignal },
): Promise<{ status: number; text: string }> {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(path, init);
      return { status: response.status, text: await response.text() };
    } catch (cause) {
      if (attempt === ATTEMPTS || init.signal.aborted) throw new ApiUnreachable(cause);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS * attempt));
    }
  }
}
