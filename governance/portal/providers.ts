/**
 * Signing in at a provider: the authorization code flow (RFC 6749 §4.1) with PKCE (RFC 7636), carried out by CMK, so that no
 * token ever lies in a browser. What is under way stands in a cookie of the browser that began it, and nowhere else: whoever
 * comes back without it is not who left.
 */
import { randomUUID } from 'node:crypto';
import type { Configuration, TokenEndpointResponse } from 'openid-client';
import { readPrivate } from '../../platform/config-file.ts';
import { OkcmError } from '../../platform/errors.ts';
import { Semaphore } from '../../platform/semaphore.ts';
import { boundedFetch } from '../access/bounded-fetch.ts';
import { IssuerAway, type IssuerConfig } from '../access/issuer.ts';
import { ISSUER_RETRY_MS, ISSUER_TIMEOUT_MS, PORTAL_EXCHANGES } from '../limits.ts';
import type { FreshTokens } from './sessions.ts';
import type { PortalClientConfig } from './settings.ts';

/** A token whose provider does not say how long it lives. */
const DEFAULT_TOKEN_MS = 300_000;
const DEFAULT_SCOPE = 'openid';

/** What the browser keeps between leaving and coming back. */
export interface Leaving {
  readonly provider: string;
  readonly state: string;
  readonly verifier: string;
  readonly nonce: string;
  /** The page of the portal that it came from. */
  readonly back: string;
}

export class Providers {
  readonly #all: ReadonlyMap<string, Provider>;

  private constructor(all: ReadonlyMap<string, Provider>) {
    this.#all = all;
  }

  /** Errors: CMK_PORTAL, and those of the files of secrets. */
  static async open(
    clients: readonly PortalClientConfig[],
    issuers: readonly IssuerConfig[],
  ): Promise<Providers> {
    const all = new Map<string, Provider>();
    for (const client of clients) {
      const issuer = issuers.find(({ name }) => name === client.issuer);
      if (issuer === undefined)
        throw new OkcmError(
          'CMK_PORTAL',
          `portal.clients: "${client.issuer}" is no provider of auth.issuers`,
        );
      if (all.has(client.issuer))
        throw new OkcmError('CMK_PORTAL', `portal.clients: "${client.issuer}" is named twice`);
      const { clientSecretFile } = client;
      const secret =
        clientSecretFile === undefined ? undefined : (await readPrivate(clientSecretFile)).trim();
      all.set(client.issuer, new Provider(issuer, client, secret));
    }
    return new Providers(all);
  }

  /** For the sign-in page. */
  list(): { name: string; title: string }[] {
    return [...this.#all].map(([name, { title }]) => ({ name, title }));
  }

  find(name: string): Provider | undefined {
    return this.#all.get(name);
  }
}

export class Provider {
  readonly #issuer: IssuerConfig;
  readonly #client: PortalClientConfig;
  readonly #secret: string | undefined;
  readonly #exchanges = new Semaphore(PORTAL_EXCHANGES);
  #discovered: Promise<Configuration> | undefined;
  #failedAtMs = Number.NEGATIVE_INFINITY;

  constructor(issuer: IssuerConfig, client: PortalClientConfig, secret: string | undefined) {
    this.#issuer = issuer;
    this.#client = client;
    this.#secret = secret;
  }

  get title(): string {
    return this.#client.title ?? this.#issuer.name;
  }

  /** Where the browser has to go, and what it keeps until it comes back. Throws IssuerAway. */
  async leave(callback: string, back: string): Promise<{ readonly address: URL; readonly leaving: Leaving }> {
    const client = await import('openid-client');
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const nonce = randomUUID();
    const address = client.buildAuthorizationUrl(await this.#configuration(), {
      ...this.#audience(),
      scope: this.#client.scope ?? DEFAULT_SCOPE,
      redirect_uri: callback,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      ...(this.#isOpenId() ? { nonce } : {}),
    });
    return { address, leaving: { provider: this.#issuer.name, state, verifier, nonce, back } };
  }

  /**
   * `arrived`: the address that the browser came back to; `from`: where the browser is, if that is known. Throws what the
   * provider, or a browser that is another one, brings about, IssuerAway, and QueueFullError when too many come at once.
   */
  arrive(arrived: URL, leaving: Leaving, from: string | undefined): Promise<FreshTokens> {
    return this.#exchanges.run(() => this.#redeem(arrived, leaving), from);
  }

  async #redeem(arrived: URL, { state, verifier, nonce }: Leaving): Promise<FreshTokens> {
    const client = await import('openid-client');
    const askedAtMs = Date.now();
    const answer = await client.authorizationCodeGrant(
      await this.#configuration(),
      arrived,
      {
        pkceCodeVerifier: verifier,
        expectedState: state,
        ...(this.#isOpenId() ? { expectedNonce: nonce } : {}),
      },
      this.#audience(),
    );
    return freshTokens(answer, askedAtMs);
  }

  /** Undefined: the provider's word is that the session is over. */
  async refresh(refreshToken: string): Promise<FreshTokens | undefined> {
    const client = await import('openid-client');
    const askedAtMs = Date.now();
    try {
      const answer = await client.refreshTokenGrant(
        await this.#configuration(),
        refreshToken,
        this.#audience(),
      );
      return freshTokens(answer, askedAtMs);
    } catch (error) {
      if (error instanceof client.ResponseBodyError && error.error === 'invalid_grant') return undefined;
      throw error;
    }
  }

  /** RFC 7009: nobody gets a further token with it. Nothing is done at a provider that knows of no such wish. */
  async revoke(refreshToken: string): Promise<void> {
    const client = await import('openid-client');
    const configuration = await this.#configuration();
    if (configuration.serverMetadata().revocation_endpoint === undefined) return;
    await client.tokenRevocation(configuration, refreshToken, { token_type_hint: 'refresh_token' });
  }

  /** One discovery at a time, and after a failure none for a while: whoever asks for much cannot make us hammer the provider. */
  async #configuration(): Promise<Configuration> {
    const { name, issuer } = this.#issuer;
    if (performance.now() - this.#failedAtMs < ISSUER_RETRY_MS)
      throw new IssuerAway(`${name} did not answer a moment ago`);
    this.#discovered ??= this.#discover();
    try {
      return await this.#discovered;
    } catch (error) {
      this.#discovered = undefined;
      this.#failedAtMs = performance.now();
      throw new IssuerAway(`${name} (${issuer}) does not answer as a provider`, { cause: error });
    }
  }

  async #discover(): Promise<Configuration> {
    const client = await import('openid-client');
    const { issuer } = this.#issuer;
    return await client.discovery(
      new URL(issuer),
      this.#client.clientId,
      undefined,
      this.#secret === undefined ? client.None() : client.ClientSecretBasic(this.#secret),
      {
        timeout: ISSUER_TIMEOUT_MS / 1000,
        // For whatever is asked of it later, too.
        [client.customFetch]: (url, { body = null, ...options }) => boundedFetch(url, { ...options, body }),
        // credentials.ts has refused plain http anywhere but on loopback of a development installation.
        execute: issuer.startsWith('http:') ? [client.allowInsecureRequests] : [],
      },
    );
  }

  #isOpenId(): boolean {
    return (this.#client.scope ?? DEFAULT_SCOPE).split(' ').includes('openid');
  }

  /** RFC 8707 says `resource`, and takes URIs alone; `audience` is what some providers say instead. */
  #audience(): Record<string, string> {
    const { audience } = this.#issuer;
    return { audience, ...(URL.canParse(audience) ? { resource: audience } : {}) };
  }
}

function freshTokens(
  { access_token: access, refresh_token: refresh, expires_in: seconds }: TokenEndpointResponse,
  askedAtMs: number,
): FreshTokens {
  const expiresAtMs = askedAtMs + (seconds === undefined ? DEFAULT_TOKEN_MS : seconds * 1000);
  return { access, expiresAtMs, ...(refresh === undefined ? {} : { refresh }) };
}
