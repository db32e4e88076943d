/**
 * Logging in at whatever provider a CMK trusts: people by the device flow (RFC 8628), which works on machines without a
 * browser, or through a browser where the provider has no other way; machines by client credentials (RFC 6749 §4.4). What
 * comes of it is an access token for that CMK.
 */
import type { Configuration, TokenEndpointResponse } from 'openid-client';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { errorMessage } from '../../platform/errors.ts';
import { CliError } from '../errors.ts';
import { logInByBrowser } from './browser-login.ts';
import type { Session } from './sessions.ts';

const TIMEOUT_MS = 15_000;
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** The provider that a development CMK is itself. */
const DEVELOPMENT = 'development';

const Login = Type.Object({
  issuers: Type.Array(
    Type.Object({
      name: Type.String(),
      issuer: Type.String(),
      audience: Type.String(),
      clientId: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
});
type Provider = Static<typeof Login>['issuers'][number];

export interface LoginOptions {
  /** The name by which CMK knows the provider; needed where there are several. */
  readonly provider?: string | undefined;
  readonly clientId?: string | undefined;
  readonly scope?: string | undefined;
  /** Through a browser on this machine, also where the provider has the device flow. */
  readonly browser?: boolean | undefined;
}

/** Errors: CMK_UNREACHABLE, LOGIN_FAILED, USAGE. `show` tells the person where to go, with which code. */
export async function logIn(
  cmk: string,
  options: LoginOptions,
  show: (address: string, code?: string) => void,
): Promise<Session> {
  const provider = await providerOf(cmk, options.provider);
  return await asSession(cmk, provider, async (client) => {
    const config = await configure(provider, options.clientId);
    const { device_authorization_endpoint: device } = config.serverMetadata();
    if (options.browser === true || device === undefined)
      return await logInByBrowser(config, request(provider, options.scope), (address) => show(address));
    const begun = await client.initiateDeviceAuthorization(config, request(provider, options.scope));
    show(begun.verification_uri_complete ?? begun.verification_uri, begun.user_code);
    return await client.pollDeviceAuthorizationGrant(config, begun, request(provider, options.scope));
  });
}

/** A machine, with the secret that its provider gave it. Errors as above. */
export async function logInMachine(
  cmk: string,
  options: LoginOptions & { readonly clientId: string; readonly secret: string },
): Promise<Session> {
  const provider = await providerOf(cmk, options.provider);
  return await asSession(cmk, provider, async (client) => {
    const config = await configure(provider, options.clientId, options.secret);
    return await client.clientCredentialsGrant(config, request(provider, options.scope));
  });
}

/** Somebody of a development installation, whose password lies in the home: the same flow, with nobody at a browser. */
export async function logInForDevelopment(
  cmk: string,
  person: { readonly name: string; readonly password: string },
): Promise<Session> {
  const provider = await providerOf(cmk, DEVELOPMENT);
  return await asSession(cmk, provider, async (client) => {
    const config = await configure(provider);
    const begun = await client.initiateDeviceAuthorization(config, request(provider));
    const confirmed = await fetch(begun.verification_uri, {
      method: 'POST',
      body: new URLSearchParams({ ...person, code: begun.user_code }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!confirmed.ok)
      throw new CliError('LOGIN_FAILED', `CMK does not know ${person.name} by this password`);
    return await client.genericGrantRequest(config, DEVICE_GRANT, { device_code: begun.device_code });
  });
}

async function providerOf(cmk: string, name: string | undefined): Promise<Provider> {
  let answer: unknown;
  try {
    const response = await fetch(new URL('/v1/login', cmk), { signal: AbortSignal.timeout(TIMEOUT_MS) });
    answer = await response.json();
  } catch (cause) {
    throw new CliError('CMK_UNREACHABLE', `CMK does not answer at ${cmk}`, { cause });
  }
  if (!Value.Check(Login, answer)) throw new CliError('CMK_UNREACHABLE', `what answers at ${cmk} is no CMK`);
  const { issuers } = answer;
  const known = issuers.map((issuer) => issuer.name).join(', ') || 'none';
  const [only] = issuers;
  if (name === undefined && issuers.length === 1 && only !== undefined) return only;
  const found = issuers.find((issuer) => issuer.name === name);
  if (found !== undefined) return found;
  throw new CliError('USAGE', `choose the provider with --provider; this CMK trusts: ${known}`);
}

type Client = typeof import('openid-client');

async function asSession(
  cmk: string,
  provider: Provider,
  obtain: (client: Client) => Promise<TokenEndpointResponse>,
): Promise<Session> {
  const askedAtMs = Date.now();
  try {
    const { access_token: token, expires_in: seconds = 300 } = await obtain(await import('openid-client'));
    return { cmk, token, expiresAt: new Date(askedAtMs + seconds * 1000).toISOString() };
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError('LOGIN_FAILED', `${provider.name} refuses: ${errorMessage(error)}`, { cause: error });
  }
}

async function configure(
  { name, issuer, clientId: suggested }: Provider,
  clientId = suggested ?? undefined,
  secret?: string,
): Promise<Configuration> {
  if (clientId === undefined)
    throw new CliError('USAGE', `name the client that ${name} knows the command line as: --client-id`);
  const client = await import('openid-client');
  // CMK accepts a provider over plain http on loopback alone, and so do we.
  const { protocol, hostname } = new URL(issuer);
  const local = protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
  return await client.discovery(
    new URL(issuer),
    clientId,
    undefined,
    secret === undefined ? client.None() : client.ClientSecretBasic(secret),
    { timeout: TIMEOUT_MS / 1000, execute: local ? [client.allowInsecureRequests] : [] },
  );
}

/** RFC 8707 says `resource`, and takes URIs alone; `audience` is what some providers say instead. */
const request = ({ audience }: Provider, scope?: string): Record<string, string> => ({
  audience,
  ...(URL.canParse(audience) ? { resource: audience } : {}),
  ...(scope === undefined ? {} : { scope }),
});
