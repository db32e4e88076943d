/** The portal's own files, as `npm ci` has built them (scripts/build-portal.ts), and what a browser is told beside them. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyReply } from 'fastify';
import type { Api } from '../api/api.ts';
import { CmkError } from '../errors.ts';

const BUILT = fileURLToPath(new URL('../../.build/portal', import.meta.url));
const INDEX = 'index.html';
const YEAR_S = 365 * 86_400;

/** Nothing comes from anywhere else, nothing is written into the page, and nobody frames it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

export function guardPage(reply: FastifyReply, overTls: boolean): void {
  reply.headers({
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  });
  if (overTls) reply.header('strict-transport-security', `max-age=${YEAR_S}`);
}

export class PortalFiles {
  readonly #names: ReadonlySet<string>;

  private constructor(names: ReadonlySet<string>) {
    this.#names = names;
  }

  /** Lets `reply.sendFile` work below `app`. */
  static async open(app: Api): Promise<PortalFiles> {
    const names = filesBelow(BUILT);
    if (names.has(INDEX))
      await app.register(fastifyStatic, {
        root: BUILT,
        serve: false,
        preCompressed: true,
        cacheControl: false,
      });
    return new PortalFiles(names);
  }

  /** The file of that name below /portal/; the page itself for every other path, which it reads by itself. */
  send(path: string, reply: FastifyReply): FastifyReply {
    if (!this.#names.has(INDEX)) throw new CmkError('PORTAL_NOT_BUILT', `${BUILT} holds no ${INDEX}`);
    if (!this.#names.has(path)) {
      if (path.startsWith('assets/')) throw new CmkError('ROUTE_UNKNOWN', 'there is no such file');
      return reply.header('cache-control', 'no-cache').sendFile(INDEX);
    }
    // Whatever lies there has its digest in its name.
    const keep = path.startsWith('assets/') ? `public, max-age=${YEAR_S}, immutable` : 'no-cache';
    return reply.header('cache-control', keep).sendFile(path);
  }
}

/** Looked at once: what is served does not change while CMK runs. */
function filesBelow(directory: string): ReadonlySet<string> {
  try {
    const entries = readdirSync(directory, { recursive: true, encoding: 'utf8' });
    return new Set(entries.filter((name) => !/\.(br|gz|map)$/.test(name)));
  } catch {
    return new Set();
  }
}
