/**
 * The REST API of CMK: fastify with the schemas as validators, types and OpenAPI 3.1 at once. Every answer carries the
 * correlation id that runs on through jobs to the regions' logs; every failure is a problem document with a code of
 * the table in errors.ts; every decision that was refused is in the audit log.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyRequest, type FastifyServerFactory } from 'fastify';
import { parseCorrelationId } from '../../contracts/index.ts';
import { errorMessage } from '../../platform/errors.ts';
import { serializerCompiler, validatorCompiler } from '../../platform/http-schemas.ts';
import type { Authentication, Authenticator } from '../access/authenticate.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { CmkError, type CmkErrorCode, cmkErrors } from '../errors.ts';
import {
  AUDIT_WALKS,
  AUTH_FAILURE_REFILL_MS,
  MAX_BODY_BYTES,
  MAX_CONNECTIONS,
  PORTAL_LOOKUPS,
  REQUEST_TIMEOUT_MS,
} from '../limits.ts';
import type { Portal } from '../portal/index.ts';
import { askedElsewhere } from '../portal/same-site.ts';
import { withReach } from '../store/reach.ts';
import { asSystem } from '../store/transactions.ts';
import { AccessRefusals, subjectOf } from './access-refusals.ts';
import type { Api, Routes } from './api.ts';
import { AuthRefusals } from './auth-refusals.ts';
import { type Access, createGatekeeper, Forbidden } from './authorise.ts';
import { hurryStrangers, noteKnown, type ShareOptions, shareConnections } from './connections.ts';
import { registerIdempotency } from './idempotency.ts';
import { describeRoute, nameModels } from './openapi.ts';
import { toCmkError, toProblem } from './problem.ts';
import { accessRoutes } from './routes/access.ts';
import { applicationRoutes } from './routes/applications.ts';
import { auditRoutes } from './routes/audit.ts';
import { driftRoutes } from './routes/drift.ts';
import { drillRoutes } from './routes/drills.ts';
import { jobRoutes } from './routes/jobs.ts';
import { keyRoutes } from './routes/keys.ts';
import { linkRoutes } from './routes/links.ts';
import { notificationRoutes } from './routes/notifications.ts';
import { regionRoutes } from './routes/regions.ts';
import { rotationRoutes } from './routes/rotation.ts';
import { signingRoutes } from './routes/signing.ts';
import { simulationRoutes } from './routes/simulation.ts';
import { statusRoutes } from './routes/status.ts';
import { systemRoutes } from './routes/systems.ts';
import { tenantRoutes } from './routes/tenants.ts';
import { workflowRoutes } from './routes/workflows.ts';
import { registerTracing } from './tracing.ts';

const CORRELATION_HEADER = 'x-correlation-id';

declare module 'fastify' {
  interface FastifyRequest {
    /** The id of whoever asks (access/principal.ts); set by authentication, before any handler of a route that is not public. */
    operator: string;
    /** Set once the request is let in; of a route that is not public, before anything else of the request is read. */
    access: Access;
  }
  interface FastifyContextConfig {
    /** What the audit log calls the decision that the route asks for; routes without one change nothing. */
    action?: string;
    /** What a principal must be permitted, such as `key.link` or `audit.read`: every route that is not public names it. */
    permission?: string;
    /** Needs no credential. */
    public?: boolean;
  }
}

export interface ApiParts {
  readonly authenticator: Authenticator;
  /** Where it speaks TLS; plain HTTP otherwise. */
  readonly serverFactory?: FastifyServerFactory | undefined;
  /** What a development installation serves besides. */
  readonly extraRoutes?: Routes | undefined;
  readonly connections: ShareOptions;
  readonly portal?: Portal | undefined;
}

/** The API, not listening yet. */
export async function createApi(cmk: Cmk, parts: ApiParts): Promise<Api> {
  const gatekeeper = createGatekeeper(cmk);
  // Fastify does not log: one line per request is written below, without headers or bodies.
  const app: Api = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: 128 },
    requestIdHeader: false,
    genReqId: correlationIdOf,
    ...(parts.serverFactory === undefined ? {} : { serverFactory: parts.serverFactory }),
  })
    .withTypeProvider<TypeBoxTypeProvider>()
    .setValidatorCompiler(validatorCompiler)
    .setSerializerCompiler(serializerCompiler);
  app.server.maxConnections = MAX_CONNECTIONS;
  shareConnections(app.server, parts.connections);
  app.removeContentTypeParser('text/plain');
  app.decorateRequest('operator', '');
  app.decorateRequest('access', null as never);
  const refusals = new AuthRefusals(cmk);
  const forbidden = new AccessRefusals(cmk);
  for (const each of [refusals, forbidden]) {
    app.addHook('onReady', async () => each.start());
    app.addHook('onClose', () => each.stop());
  }

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'OpenKCM CMK', version: '1', description: 'Governance of tenants, keys and links.' },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
      security: [{ bearer: [] }],
    },
    transformObject: (described) =>
      'openapiObject' in described ? nameModels(described.openapiObject) : described.swaggerObject,
  });

  app.addHook('onRoute', (route) => {
    const permission = gatekeeper.permissionOf(route);
    // Who may call a route is told with the route.
    const schema: object = {
      ...describeRoute(route),
      ...(permission === undefined ? {} : { 'x-permission': permission }),
    };
    route.schema = schema;
  });

  const { portal } = parts;
  /** By what the request brings along; of a browser that is signed in to the portal, by the token behind its session. */
  const identify = async (request: FastifyRequest): Promise<Authentication> => {
    const { authorization: sent } = request.headers;
    const session = sent === undefined ? await portal?.sessionOf(request) : undefined;
    const authorization = sent ?? session?.authorization;
    // A browser shows its certificate whichever page asks.
    if (authorization === undefined && askedElsewhere(request))
      return { ok: false, reason: 'refused', why: 'another site asks, and shows no token' };
    const answer = await parts.authenticator.authenticate({ authorization, socket: request.raw.socket });
    if (session === undefined || !answer.ok || answer.principal.id === session.principal) return answer;
    await session.end();
    const why = `the session of ${session.principal} has come by a token of ${answer.principal.id}`;
    return { ok: false, reason: 'refused', why };
  };
  await portal?.readCookies(app);
  app.addHook('onRequest', async (request, reply) => {
    hurryStrangers(request.raw.socket, reply.raw);
    reply.headers({
      [CORRELATION_HEADER]: request.id,
      // What may be kept, such as the portal's files, says so itself.
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    if (request.routeOptions.config.public === true) return;
    const answer = await identify(request);
    if (!answer.ok) {
      cmk.logger.debug({ correlationId: request.id, why: answer.why }, 'nobody is let in');
      if (answer.reason === 'away') throw new CmkError('ISSUER_UNAVAILABLE', answer.why);
      const error = refusals.refuse(request);
      if (error.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer');
      throw error;
    }
    noteKnown(request.raw.socket);
    request.operator = answer.principal.id;
    request.access = await gatekeeper.admit(request, answer.principal);
  });
  // Right before the handler, since reading a body loses what was set before it.
  app.addHook('preHandler', (request, _reply, done) => {
    if (request.routeOptions.config.public === true) done();
    else withReach(request.access.reach, done);
  });

  registerTracing(app);
  registerIdempotency(app, cmk);

  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    cmk.metrics.request(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
    // Reading is ordinary: clients that wait ask several times a second.
    const level = request.method === 'GET' && reply.statusCode < 400 ? 'debug' : 'info';
    cmk.logger[level](
      {
        method: request.method,
        route,
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime),
        operator: request.operator,
        correlationId: request.id,
      },
      'request',
    );
  });

  app.setNotFoundHandler((request) => {
    throw new CmkError(
      'ROUTE_UNKNOWN',
      `there is no ${request.method} ${request.url.split('?', 1)[0] ?? ''}`,
    );
  });

  app.setErrorHandler(async (thrown, request, reply) => {
    let error = toCmkError(thrown);
    if (error instanceof Forbidden) error = forbidden.refuse(request, error);
    const retryAfterMs = RETRY_AFTER_MS[error.code];
    if (retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(retryAfterMs / 1000));
    try {
      await auditRefusal(cmk, request, error);
    } catch (failure) {
      // Audit is not best-effort: what cannot be recorded is not answered as if it were.
      error = toCmkError(failure);
    }
    const { status } = cmkErrors[error.code];
    if (status >= 500)
      cmk.logger.error({ err: error.cause ?? error, correlationId: request.id }, errorMessage(error));
    return reply
      .status(status)
      .type('application/problem+json')
      .send(toProblem(error, request.id, request.params));
  });

  for (const routes of [
    statusRoutes,
    regionRoutes,
    tenantRoutes,
    keyRoutes,
    linkRoutes,
    rotationRoutes,
    applicationRoutes,
    jobRoutes,
    auditRoutes,
    accessRoutes,
    workflowRoutes,
    notificationRoutes,
    systemRoutes,
    simulationRoutes,
    drillRoutes,
    signingRoutes,
    driftRoutes,
  ])
    routes(app, cmk);
  parts.extraRoutes?.(app, cmk);
  await portal?.register(app, parts.authenticator, (request) => refusals.refuse(request));
  app.get('/v1/openapi.json', { schema: { hide: true }, config: { public: true } }, () => app.swagger());
  await app.ready();
  return app;
}

/** A client's own id is carried on if it follows the grammar; it ends up in logs, so nothing else does. */
function correlationIdOf(request: { headers: IncomingMessage['headers'] }): string {
  const sent = request.headers[CORRELATION_HEADER];
  try {
    return sent === undefined ? randomUUID() : parseCorrelationId(sent);
  } catch {
    return randomUUID();
  }
}

const RETRY_AFTER_MS: Partial<Record<CmkErrorCode, number>> = {
  TOO_MANY_FAILURES: AUTH_FAILURE_REFILL_MS,
  AUDIT_BUSY: AUDIT_WALKS.maxWaitMs,
  PORTAL_BUSY: PORTAL_LOOKUPS.maxWaitMs,
};

/** Statuses that are decisions about who may do what, not slips of the pen. */
const DECISIONS = new Set([403, 404, 409, 422]);

async function auditRefusal(cmk: Cmk, request: FastifyRequest, error: CmkError): Promise<void> {
  // Whoever is kept out is recorded also where they only wanted to look.
  const forbidden = error instanceof Forbidden ? error : undefined;
  const action = request.routeOptions.config.action ?? forbidden?.permission;
  // A stranger's are counted (access-refusals.ts).
  if (forbidden !== undefined && forbidden.tenant === undefined) return;
  if (action === undefined || request.operator === '' || !DECISIONS.has(cmkErrors[error.code].status)) return;
  const { tenant: inPath } = request.params as { tenant?: string };
  // A tenant that does not exist gets no chain.
  const tenant =
    forbidden === undefined ? (error.code === 'TENANT_UNKNOWN' ? undefined : inPath) : forbidden.tenant;
  await asSystem(cmk.db, (trx) =>
    audit(
      trx,
      { actor: request.operator, correlationId: request.id, origin: request.ip },
      {
        ...(tenant === undefined ? {} : { tenant }),
        action,
        subject: subjectOf(request),
        outcome: 'refused',
        detail: { code: error.code, detail: error.message },
      },
    ),
  );
}
