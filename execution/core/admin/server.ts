/**
 * The admin listener: where operators unseal a region and change its seal. JSON over HTTPS, mutual TLS 1.3, for keys
 * in the core's own configuration. It serves nothing else, and a region that opens by itself can do without it.
 *
 *     GET    /seal                        what seals the region, and how far its shares are
 *     POST   /unseal/share                one share; with the last one needed the region is unsealed
 *     POST   /seal/changes                begins a change of the seal
 *     POST   /seal/changes/:id/confirm    the new shares are on disk
 *     POST   /seal/changes/:id/share      one share of before, for this change
 *     DELETE /seal/changes/:id            calls it off
 *     POST   /ivk/rotate                  a new internal key at once; the one before is replaced in the background
 *     GET    /audit                       the region's trail, in order, behind an event
 *     GET    /audit/checkpoint            its head, signed
 */
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyRequest } from 'fastify';
import { errorMessage } from '../../../platform/errors.ts';
import { serializerCompiler, validatorCompiler } from '../../../platform/http-schemas.ts';
import { ServerIdentity } from '../../../platform/server-identity.ts';
import { MAX_TRAIL_PAGE, trailCheckpoint, trailPage } from '../audit/pages.ts';
import type { CoreConfig } from '../config.ts';
import { rotateInternalKey } from '../keys/upkeep.ts';
import type { UnsealingParts } from '../unsealing/parts.ts';
import { SealChanges } from '../unsealing/seal-changes.ts';
import { Unsealing } from '../unsealing/unsealing.ts';
import { problemOf } from './errors.ts';
import { Operators } from './operators.ts';
import { BeginChange, ChangeParams, PresentShare, RotateIvk, TrailQuery } from './schemas.ts';
import { sealView } from './seal-view.ts';

const MAX_BODY_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;

export interface AdminServer {
  readonly port: number;
  /** Reads certificates, keys and revocation lists now. Never rejects. */
  reloadTls(): Promise<void>;
  close(): Promise<void>;
}

type AdminConfig = Pick<CoreConfig, 'tls'> & { readonly admin: NonNullable<CoreConfig['admin']> };

/** Rejects when the port cannot be had. Errors: TLS_FILES, CRL_REFUSED. */
export async function startAdminServer(config: AdminConfig, parts: UnsealingParts): Promise<AdminServer> {
  const { admin, tls } = config;
  const identity = await ServerIdentity.open({
    config: { ...tls, ca: admin.ca ?? tls.ca, minVersion: 'TLSv1.3' },
    logger: parts.logger,
  });
  const operators = new Operators(admin.operators, parts, identity.revocations);
  const unsealing = new Unsealing(parts);
  const changes = new SealChanges(parts);
  // Fastify does not log: bodies hold shares.
  const app = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    https: {
      ...identity.context('admin'),
      requestCert: true,
      // `Operators` says which check failed, and drops the connection then.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    },
  })
    .withTypeProvider<TypeBoxTypeProvider>()
    .setValidatorCompiler(validatorCompiler)
    .setSerializerCompiler(serializerCompiler);
  app.removeContentTypeParser('text/plain');
  app.server.maxConnections = MAX_CONNECTIONS;
  identity.onContext(() => {
    try {
      app.server.setSecureContext(identity.context('admin'));
    } catch (error) {
      parts.logger.error(
        { cause: errorMessage(error) },
        'the new TLS context cannot be used; the former stays',
      );
    }
  });
  app.server.on('secureConnection', (socket) => {
    operators.admit(socket).catch((err: unknown) => {
      parts.logger.error({ err }, 'a refused connection could not be recorded');
      socket.destroy();
    });
  });

  /** Asked again for each request: a certificate may expire on an open connection. */
  function operatorOf({ raw }: Pick<FastifyRequest, 'raw'>): string {
    const name = raw.socket instanceof TLSSocket ? operators.nameOf(raw.socket) : undefined;
    if (name !== undefined) return name;
    raw.socket.destroy();
    throw new Error('the peer is no operator');
  }
  app.addHook('onRequest', async (request) => void operatorOf(request));
  app.setNotFoundHandler((_request, reply) =>
    reply.status(404).send({ error: problemOf({ statusCode: 404 }) }),
  );
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    const { status, ...told } = problem;
    const fields = { route: request.routeOptions.url, code: problem.code };
    if (status >= 500) parts.logger.error({ err: error, ...fields }, 'a request of an operator failed');
    return reply.status(status).send({ error: told });
  });

  app.get('/seal', () => sealView(parts, unsealing, changes));
  app.post('/unseal/share', { schema: { body: PresentShare } }, (request) =>
    unsealing.present(request.body.share, operatorOf(request)),
  );
  app.post('/seal/changes', { schema: { body: BeginChange } }, (request) =>
    changes.begin(request.body.purpose, request.body.plan, operatorOf(request)),
  );
  app.post('/seal/changes/:id/confirm', { schema: { params: ChangeParams } }, (request) =>
    changes.confirm(request.params.id, operatorOf(request)),
  );
  const approval = { schema: { params: ChangeParams, body: PresentShare } };
  app.post('/seal/changes/:id/share', approval, (request) =>
    changes.approve(request.params.id, request.body.share, operatorOf(request)),
  );
  app.delete('/seal/changes/:id', { schema: { params: ChangeParams } }, async (request) => {
    await changes.cancel(request.params.id, operatorOf(request));
    return { cancelled: request.params.id };
  });

  app.post('/ivk/rotate', { schema: { body: RotateIvk } }, async (request) => {
    const { compromised } = request.body;
    const version = await rotateInternalKey(parts, { by: operatorOf(request), compromised });
    return { version, compromised };
  });

  app.get('/audit', { schema: { querystring: TrailQuery } }, (request) =>
    trailPage(parts.db, request.query.after ?? 0, request.query.limit ?? MAX_TRAIL_PAGE),
  );
  app.get('/audit/checkpoint', () => trailCheckpoint(parts.audit));

  await app.listen({ host: admin.host, port: admin.port });
  const { port } = app.server.address() as AddressInfo;
  identity.start();
  return {
    port,
    reloadTls: () => identity.reload(),
    close: async () => {
      identity.close();
      unsealing.close();
      changes.close();
      app.server.closeAllConnections();
      await app.close();
    },
  };
}
