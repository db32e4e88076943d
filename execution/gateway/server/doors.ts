/**
 * What is spoken on a port, once the listener has let a connection in: TTLV right over TLS, or HTTPS with messages in
 * TTLV, XML or JSON (KMIP Profiles 1.4 §5.3). Either way the handler gets TTLV and gives TTLV.
 */
import type { Server as HttpsServer } from 'node:https';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { KmipError, type PlainAnswers, serveKmip, serveKmipHttps } from '../../kmip/index.ts';
import { MAX_HTTPS_BODY_BYTES, MAX_REQUEST_BYTES } from '../limits.ts';

export interface ServeConnection {
  readonly handle: (message: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** Where messages come as TTLV: those that can be answered where they lie. */
  readonly plain?: PlainAnswers | undefined;
  readonly onError: (error: unknown) => void;
}

export interface Served {
  /** Resolves with the reason, for the log, when the connection has ended. */
  readonly closed: Promise<string>;
  /** Takes no further request, answers those in flight, then hangs up; after `withinMs` at the latest. */
  close(withinMs: number): Promise<void>;
}

export interface Door {
  readonly name: 'kmip' | 'https';
  createServer(tls: TlsOptions): Server;
  serve(socket: TLSSocket, connection: ServeConnection): Served;
}

export function kmipDoor(): Door {
  return {
    name: 'kmip',
    createServer: (tls) => createServer({ ...tls, allowHalfOpen: true }),
    serve: (socket, connection) => serveKmip(socket, { maxFrameBytes: MAX_REQUEST_BYTES, ...connection }),
  };
}

export function httpsDoor(): Door {
  const connections = new WeakMap<TLSSocket, ServeConnection>();
  let server: HttpsServer | undefined;
  return {
    name: 'https',
    createServer: (tls) => {
      server = serveKmipHttps(tls, {
        maxRequestBytes: MAX_REQUEST_BYTES,
        maxBodyBytes: MAX_HTTPS_BODY_BYTES,
        handle: (message, socket) => {
          const connection = connections.get(socket);
          // Nobody is served whom the listener has not let in.
          if (connection === undefined) throw KmipError.authenticationNotSuccessful('who asks is not known');
          return connection.handle(message);
        },
      });
      return server;
    },
    serve: (socket, connection) => {
      connections.set(socket, connection);
      socket.on('error', connection.onError);
      const closed = new Promise<string>((resolve) => {
        socket.once('close', () => resolve('peer'));
      });
      const close = async (withinMs: number): Promise<void> => {
        server?.closeIdleConnections();
        const timer = setTimeout(() => socket.destroy(), withinMs);
        await closed;
        clearTimeout(timer);
      };
      return { closed, close };
    },
  };
}
