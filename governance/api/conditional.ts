/**
 * Conditional requests (RFC 9110 §13): single things carry an ETag, a GET that names it is answered 304, and a change
 * that names it in If-Match happens to what its sender has seen or not at all (REVISION_DIFFERS).
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { names, revisionOf } from '../domain/revisions.ts';

const tags = { maxLength: 1024, pattern: '^[\\x20-\\x7e]*$' } as const;

/** Header names are lower case, as Node gives them. Other headers pass. */
export const IfNoneMatch = Type.Object({
  'if-none-match': Type.Optional(
    Type.String({ ...tags, description: 'An ETag: 304 without a body when nothing has changed since' }),
  ),
});
export const IfMatch = Type.Object({
  'if-match': Type.Optional(
    Type.String({ ...tags, description: 'The ETag that was looked at: 412 when it is another by now' }),
  ),
});

/** To the domain, which compares it in the transaction of the change. */
export const ifMatchOf = (request: Pick<FastifyRequest, 'headers'>): { readonly ifMatch?: string } => {
  const tag = request.headers['if-match'];
  return tag === undefined ? {} : { ifMatch: tag };
};

/** The view with its ETag, or 304 without a body when the client has this revision. */
export function revised<T extends object, R extends Pick<FastifyReply, 'header' | 'status' | 'send'>>(
  request: Pick<FastifyRequest, 'headers' | 'method'>,
  reply: R,
  view: T,
): T | R {
  const revision = revisionOf(view);
  reply.header('etag', revision);
  const known = request.headers['if-none-match'];
  if (request.method !== 'GET' || known === undefined || !names(known, revision)) return view;
  reply.status(304).send();
  return reply;
}
