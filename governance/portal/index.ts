/** The portal: the page that people keep open, and the sessions behind it. It does nothing that the REST API does not do. */
import cookie from '@fastify/cookie';
import type { FastifyRequest } from 'fastify';
import type { Authenticator } from '../access/authenticate.ts';
import type { ConfiguredCredentials } from '../access/credentials.ts';
import type { Api } from '../api/api.ts';
import type { CmkConfig } from '../config.ts';
import type { Cmk } from '../context.ts';
import type { CmkError } from '../errors.ts';
import { Cookies } from './cookies.ts';
import { Providers } from './providers.ts';
import { callbackOf, portalRoutes } from './routes.ts';
import { askedByPortal } from './same-site.ts';
import { PortalSessions } from './sessions.ts';

export interface PortalOptions {
  readonly config: CmkConfig;
  readonly credentials: ConfiguredCredentials;
  readonly cmk: Cmk;
  /** Where the API is reached when the configuration does not say where browsers find it; known once it listens. */
  readonly listensAt: () => string;
}

/** The session of a browser, as a request of the API comes with it. */
export interface SignedIn {
  readonly authorization: string;
  /** Who signed in: whoever the token names now has to be the same. */
  readonly principal: string;
  end(): Promise<void>;
}

export class Portal {
  readonly #options: PortalOptions;
  readonly #providers: Providers;
  readonly #sessions: PortalSessions;
  readonly #cookies: Cookies;

  private constructor(options: PortalOptions, providers: Providers) {
    this.#options = options;
    this.#providers = providers;
    const { cmk, config } = options;
    this.#sessions = new PortalSessions({
      db: cmk.db,
      logger: cmk.logger,
      refresh: async (issuer, token) => await providers.find(issuer)?.refresh(token),
      revoke: async (issuer, token) => await providers.find(issuer)?.revoke(token),
    });
    const overTls = config.http.tls !== undefined || config.http.behindProxy === true;
    this.#cookies = new Cookies(new URL(config.portal?.origin ?? (overTls ? 'https://cmk' : 'http://cmk')));
  }

  /** Errors: CMK_PORTAL, and those of the files of secrets. Undefined: this CMK serves none. */
  static async open(options: PortalOptions): Promise<Portal | undefined> {
    const { config, credentials } = options;
    // A development installation has it without being asked.
    if (config.portal === undefined && !config.development) return undefined;
    const { developmentIssuer, issuers } = credentials;
    const own = developmentIssuer === undefined ? [] : [developmentIssuer.portalClient];
    const providers = await Providers.open(
      [...(config.portal?.clients ?? []), ...own],
      issuers.map((issuer) => issuer.config),
    );
    return new Portal(options, providers);
  }

  /** What a browser that is signed in says instead of a token; undefined: it is none, or not any longer. */
  async sessionOf(request: FastifyRequest): Promise<SignedIn | undefined> {
    const cookies: Readonly<Record<string, string | undefined>> = request.cookies;
    const cookie = cookies[this.#cookies.session];
    if (cookie === undefined || !askedByPortal(request)) return undefined;
    const from = this.#addressOf(request);
    const session = await this.#sessions.find(cookie, from);
    if (session === undefined) return undefined;
    return {
      authorization: `Bearer ${session.accessToken}`,
      principal: session.principal,
      end: async () => void (await this.#sessions.end(cookie, from)),
    };
  }

  /** Before any route: `sessionOf` reads what this parses. */
  async readCookies(app: Api): Promise<void> {
    await app.register(cookie, { hook: 'onRequest' });
  }

  async register(
    app: Api,
    authenticator: Authenticator,
    refuse: (request: FastifyRequest) => CmkError,
  ): Promise<void> {
    const { cmk } = this.#options;
    await app.register(async (scope: Api) => {
      await portalRoutes(scope, cmk, {
        sessions: this.#sessions,
        providers: this.#providers,
        cookies: this.#cookies,
        origin: () => this.#origin(),
        authenticator,
        addressOf: (request) => this.#addressOf(request),
        refuse,
      });
    });
  }

  /** Where the provider of that name may send browsers back to. */
  callbackOf(provider: string): string {
    return callbackOf(this.#origin(), provider);
  }

  /** Undefined where all requests come from the proxy: then nobody has a share of their own. */
  #addressOf(request: FastifyRequest): string | undefined {
    return this.#options.config.http.behindProxy === true ? undefined : request.ip;
  }

  #origin(): URL {
    const { config, listensAt } = this.#options;
    return new URL(config.portal?.origin ?? listensAt());
  }
}
