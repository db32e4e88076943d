/**
 * The REST API of CMK: fastify with the schemas as validators, types and OpenAPI 3.1 at once. Every answer carries the
 * correlation id that runs on through jobs to the regions' logs; every failure is a problem document with a code of
 * the table in errors.ts; every decision that was refused is in the audit log.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import swagger from '@fastify/swagger';
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyRequest } from 'fastify';
import { parseCorrelationId } from '../../contracts/index.ts';
import { errorMessage } from '../../platform/errors.ts';
import type { Cmk } from '../context.ts';
import { CmkError, cmkErrors } from '../errors.ts';
import { AUTH_FAILURE_REFILL_MS, MAX_BODY_BYTES, MAX_CONNECTIONS, REQUEST_TIMEOUT_MS } from '../limits.ts';
import { audit } from '../store/audit.ts';
import { asPlatform } from '../store/transactions.ts';
import type { Api } from './api.ts';
import type { Authenticator } from './auth.ts';
import { AuthRefusals } from './auth-refusals.ts';
import { Problem, toCmkError, toProblem } from './problem.ts';
import { applicationRoutes } from './routes/applications.ts';
import { auditRoutes } from './routes/audit.ts';
import { jobRoutes } from './routes/jobs.ts';
import { keyRoutes } from './routes/keys.ts';
import { linkRoutes } from './routes/links.ts';
import { regionRoutes } from './routes/regions.ts';
import { rotationRoutes } from './routes/rotation.ts';
import { statusRoutes } from './routes/status.ts';
import { tenantRoutes } from './routes/tenants.ts';

const CORRELATION_HEADER = 'x-correlation-id';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by authentication, before any handler of a route that is not public. */
    operator: string;
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

/** The API, not listening yet. */
export async function createApi(cmk: Cmk, authenticator: Authenticator): Promise<Api> {
  // Fastify does not log: one line per request is written below, without headers or bodies.
  const app: Api = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: 128 },
    requestIdHeader: false,
    genReqId: correlationIdOf,
  })
    .withTypeProvider<TypeBoxTypeProvider>()
    .setValidatorCompiler(TypeBoxValidatorCompiler);
  app.server.maxConnections = MAX_CONNECTIONS;
  app.removeContentTypeParser('text/plain');
  app.decorateRequest('operator', '');
  const refusals = new AuthRefusals(cmk);
  app.addHook('onReady', async () => refusals.start());
  app.addHook('onClose', () => refusals.stop());

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'OpenKCM CMK', version: '1', description: 'Governance of tenants, keys and links.' },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
  });

  // One schema of failure for every route, so that the OpenAPI document tells it.
  app.addHook('onRoute', (route) => {
    const response = (route.schema?.response ?? {}) as Record<string, unknown>;
    route.schema = { ...route.schema, response: { ...response, '4xx': Problem, '5xx': Problem } };
  });

  app.addHook('onRequest', async (request, reply) => {
    reply.header(CORRELATION_HEADER, request.id);
    if (request.routeOptions.config.public === true) return;
    const operator = authenticator.operatorOf(request.headers.authorization);
    if (operator === undefined) {
      const error = refusals.refuse(request);
      if (error.code === 'TOO_MANY_FAILURES')
        reply.header('retry-after', Math.ceil(AUTH_FAILURE_REFILL_MS / 1000));
      else reply.header('www-authenticate', 'Bearer');
      throw error;
    }
    request.operator = operator;
  });

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
    try {
      await auditRefusal(cmk, request, error);
    } catch (failure) {
      // Audit is not best-effort: what cannot be recorded is not answered as if it were.
      error = toCmkError(failure);
    }
    const { status } = cmkErrors[error.code];
    if (status >= 500)
      cmk.logger.error({ err: error.cause ?? error, correlationId: request.id }, errorMessage(error));
    return reply.status(status).type('application/problem+json').send(toProblem(error, request.id));
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
  ])
    routes(app, cmk);
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

/** Statuses that are decisions about who may do what, not slips of the pen. */
const DECISIONS = new Set([403, 404, 409, 422]);

async function auditRefusal(cmk: Cmk, request: FastifyRequest, error: CmkError): Promise<void> {
  const { action } = request.routeOptions.config;
  if (action === undefined || request.operator === '' || !DECISIONS.has(cmkErrors[error.code].status)) return;
  const { tenant } = request.params as { tenant?: string };
  await asPlatform(cmk.db, (trx) =>
    audit(
      trx,
      { actor: request.operator, correlationId: request.id, origin: request.ip },
      {
        // A tenant that does not exist gets no chain.
        ...(tenant === undefined || error.code === 'TENANT_UNKNOWN' ? {} : { tenant }),
        action,
        subject: `${request.method} ${request.url.split('?', 1)[0]?.slice(0, 256) ?? ''}`,
        outcome: 'refused',
        detail: { code: error.code, detail: error.message },
      },
    ),
  );
}
