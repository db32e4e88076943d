/** What the route files share: the type of the API, who is asking, and how a file of routes looks. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { Actor } from '../audit/event.ts';
import type { Cmk } from '../context.ts';
import type { PageRequest } from '../domain/pages.ts';
import { type IdempotentRequest, markCarriedOut } from '../store/idempotency.ts';

export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
export type Routes = (app: Api, cmk: Cmk) => void;

/** A list's query as what to look for, and which page of it. */
export function splitPage<Q extends PageRequest>(
  query: Q,
): [filter: Omit<Q, keyof PageRequest>, page: PageRequest] {
  const { limit, cursor, ...filter } = query;
  return [filter, { ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) }];
}

declare module 'fastify' {
  interface FastifyRequest {
    /** A request with an Idempotency-Key that is being carried out (idempotency.ts). */
    idempotent: { readonly asked: IdempotentRequest; readonly claim: string } | undefined;
  }
  interface FastifyContextConfig {
    /** The answer holds a secret: it is told once, and kept nowhere. */
    answerIsSecret?: boolean;
  }
}

export function actorOf(request: Pick<FastifyRequest, 'operator' | 'id' | 'ip' | 'idempotent'>): Actor {
  const { operator: actor, id: correlationId, ip: origin, idempotent } = request;
  if (idempotent === undefined) return { actor, correlationId, origin };
  const { asked, claim } = idempotent;
  return { actor, correlationId, origin, carriedOut: (trx) => markCarriedOut(trx, asked, claim) };
}
