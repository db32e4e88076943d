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
import type { Cmk } from '../context.ts';
import type { PageRequest } from '../domain/pages.ts';
import type { Actor } from '../store/audit.ts';

export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
export type Routes = (app: Api, cmk: Cmk) => void;

/** A list's query as what to look for, and which page of it. */
export function splitPage<Q extends PageRequest>(query: Q): [filter: Omit<Q, keyof PageRequest>, page: PageRequest] {
  const { limit, cursor, ...filter } = query;
  return [
    filter,
    { ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) },
  ];
}

export const actorOf = (request: Pick<FastifyRequest, 'operator' | 'id'>): Actor => ({
  actor: request.operator,
  correlationId: request.id,
});
