/**
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a client that got no answer sends the same request with
 * the same key again, and it is carried out once. Keys belong to who sent them and to the tenant that they were sent
 * for, are kept for IDEMPOTENCY_TTL_MS, and stand for one request: another one with that key is refused.
 *
 * A repetition is answered as the first was, with `idempotency-replayed: true`. What was refused or failed without any
 * change is not kept: the same key may try again.
 */
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { PLATFORM } from '../audit/event.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { IDEMPOTENCY_CLAIM_MS, MAX_KEPT_ANSWER_LENGTH } from '../limits.ts';
import { begin, end, type IdempotentRequest } from '../store/idempotency.ts';
import type { Api } from './api.ts';

const HEADER = 'idempotency-key';
const REPLAYED = 'idempotency-replayed';
export const CHANGING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** A structured string in quotes, as the draft has it, or the bare token, as most clients send it. */
export const IdempotencyKey = Type.Optional(
  Type.String({
    pattern: '^(?:"[A-Za-z0-9_.:-]{1,128}"|[A-Za-z0-9_.:-]{1,128})$',
    description: 'A UUID, say: the same request with the same key is carried out once',
  }),
);

/** After authentication and authorisation: what is repeated must still be permitted. */
export function registerIdempotency(app: Api, cmk: Cmk): void {
  app.decorateRequest('idempotent', undefined);
  app.addHook('preHandler', async (request, reply) => {
    const header = request.headers[HEADER];
    if (header === undefined || request.operator === '' || !CHANGING.has(request.method)) return;
    const asked = identify(request, String(header));
    const begun = await begin(cmk.db, asked).catch((error: unknown) => {
      if (error instanceof CmkError && error.code === 'IDEMPOTENCY_KEY_BUSY')
        reply.header('retry-after', Math.ceil(IDEMPOTENCY_CLAIM_MS / 1000));
      throw error;
    });
    if (begun.step === 'begin') {
      request.idempotent = { asked, claim: begun.claim };
      return;
    }
    const { status, contentType, body } = begun.answer;
    return reply.status(status).header(REPLAYED, 'true').header('content-type', contentType).send(body);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.idempotent === undefined) return payload;
    const { asked, claim } = request.idempotent;
    request.idempotent = undefined;
    // What broke after its change is told as carried out, not as broken for a day.
    const keep =
      reply.statusCode < 500 &&
      typeof payload === 'string' &&
      payload.length <= MAX_KEPT_ANSWER_LENGTH &&
      request.routeOptions.config.answerIsSecret !== true;
    const contentType = String(reply.getHeader('content-type') ?? 'application/json');
    const answer = keep ? { status: reply.statusCode, contentType, body: payload } : undefined;
    try {
      await end(cmk.db, asked, claim, { failed: reply.statusCode >= 400, answer });
    } catch (error) {
      // The change is made and marked, or not made: a repetition is told which.
      cmk.logger.warn(
        { err: error, correlationId: request.id },
        'the answer to an idempotent request is not kept',
      );
    }
    return payload;
  });
}

function identify(request: FastifyRequest, header: string): IdempotentRequest {
  const { params, body, method, url, operator, id, headers } = request;
  const asked = JSON.stringify([method, url, body ?? null, headers['if-match'] ?? null]);
  return {
    tenant: chainOf(params, body, request.routeOptions.url),
    principal: operator,
    key: header.replaceAll('"', ''),
    request: createHash('sha256').update(asked).digest('hex'),
    correlationId: id,
  };
}

/** Whose rows the request changes: those of the tenant that its path names, or that it makes. */
function chainOf(params: unknown, body: unknown, route: string | undefined): string {
  const tenant = field(params, 'tenant') ?? (route === '/v1/tenants' ? field(body, 'id') : undefined);
  return tenant ?? PLATFORM;
}

function field(of: unknown, name: string): string | undefined {
  const value: unknown = typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined;
  return typeof value === 'string' ? value : undefined;
}
