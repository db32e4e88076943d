// A real OpenID Connect provider on loopback (oidc-provider): it issues JWT access tokens for one audience, to machines by
// client credentials and to people by the device flow or the code flow: a small browser here clicks through its pages.
import { generateKeyPairSync } from 'node:crypto';
import Provider, { type ResourceServer } from 'oidc-provider';
import { createServer } from '../platform/http.ts';
import { freePort } from '../platform/ports.ts';
import { CookieJar } from './cookie-jar.ts';

export const OIDC_AUDIENCE = 'https://cmk.test';
/** The public client that people log in with. */
export const OIDC_CLIENT = 'okcm';
/** The confidential client that the portal is, where a test says where that is. */
export const OIDC_PORTAL = { clientId: 'okcm-portal', secret: 'a-secret-of-the-portal' } as const;
const TOKEN_LIFETIME_S = 600;
const MAX_PAGES = 12;

export interface TokenWish {
  readonly groups?: readonly string[];
  readonly audience?: string;
  readonly lifetimeS?: number;
  /** Binds the token to a certificate: base64url SHA-256 of its DER (RFC 8705). */
  readonly certificate?: string;
  readonly jkt?: string;
  /** To which client it was given; to that of people when left out. */
  readonly client?: string;
  /** Besides, or instead of, what this provider says. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly type?: string;
}

export interface BrowseOptions {
  readonly jar?: CookieJar;
  readonly until?: (url: URL) => boolean;
}

export interface OidcProvider {
  readonly issuer: string;
  /** What the provider would have issued to a person who has logged in. */
  tokenOf(person: string, wish?: TokenWish): Promise<string>;
  /**
   * Opens the page as that person would, logs in, and agrees to everything, with the cookies of `jar`. Ends at the first page
   * that asks for nothing, or as soon as it is sent to one that `until` knows; returns that page's address.
   */
  browse(address: string, person: string, options?: BrowseOptions): Promise<URL>;
  /** How many that were given out to this person are good. */
  refreshTokens(person: string): number;
  /** Stops answering; tokens stay as good as they were. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface OidcOptions {
  /** Secrets of machines, by client id. */
  readonly machines?: Readonly<Record<string, string>>;
  /** Groups of people, by name, for tokens that they log in for. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  /** Where the portal wants people sent back to; its sessions get refresh tokens. */
  readonly portalCallback?: string;
  /** Of access tokens. Default: ten minutes. */
  readonly tokenLifetimeS?: number;
}

export async function startOidcProvider(options: OidcOptions = {}): Promise<OidcProvider> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const groupsOf = new Map<string, readonly string[]>(Object.entries(options.groups ?? {}));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const resource = (
    audience: string,
    lifetimeS = options.tokenLifetimeS ?? TOKEN_LIFETIME_S,
  ): ResourceServer => ({
    scope: 'cmk',
    audience,
    accessTokenTTL: lifetimeS,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256' } },
  });
  const wishes = new WeakMap<object, TokenWish>();
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: OIDC_CLIENT,
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'authorization_code'],
        // A native client's port on loopback is whichever was free (RFC 8252 §7.3).
        redirect_uris: ['http://127.0.0.1/callback'],
        response_types: ['code'],
        id_token_signed_response_alg: 'ES256',
      },
      ...(options.portalCallback === undefined
        ? []
        : [
            {
              client_id: OIDC_PORTAL.clientId,
              client_secret: OIDC_PORTAL.secret,
              grant_types: ['authorization_code', 'refresh_token'],
              redirect_uris: [options.portalCallback],
              response_types: ['code' as const],
              id_token_signed_response_alg: 'ES256' as const,
            },
          ]),
      ...Object.entries(options.machines ?? {}).map(([id, secret]) => ({
        client_id: id,
        client_secret: secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: 'ES256' as const,
      })),
    ],
    jwks: {
      keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'test', alg: 'ES256', use: 'sig' }] as never,
    },
    cookies: { keys: ['of a test'] },
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      devInteractions: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => OIDC_AUDIENCE,
        getResourceServerInfo: (_ctx, audience) => resource(audience),
        useGrantedResource: () => true,
      },
    },
    // As other makers' providers write their tokens.
    formats: {
      customizers: {
        jwt: (_ctx, token, parts) => {
          const { claims, type } = wishes.get(token) ?? {};
          Object.assign(parts.payload, claims);
          if (type !== undefined) parts.header = { typ: type };
        },
      },
    },
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    extraTokenClaims: (_ctx, token) => {
      if (!('accountId' in token)) return {};
      const { accountId: person } = token;
      return { groups: [...(groupsOf.get(person) ?? [])], preferred_username: person };
    },
  });
  const refreshTokens = new Map<string, string | undefined>();
  provider.on('refresh_token.saved', ({ jti, accountId }) => refreshTokens.set(jti, accountId));
  provider.on('refresh_token.destroyed', ({ jti }) => refreshTokens.delete(jti));
  const handler = provider.callback();
  const open = () => {
    const server = createServer((request, response) => void handler(request, response));
    return new Promise<typeof server>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server));
    });
  };
  let server: Awaited<ReturnType<typeof open>> | undefined = await open();

  return {
    issuer,
    async tokenOf(person, wish = {}) {
      const { groups, audience = OIDC_AUDIENCE, lifetimeS, certificate, jkt } = wish;
      if (groups !== undefined) groupsOf.set(person, groups);
      const client = await provider.Client.find(wish.client ?? OIDC_CLIENT);
      if (client === undefined) throw new Error('the provider does not know its client');
      const token = new provider.AccessToken({
        client,
        accountId: person,
        grantId: 'of-a-test',
        gty: 'device_code',
        expiresIn: lifetimeS ?? TOKEN_LIFETIME_S,
        resourceServer: {
          ...resource(audience, lifetimeS),
          scopes: new Set<string>(),
          identifier: () => audience,
        },
        ...(certificate === undefined ? {} : { 'x5t#S256': certificate }),
        ...(jkt === undefined ? {} : { jkt }),
      });
      wishes.set(token, wish);
      return await token.save();
    },
    browse,
    refreshTokens: (person) => [...refreshTokens.values()].filter((whose) => whose === person).length,
    async stop() {
      const stopping = server;
      server = undefined;
      if (stopping === undefined) return;
      stopping.closeAllConnections();
      await new Promise<void>((resolve) => stopping.close(() => resolve()));
    },
    async start() {
      server ??= await open();
    },
  };
}

/** Fills in what each page asks for and goes where it leads, with its cookies, until no page asks any more. */
async function browse(
  address: string,
  person: string,
  { jar = new CookieJar(), until }: BrowseOptions = {},
): Promise<URL> {
  let request: { url: URL; form?: URLSearchParams } = { url: new URL(address) };
  // Of the page that the way began at, and of all that it has led over since: a redirect from elsewhere stays one.
  let origins = new Set([request.url.origin]);
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    if (until?.(request.url) === true) return request.url;
    const response = await fetch(request.url, {
      redirect: 'manual',
      headers: { cookie: jar.header({ crossSite: origins.size > 1 }) },
      ...(request.form === undefined ? {} : { method: 'POST', body: request.form }),
    });
    jar.take(response);
    const location = response.headers.get('location');
    const html = await response.text();
    if (location !== null) {
      request = { url: new URL(location, request.url) };
      origins.add(request.url.origin);
      continue;
    }
    if (!response.ok) throw new Error(`${request.url.pathname} answered ${response.status}`);
    const form = formIn(html, request.url, person);
    if (form === undefined) return request.url;
    origins = new Set([request.url.origin, form.url.origin]);
    request = form;
  }
  throw new Error('the login has more pages than expected');
}

function formIn(html: string, base: URL, person: string): { url: URL; form: URLSearchParams } | undefined {
  const action = /<form[^>]*\baction="([^"]*)"/.exec(html)?.[1];
  if (action === undefined) return undefined;
  const form = new URLSearchParams();
  for (const [input] of html.matchAll(/<input\b[^>]*>/g)) {
    const name = /\bname="([^"]*)"/.exec(input)?.[1];
    if (name === undefined) continue;
    const value = /\bvalue="([^"]*)"/.exec(input)?.[1] ?? '';
    form.set(name, name === 'login' ? person : name === 'password' ? 'any' : value);
  }
  return { url: new URL(action.replaceAll('&amp;', '&'), base), form };
}
