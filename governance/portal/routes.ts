/** What a browser asks of the portal's own server: its files, and to sign in and out. All else is the REST API. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Authenticator } from '../access/authenticate.ts';
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
import { askedByPortal } from './same-site.ts';
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
  /** Counts a credential that is not good, and says what the browser is told. */
  readonly refuse: (request: FastifyRequest) => CmkError;
}

export async function portalRoutes(app: Api, cmk: Cmk, options: PortalRoutesOptions): Promise<void> {
  const { sessions, providers, cookies, origin } = options;
  const files = await PortalFiles.open(app);
  app.addHook('onRequest', async (_request, reply) => guardPage(reply, origin().protocol === 'https:'));

  const principalOf = async (token: string, request: FastifyRequest): Promise<Principal | undefined> => {
    const socket = request.raw.socket;
    const answer = await options.authenticator.authenticate({ authorization: `Bearer ${token}`, socket });
    if (answer.ok) return answer.principal;
    if (answer.reason === 'away') throw new CmkError('ISSUER_UNAVAILABLE', answer.why);
    return undefined;
  };
  /** Also at its provider, which is told in the background: the session is over whatever it answers. */
  const endSession = async (cookie: string, request: FastifyRequest): Promise<string | undefined> => {
    const ended = await sessions.end(cookie);
    const { issuer, refreshToken } = ended ?? {};
    if (typeof issuer === 'string' && refreshToken !== undefined)
      providers
        .find(issuer)
        ?.revoke(refreshToken)
        .catch((error: unknown) => {
          const told = { err: error, provider: issuer, correlationId: request.id };
          cmk.logger.warn(told, 'a refresh token of a session that has ended was not revoked');
        });
    return ended?.principal;
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
    if (former !== undefined) await endSession(former, request);
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
    const session = cookie === undefined ? undefined : await sessions.find(cookie);
    const principal = session === undefined ? undefined : await principalOf(session.accessToken, request);
    if (session === undefined || principal === undefined) {
      if (cookie !== undefined) reply.clearCookie(cookies.session, cookies.toForget());
      throw new CmkError('UNAUTHENTICATED', 'nobody is signed in');
    }
    return shown(principal, session.expiresAt);
  });

  app.delete('/portal/session', open, async (request, reply) => {
    const cookie = request.cookies[cookies.session];
    if (cookie !== undefined && askedByPortal(request)) {
      const whose = await endSession(cookie, request);
      if (whose !== undefined)
        await asSystem(cmk.db, (trx) =>
          audit(
            trx,
            { actor: whose, correlationId: request.id, origin: request.ip },
            { action: 'portal.sign-out', subject: `principal:${whose}`, outcome: 'accepted' },
          ),
        );
      reply.clearCookie(cookies.session, cookies.toForget());
    }
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
    try {
      const { address, leaving } = await provider.leave(callbackOf(origin()), pageOfPortal(wish));
      return await reply
        .header('cache-control', 'no-store')
        .setCookie(cookies.leaving, writeLeaving(leaving), cookies.forLeaving())
        .redirect(address.href);
    } catch (error) {
      cmk.logger.warn(
        { err: error, provider: name, correlationId: request.id },
        'a provider does not answer',
      );
      return await notSignedIn(reply, 'provider-away');
    }
  });

  app.get('/portal/callback', open, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const leaving = readLeaving(request.cookies[cookies.leaving]);
    reply.clearCookie(cookies.leaving, cookies.toForget());
    const provider = leaving === undefined ? undefined : providers.find(leaving.provider);
    // Who did not leave from here is sent by somebody else.
    if (leaving === undefined || provider === undefined) return await notSignedIn(reply, 'not-begun-here');
    let tokens: FreshTokens;
    try {
      tokens = await provider.arrive(new URL(request.url, origin()), leaving);
    } catch (error) {
      cmk.logger.info({ err: error, provider: leaving.provider, correlationId: request.id }, 'no sign-in');
      return await notSignedIn(reply, 'refused-by-provider');
    }
    const principal = await principalOf(tokens.access, request);
    if (principal === undefined) {
      options.refuse(request);
      return await notSignedIn(reply, 'not-accepted-here');
    }
    await begin(request, reply, principal, leaving.provider, tokens);
    return await reply.redirect(pageOfPortal(leaving.back));
  });
}

export const callbackOf = (origin: URL): string => new URL('/portal/callback', origin).href;

/** Somebody who typed the address, or came back to it: the page has routes of the same names as what it asks for. */
const wantsPage = ({ headers: { accept = '' } }: FastifyRequest): boolean => accept.includes('text/html');

const notSignedIn = (reply: FastifyReply, why: string): FastifyReply =>
  reply.redirect(`${SIGN_IN_PAGE}?error=${why}`);
