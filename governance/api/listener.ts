/**
 * The port of the REST API where it speaks TLS. Certificates are asked for and not demanded: people come with tokens. Which
 * certificate is good for what is judged for each request (access/authenticate.ts), so a bad one costs its bearer an answer
 * that says why nobody is let in, and not the connection.
 */
import { createServer } from 'node:https';
import type { FastifyServerFactory } from 'fastify';
import { errorMessage } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import { ServerIdentity } from '../../platform/server-identity.ts';
import type { ServerTlsConfig } from '../../platform/tls-config.ts';
import { REQUEST_TIMEOUT_MS } from '../limits.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;
const SCOPE = 'cmk-api';

export interface TlsListener {
  readonly identity: ServerIdentity;
  readonly serverFactory: FastifyServerFactory;
}

/** Certificates, keys and revocation lists are followed while it runs. Errors: TLS_FILES, CRL_REFUSED, TLS_NO_HYBRID. */
export async function openTlsListener(config: ServerTlsConfig, logger: Logger): Promise<TlsListener> {
  const identity = await ServerIdentity.open({ config, logger });
  return {
    identity,
    serverFactory: (handler) => {
      const server = createServer(
        {
          ...identity.context(SCOPE),
          requestCert: true,
          rejectUnauthorized: false,
          handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
          requestTimeout: REQUEST_TIMEOUT_MS,
        },
        handler,
      );
      identity.onContext(() => {
        try {
          server.setSecureContext(identity.context(SCOPE));
        } catch (error) {
          logger.error(
            { cause: errorMessage(error) },
            'the new TLS context cannot be used; the former stays',
          );
        }
      });
      identity.start();
      return server;
    },
  };
}
