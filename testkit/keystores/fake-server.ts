// What the doubles of keystores share: an HTTP server on the loopback that can be cut off from everybody.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createHttpServer } from '../../platform/http.ts';

export interface FakeServer {
  readonly url: string;
  readonly port: number;
  /** Every connection is broken, new ones at once, until `reconnect`. */
  cutOff(): void;
  reconnect(): void;
  close(): Promise<void>;
}

export interface ServerTls {
  readonly cert: string;
  readonly key: string;
}

const MAX_BODY_BYTES = 1024 * 1024;

export async function startFakeServer(
  answer: (request: IncomingMessage, body: Buffer, response: ServerResponse) => Promise<void> | void,
  tls?: ServerTls,
): Promise<FakeServer> {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    readBody(request)
      .then((body) => answer(request, body, response))
      .catch((error: unknown) => {
        process.stderr.write(`a double of a keystore failed: ${String(error)}\n`);
        response.destroy();
      });
  };
  const server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  let cut = false;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined);
    if (cut) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  // A client that ends a handshake early is no trouble of a double's.
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    cutOff: () => {
      cut = true;
      for (const socket of sockets) socket.destroy();
    },
    reconnect: () => {
      cut = false;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error('the request is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
