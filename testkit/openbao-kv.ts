// A local double of OpenBao's KV engine, version 2, as far as its HTTP contract goes and a store of keys uses it.
//
// Covered: config; data (read by version, write, soft delete); delete, undelete, destroy; metadata (read, write,
// delete); check-and-set, required by key or mount; how many versions are kept (the larger of the key's and the
// mount's number, ten when neither says) and that older ones are gone; delete_version_after; the three kinds of 404
// (no secret, no living version, no engine); namespaces; tokens with policies, whose "create" is asked of a key without
// metadata and "update" of one with; the bounds on a request and on what is stored; `{"errors": […]}`.
// Not covered: patches, lists, custom metadata, check-and-set of metadata, leases, wrapping, several nodes, restarts.
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer as createHttpServer } from '../platform/http.ts';
import { KvEngine, Refusal } from './openbao-kv-engine.ts';
import { isAllowed, type PolicyRule, parsePolicy } from './openbao-policy.ts';

/** What a request that it strikes gets. Those that say "done" have been carried out before. */
export type KvFault =
  | { readonly kind: 'status'; readonly status: number; readonly errors?: readonly string[] }
  | { readonly kind: 'status-when-done'; readonly status: number; readonly errors?: readonly string[] }
  | { readonly kind: 'cut'; readonly afterMs?: number }
  | { readonly kind: 'cut-when-done' }
  | { readonly kind: 'silent-when-done' }
  | { readonly kind: 'truncated-when-done' }
  | { readonly kind: 'html-when-done' }
  | { readonly kind: 'flood' }
  | { readonly kind: 'delayed'; readonly ms: number };

export interface FaultOptions {
  readonly method?: 'GET' | 'POST';
  /** What the request's path holds, such as /data/. */
  readonly path?: string;
  /** How many requests it strikes; all until `heal` when left out. */
  readonly times?: number;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly namespace: string;
  readonly sizeBytes: number;
}

export interface TestOpenBaoKv {
  readonly url: string;
  /** Of the one token that may do anything. */
  readonly rootToken: string;
  /** What was asked since the last `forget`, faults included. */
  readonly requests: readonly SeenRequest[];
  /** Now, and the most that ever were at once. */
  readonly connections: () => { readonly open: number; readonly peak: number };
  /** Mounts an engine; of version 1 it only takes up the place. */
  mount(path: string, options?: { namespace?: string; version?: 1 | 2 }): void;
  /** A token with a policy of the root namespace, in HCL. */
  issueToken(policy: string): string;
  revokeToken(token: string): void;
  /** The texts that lie in the engine's storage for a secret, of whatever version: what a thief of the disk has. */
  storedTexts(mount: string, path: string, namespace?: string): string[];
  fail(fault: KvFault, options?: FaultOptions): void;
  heal(): void;
  forget(): void;
  /** One request as the owner of the root token; faults do not strike it. */
  admin(method: string, path: string, body?: object, namespace?: string): { status: number; body: unknown };
  close(): Promise<void>;
}

const MAX_REQUEST_BYTES = 32 * 1024 * 1024;
const KEEP_ALIVE_MS = 300_000;
const FLOOD_BYTES = 8 * 1024 * 1024;

export async function startOpenBaoKv(
  options: { readonly tls?: { readonly cert: string; readonly key: string } } = {},
): Promise<TestOpenBaoKv> {
  const rootToken = `s.${randomBytes(18).toString('base64url')}`;
  const engine = new KvEngine();
  const policies = new Map<string, PolicyRule[]>();
  const requests: SeenRequest[] = [];
  let faults: { fault: KvFault; options: FaultOptions; left: number }[] = [];

  function answer(
    token: string,
    method: string,
    path: string,
    namespace: string,
    text: string,
  ): { status: number; body: object | undefined } {
    try {
      if (Buffer.byteLength(text) > MAX_REQUEST_BYTES) throw new Refusal(413, 'http: request body too large');
      const rules = policies.get(token);
      if (rules === undefined && token !== rootToken) {
        throw new Refusal(403, '2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n');
      }
      const asked = engine.parse(method, namespace, path, text);
      const full = namespace === '' ? path : `${namespace}/${path}`;
      if (rules !== undefined && !isAllowed(rules, full, engine.capabilityOf(asked))) {
        throw new Refusal(403, '1 error occurred:\n\t* permission denied\n\n');
      }
      return engine.handle(asked);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { status: error.status, body: { errors: error.messages } };
    }
  }

  function strike(method: string, path: string): KvFault | undefined {
    const found = faults.find(
      ({ options: { method: m, path: p }, left }) =>
        left > 0 && (m === undefined || m === method) && (p === undefined || path.includes(p)),
    );
    if (found !== undefined) found.left -= 1;
    return found?.fault;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const method = request.method ?? '';
    const path = (request.url ?? '').replace(/^\/v1\//, '');
    const namespace = headerOf(request, 'x-vault-namespace').replace(/\/$/, '');
    requests.push({ method, path, namespace, sizeBytes: Buffer.byteLength(text) });
    const fault = strike(method, path);
    if (fault?.kind === 'status') return send(response, fault.status, { errors: fault.errors ?? [] });
    if (fault?.kind === 'cut') {
      await delay(fault.afterMs ?? 0);
      return void response.destroy();
    }
    if (fault?.kind === 'flood') return void response.end('x'.repeat(FLOOD_BYTES));
    if (fault?.kind === 'delayed') await delay(fault.ms);
    const { status, body } = answer(headerOf(request, 'x-vault-token'), method, path, namespace, text);
    switch (fault?.kind) {
      case 'status-when-done':
        return send(response, fault.status, { errors: fault.errors ?? ['internal error'] });
      case 'cut-when-done':
        return void response.destroy();
      case 'silent-when-done':
        return;
      case 'html-when-done':
        return void response.writeHead(200).end('<html>a proxy that thinks it knows better</html>');
      case 'truncated-when-done': {
        const whole = Buffer.from(JSON.stringify(body ?? {}));
        response.writeHead(status, { 'content-length': whole.length });
        return void response.write(whole.subarray(0, whole.length / 2), () => response.destroy());
      }
      default:
        return send(response, status, body);
    }
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch(() => response.destroy());
  };
  const server =
    options.tls === undefined ? createHttpServer(listener) : createHttpsServer(options.tls, listener);
  // As the real one, which closes idle connections after five minutes.
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  let open = 0;
  let peak = 0;
  server.on('connection', (socket) => {
    open += 1;
    peak = Math.max(peak, open);
    socket.once('close', () => {
      open -= 1;
    });
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    rootToken,
    requests,
    connections: () => ({ open, peak }),
    mount: (path, { namespace = '', version = 2 } = {}) => engine.mount(namespace, path, version),
    issueToken: (policy) => {
      const token = `s.${randomBytes(18).toString('base64url')}`;
      policies.set(token, parsePolicy(policy));
      return token;
    },
    revokeToken: (token) => void policies.delete(token),
    storedTexts: (mount, path, namespace = '') => engine.storedTexts(namespace, mount, path),
    fail: (fault, struck = {}) =>
      void faults.push({ fault, options: struck, left: struck.times ?? Number.POSITIVE_INFINITY }),
    heal: () => {
      faults = [];
    },
    forget: () => void requests.splice(0),
    admin: (method, path, body, namespace = '') =>
      answer(rootToken, method, path, namespace, body === undefined ? '' : JSON.stringify(body)),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function headerOf(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return typeof value === 'string' ? value : '';
}

function send(response: ServerResponse, status: number, body: object | undefined): void {
  if (body === undefined) return void response.writeHead(status).end();
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
