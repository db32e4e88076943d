/** Whose credentials a CMK accepts, by its configuration; and what it refuses to start with. */
import { OkcmError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { CmkConfig } from '../config.ts';
import type { PortalClientConfig } from '../portal/settings.ts';
import type { Credentials } from './authenticate.ts';
import { DEVELOPMENT_ISSUER, DevelopmentIssuer } from './development-issuer.ts';
import { readDevelopmentTokens } from './development-tokens.ts';
import { Issuer, type IssuerConfig } from './issuer.ts';

export type ConfiguredCredentials = Omit<Credentials, 'db' | 'revocations'> & {
  readonly developmentIssuer: DevelopmentIssuer | undefined;
};

/** Names that begin the ids of principals of another kind. */
const RESERVED = new Set([DEVELOPMENT_ISSUER, 'client', 'system']);

/** Errors: CMK_NO_AUTHENTICATION, CMK_CREDENTIALS, and those of the files that are read. */
export async function openCredentials(config: CmkConfig, logger: Logger): Promise<ConfiguredCredentials> {
  const { developmentToken, developmentIssuer, issuers = [], operators = {} } = config.auth;
  const forDevelopment = developmentToken !== undefined || developmentIssuer !== undefined;
  if (!config.development && issuers.length === 0)
    throw new OkcmError(
      'CMK_NO_AUTHENTICATION',
      'no way to authenticate operators is configured for production',
      {
        hint: 'Name an OpenID Connect provider in "auth.issuers", or set "development": true on a machine that nobody else can reach.',
      },
    );
  if (!config.development && forDevelopment)
    throw new OkcmError('CMK_CREDENTIALS', 'credentials for development are configured beside a provider', {
      hint: 'Take developmentToken and developmentIssuer out of "auth", or set "development": true.',
    });
  if (config.development && !forDevelopment && issuers.length === 0)
    throw new OkcmError('CMK_NO_AUTHENTICATION', 'no way to authenticate operators is configured', {
      hint: 'Set "auth.developmentToken", "auth.developmentIssuer" or "auth.issuers".',
    });
  checkIssuers(issuers, config.development);
  for (const { name, loginClientId, people } of issuers)
    if (
      loginClientId === undefined &&
      people === undefined &&
      config.portal?.clients?.some((client) => client.issuer === name) !== true
    )
      logger.warn({ issuer: name }, 'no client of people is named: everybody of this provider is a machine');
  if (forDevelopment)
    logger.warn(
      { cluster: config.cluster },
      'DEVELOPMENT: bearer tokens from a file, tenants may have a quorum of one',
    );
  const development =
    developmentIssuer === undefined ? undefined : await DevelopmentIssuer.open(developmentIssuer);
  return {
    developmentTokens:
      developmentToken === undefined ? undefined : await readDevelopmentTokens(developmentToken),
    developmentIssuer: development,
    issuers: [
      ...issuers.map((issuer) => new Issuer(withPortal(issuer, config.portal?.clients ?? []))),
      ...(development === undefined ? [] : [development.asTrusted()]),
    ],
    operators: { principals: operators.principals ?? [], groups: operators.groups ?? [] },
  };
}

/** Whoever signs in to the portal is a person, as one who logs in on the command line. */
function withPortal(issuer: IssuerConfig, clients: readonly PortalClientConfig[]): IssuerConfig {
  const own = clients.filter((client) => client.issuer === issuer.name).map(({ clientId }) => clientId);
  return own.length === 0
    ? issuer
    : { ...issuer, people: { clients: [...(issuer.people?.clients ?? []), ...own] } };
}

/** Two with one name would vouch for each other's people. */
function checkIssuers(issuers: readonly IssuerConfig[], development: boolean): void {
  const refuse = (why: string): never => {
    throw new OkcmError('CMK_CREDENTIALS', `auth.issuers: ${why}`);
  };
  for (const [at, { name, issuer, audience, loginClientId }] of issuers.entries()) {
    if (RESERVED.has(name)) refuse(`the name "${name}" is taken`);
    const before = issuers.slice(0, at);
    if (audience === loginClientId) refuse(`to "${name}" the API is a client, whose ID tokens would let in`);
    if (before.some((other) => other.name === name)) refuse(`"${name}" is named twice`);
    if (before.some((other) => other.issuer === issuer)) refuse(`${issuer} is named twice`);
    if (!URL.canParse(issuer)) refuse(`${issuer} is no URL`);
    const { protocol, hostname } = new URL(issuer);
    const onLoopback = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]';
    if (protocol !== 'https:' && !(development && protocol === 'http:' && onLoopback))
      refuse(`${issuer} is not https`);
  }
}
