/**
 * Whether a request with the portal's cookie was made by the portal itself. Its cookie goes with no request of another site
 * (SameSite), and these are the two walls behind that one: a header that no form can set and that another site's script may
 * not, and what the browser itself says of where the request comes from (Fetch Metadata).
 */
import type { FastifyRequest } from 'fastify';

export const PORTAL_HEADER = 'x-openkcm-portal';

/** Another site's page made the request; also where somebody typed its address, or it was no browser, that is not so. */
export const askedElsewhere = ({ headers }: Pick<FastifyRequest, 'headers'>): boolean =>
  !['same-origin', 'none', undefined].includes(headers['sec-fetch-site'] as string | undefined);

export function askedByPortal({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>): boolean {
  const from = headers['sec-fetch-site'];
  if (from !== undefined && from !== 'same-origin') return false;
  return method === 'GET' || method === 'HEAD' || headers[PORTAL_HEADER] === '1';
}
