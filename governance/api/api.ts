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
import type { Actor } from '../store/audit.ts';

export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
export type Routes = (app: Api, cmk: Cmk) => void;

export const actorOf = (request: Pick<FastifyRequest, 'operator' | 'id' | 'ip'>): Actor => ({
  actor: request.operator,
  correlationId: request.id,
  origin: request.ip,
});
