/** What a browser asks of the portal's own server: its files, and to sign in and out. All else is the REST API. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { QueueFullError } from '../../platform/semaphore.ts';
import type { Authenticator } from '../access/authenticate.ts';
import { IssuerAway } from '../access/issuer.ts';
import type { Principal } from '../access/principal.ts';
import type { Api } from '../api/api.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { PORTAL_SESSION_MS } from '../limits.ts';
import { asSystem } from '../store/transactions.ts';
import { type Cookies, pageOfPortal, readLeaving, writeLeaving } from './cookies.ts';
import { guardPage, PortalFiles } from './files.ts';
import type { Providers } from './providers.ts';
import { askedByPortal, askedElsewhere } from './same-site.ts';
import type { FreshTokens, PortalSessions } from './sessions.ts';

const open = { config: { public: true }, schema: { hide: true } } as const;
const SIGN_IN_PAGE = '/portal/sign-in';
const TokenBody = Type.Object({ token: Type.String({ minLength: 1, maxLength: 8_192 }) });

export interface PortalRoutesOptions {
  readonly sessions: PortalSessions;
  readonly providers: Providers;
  readonly cookies: Cookies;
  /** Where browsers find CMK. */
  readonly origin: () => URL;
  readonly authenticator: Authenticator;
  /** Of whoever asks; undefined where that is not known. */
  readonly addressOf: (request: FastifyRequest) => string | undefined;
  /** Counts a credential that is not good, and says what the browser is told. */
  readonly refuse: (request: FastifyRequest) => CmkError;
}

export async function portalRoutes(app: Api, cmk: Cmk, options: PortalRoutesOptions): Promise<void> {
  const { sessions, providers, cookies, origin, addressOf } = options;
  const files = await PortalFiles.open(app);
  app.addHook('onRequest', async (_request, reply) => guardPage(reply, origin().protocol === 'https:'));

  const principalOf = async (token: string, request: FastifyRequest): Promise<Principal | undefined> => {
    const socket = request.raw.socket;
    const answer = await options.authenticator.authenticate({ authorization: `Bearer ${token}`, socket });
    if (answer.ok) return answer.principal;
    if (answer.reason === 'away') throw new CmkError('ISSUER_UNAVAILABLE', answer.why);
    return undefined;
  };
  const signOut = async (request: FastifyRequest, reply: FastifyReply, cookie: string): Promise<void> => {
    const whose = await sessions.end(cookie, addressOf(request));
    if (whose !== undefined)
      await asSystem(cmk.db, (trx) =>
        audit(
          trx,
          { actor: whose, correlationId: request.id, origin: request.ip },
          { action: 'portal.sign-out', subject: `principal:${whose}`, outcome: 'accepted' },
        ),
      );
    reply.clearCookie(cookies.session, cookies.toForget());
  };
  const begin = async (
    request: FastifyRequest,
    reply: FastifyReply,
    principal: Principal,
    issuer: string | null,
    tokens: FreshTokens,
  ): Promise<Date> => {
    const begun = await sessions.begin(principal.id, issuer, tokens, (trx) =>
      audit(
        trx,
        { actor: principal.id, correlationId: request.id, origin: request.ip },
        {
          action: 'portal.sign-in',
          subject: `principal:${principal.id}`,
          outcome: 'accepted',
          detail: { provider: issuer ?? 'development token' },
        },
      ),
    );
    if (begun === undefined)
      throw new CmkError('LIMIT_REACHED', 'too many people are signed in to the portal');
    // Nobody keeps two with one browser: whoever had the former cookie is out.
    const former = request.cookies[cookies.session];
    if (former !== undefined) await sessions.end(former, addressOf(request));
    reply.setCookie(cookies.session, begun.cookie, cookies.forSession(begun.expiresAt));
    return begun.expiresAt;
  };
  const shown = (principal: Principal, expiresAt: Date) => ({
    principal: principal.id,
    name: principal.name,
    person: principal.person,
    duty: principal.duty,
    expiresAt: expiresAt.toISOString(),
    development: cmk.development,
    cluster: cmk.cluster,
  });

  app.get('/', open, (_request, reply) => reply.redirect('/portal/'));
  app.get('/portal', open, (_request, reply) => reply.redirect('/portal/'));
  app.get('/portal/*', open, (request, reply) => {
    const { '*': path } = request.params as { '*': string };
    return files.send(path, reply);
  });

  app.get('/portal/session', open, async (request, reply) => {
    if (wantsPage(request)) return files.send('', reply);
    reply.header('cache-control', 'no-store');
    const cookie = request.cookies[cookies.session];
    if (cookie === undefined) throw new CmkError('UNAUTHENTICATED', 'nobody is signed in');
    const session = await sessions.find(cookie, addressOf(request));
    const principal = session === undefined ? undefined : await principalOf(session.accessToken, request);
    if (session === undefined || principal?.id !== session.principal) {
      reply.clearCookie(cookies.session, cookies.toForget());
      if (principal !== undefined) await sessions.end(cookie, addressOf(request));
      throw options.refuse(request);
    }
    return shown(principal, session.expiresAt);
  });

  app.delete('/portal/session', open, async (request, reply) => {
    const cookie = request.cookies[cookies.session];
    if (cookie !== undefined && askedByPortal(request)) await signOut(request, reply, cookie);
    return reply.status(204).send();
  });

  if (cmk.development)
    app.post('/portal/session', open, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      if (!askedByPortal(request) || !Value.Check(TokenBody, request.body)) throw options.refuse(request);
      const { token } = request.body;
      const principal = await principalOf(token, request);
      if (principal === undefined) throw options.refuse(request);
      const expiresAtMs = Date.now() + PORTAL_SESSION_MS;
      return shown(principal, await begin(request, reply, principal, null, { access: token, expiresAtMs }));
    });

  app.get(SIGN_IN_PAGE, open, (request, reply) => {
    if (wantsPage(request)) return files.send('', reply);
    return reply
      .header('cache-control', 'no-store')
      .send({ development: cmk.development, providers: providers.list() });
  });

  app.get('/portal/sign-in/:provider', open, async (request, reply) => {
    const { provider: name } = request.params as { provider: string };
    const { return: wish } = request.query as { return?: unknown };
    const provider = providers.find(name);
    if (provider === undefined) return await notSignedIn(reply, 'unknown-provider');
    let left: Awaited<ReturnType<typeof provider.leave>>;
    try {
      left = await provider.leave(callbackOf(origin(), name), pageOfPortal(wish));
    } catch (error) {
      cmk.logger.warn(
        { err: error, provider: name, correlationId: request.id },
        'a provider does not answer',
      );
      return await notSignedIn(reply, 'provider-away');
    }
    // Now, since the cookie does not come along when the browser is sent back from another site. Nor is anybody signed out
    // by another site.
    const former = request.cookies[cookies.session];
    if (former !== undefined && !askedElsewhere(request)) await signOut(request, reply, former);
    return await reply
      .header('cache-control', 'no-store')
      .setCookie(cookies.leaving, writeLeaving(left.leaving), cookies.forLeaving())
      .redirect(left.address.href);
  });

  app.get('/portal/callback/:provider', open, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const { provider: name } = request.params as { provider: string };
    const leaving = readLeaving(request.cookies[cookies.leaving]);
    reply.clearCookie(cookies.leaving, cookies.toForget());
    // A code goes to the token endpoint of whoever gave it out, and of nobody else (RFC 9700 §4.4.2.2).
    const provider = leaving?.provider === name ? providers.find(name) : undefined;
    // Who did not leave from here is sent by somebody else.
    if (leaving === undefined || provider === undefined) return await notSignedIn(reply, 'not-begun-here');
    let tokens: FreshTokens;
    try {
      const arrived = new URL(callbackOf(origin(), name));
      arrived.search = new URL(request.url, origin()).search;
      tokens = await provider.arrive(arrived, leaving, addressOf(request));
    } catch (error) {
      cmk.logger.info({ err: error, provider: name, correlationId: request.id }, 'no sign-in');
      if (error instanceof QueueFullError) return await notSignedIn(reply, 'busy');
      if (error instanceof IssuerAway) return await notSignedIn(reply, 'provider-away');
      options.refuse(request);
      return await notSignedIn(reply, 'refused-by-provider');
    }
    const principal = await principalOf(tokens.access, request);
    // One provider does not sign in another's people, whatever it hands out.
    if (principal === undefined || !principal.id.startsWith(`${name}:`)) {
      options.refuse(request);
      return await notSignedIn(reply, 'not-accepted-here');
    }
    await begin(request, reply, principal, name, tokens);
    return await reply.redirect(pageOfPortal(leaving.back));
  });
}

/** Where the provider of that name sends browsers back to: each has an address of its own, so that none passes for another. */
export const callbackOf = (origin: URL, provider: string): string =>
  new URL(`/portal/callback/${provider}`, origin).href;

/** Somebody who typed the address, or came back to it: the page has routes of the same names as what it asks for. */
const wantsPage = ({ headers: { accept = '' } }: FastifyRequest): boolean => accept.includes('text/html');

const notSignedIn = (reply: FastifyReply, why: string): FastifyReply =>
  reply.redirect(`${SIGN_IN_PAGE}?error=${why}`);
