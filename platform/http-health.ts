// Health and metrics over plain HTTP, for probes and scrapers beside the process: loopback unless told otherwise, few
// paths, no secrets, bounded connections and times. A Host that is not ours is refused, so that no page in a browser
// reads them through a DNS name that it points at us.
//
//     /livez             200 as long as the process answers: a sealed core, or one whose database is away, is alive
//     /readyz, /healthz  200 when it can do its work, else 503; the body says why not
//     /metrics           for Prometheus
//
// Who restarts what does not answer has to ask /livez: a restart neither unseals a region nor brings a database back, and
// it throws away the shares that holders have presented.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { errorMessage } from './errors.ts';
import { createServer } from './http.ts';
import { isLoopback } from './loopback.ts';
import type { Registry } from './metrics.ts';

const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 5_000;

/** What /readyz and /healthz answer as JSON: 200 when `ok`, else 503. */
export interface Health {
  readonly ok: boolean;
  readonly [detail: string]: unknown;
}

export interface HealthServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Further names or addresses by which it may be asked, beside loopback, `host` and the address that was reached. */
  readonly hosts?: readonly string[];
  readonly health: () => Health | Promise<Health>;
  /** What is scraped; a Registry is one. */
  readonly registry: Pick<Registry, 'contentType' | 'metrics'>;
}

export interface HealthServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/** Rejects when the port cannot be had. A `health` that throws is answered with 503 and its message. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const host = options.host ?? '127.0.0.1';
  const names = new Set([host, ...(options.hosts ?? [])].map((name) => name.toLowerCase()));
  for (const wildcard of ['0.0.0.0', '::']) names.delete(wildcard);
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 8192 },
    (request, response) => {
      const path = request.url?.split('?', 1)[0];
      if (!isOurs(request, names)) send(response, 421, 'text/plain', 'this name is not served here\n');
      else if (request.method !== 'GET' && request.method !== 'HEAD')
        send(response, 405, 'text/plain', 'GET only\n');
      else if (path === '/livez') send(response, 200, 'application/json', '{"ok":true}\n');
      else if (path === '/healthz' || path === '/readyz') void sendHealth(response, options.health);
      else if (path === '/metrics') void sendMetrics(response, options.registry);
      else send(response, 404, 'text/plain', 'try /livez, /readyz, /healthz or /metrics\n');
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: options.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return {
    host,
    port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A browser always names the host, by HTTP/1.1; a probe of HTTP/1.0 need not. */
function isOurs({ headers, socket }: IncomingMessage, names: ReadonlySet<string>): boolean {
  if (headers.host === undefined) return true;
  const [, bracketed, bare] =
    /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/.exec(headers.host.toLowerCase()) ?? [];
  const name = bracketed ?? bare;
  if (name === undefined) return false;
  if (isLoopback(name) || names.has(name)) return true;
  if (isIP(name) === 0) return false;
  // A listener on all addresses is asked by the one that it was reached at.
  const reached = socket.localAddress?.replace(/^::ffff:(?=\d+\.)/, '');
  return name === reached;
}

async function sendHealth(response: ServerResponse, health: HealthServerOptions['health']): Promise<void> {
  let answer: Health;
  try {
    answer = await health();
  } catch (error) {
    answer = { ok: false, error: errorMessage(error) };
  }
  send(response, answer.ok ? 200 : 503, 'application/json', `${JSON.stringify(answer)}\n`);
}

async function sendMetrics(
  response: ServerResponse,
  registry: HealthServerOptions['registry'],
): Promise<void> {
  try {
    send(response, 200, registry.contentType, await registry.metrics());
  } catch (error) {
    send(response, 500, 'text/plain', `${errorMessage(error)}\n`);
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
