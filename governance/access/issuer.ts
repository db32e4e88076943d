/**
 * Access tokens of an OpenID Connect provider (RFC 9068, and what providers issued before it): who their bearer is. The
 * provider's keys are found by discovery, kept for minutes, and fetched anew when a token names another one.
 *
 * Accepted is what this provider has signed, with an asymmetric algorithm, for our audience, and not long ago. An ID token
 * is for a client and not for us: whatever can be told to be one is refused.
 */
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTHeaderParameters,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { type Static, Type } from 'typebox';
import { errorMessage } from '../../platform/errors.ts';
import {
  ISSUER_RETRY_MS,
  ISSUER_TIMEOUT_MS,
  MAX_GROUPS_PER_TOKEN,
  MAX_TOKEN_AGE_S,
  TOKEN_CLOCK_TOLERANCE_S,
} from '../limits.ts';
import { boundedFetch } from './bounded-fetch.ts';
import { isPrincipalId, type Principal } from './principal.ts';

const Claim = Type.String({ minLength: 1, maxLength: 128 });
const ClientId = Type.String({ minLength: 1, maxLength: 255 });

/** A provider whose tokens are accepted. */
export const IssuerConfig = Type.Object(
  {
    /** Begins the id of everybody whom it vouches for: `corp:4711`. Never give a name to another provider later. */
    name: Type.String({ pattern: '^[a-z][a-z0-9-]{0,30}$' }),
    /** Exactly as the provider writes it in `iss`. Plain http is accepted on loopback of a development installation alone. */
    issuer: Type.String({ minLength: 1, maxLength: 1024 }),
    /** What `aud` has to hold: how the provider calls this API. */
    audience: Type.String({ minLength: 1, maxLength: 1024 }),
    /** Which claim names a person for good. Default `sub`; an e-mail address may be given to somebody else. */
    subjectClaim: Type.Optional(Claim),
    /** Default `preferred_username`, then `email`. */
    nameClaim: Type.Optional(Claim),
    /** A list of strings. Default `groups`. */
    groupsClaim: Type.Optional(Claim),
    /** The public client with which the command line logs people in; told to whoever asks. */
    loginClientId: Type.Optional(ClientId),
    /** Further clients that only people log in with. A token that no such client was given is a machine's. */
    people: Type.Optional(
      Type.Object({ clients: Type.Array(ClientId, { maxItems: 32 }) }, { additionalProperties: false }),
    ),
  },
  { additionalProperties: false },
);
export type IssuerConfig = Static<typeof IssuerConfig>;

/** Why a token is not accepted; the words go to the log, not to the bearer. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}
/** The provider does not answer, or not as one: nobody can say whether the token is good. */
export class IssuerAway extends Error {
  override readonly name = 'IssuerAway';
}

/** RFC 8725 §3.1, §3.2: named one by one, none of them symmetric. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

export class Issuer {
  readonly config: IssuerConfig;
  readonly #discover: () => Promise<JWTVerifyGetKey>;
  #keys: Promise<JWTVerifyGetKey> | undefined;
  #failedAtMs = Number.NEGATIVE_INFINITY;

  /** `discover` finds the provider's keys; over HTTP unless another way is given. */
  constructor(
    config: IssuerConfig,
    discover: () => Promise<JWTVerifyGetKey> = () => discoverKeys(config.issuer),
  ) {
    this.config = config;
    this.#discover = discover;
  }

  /**
   * Whose token this is. `certificate` is the hash (RFC 8705 §3.1) of the one that the bearer showed, if any. Throws
   * TokenRefused and IssuerAway.
   */
  async principalOf(token: string, certificate: string | undefined): Promise<Principal> {
    const claims = await this.#verify(token);
    refuseUnboundUse(claims, certificate);
    const {
      name,
      subjectClaim = 'sub',
      nameClaim,
      groupsClaim = 'groups',
      loginClientId,
      people,
    } = this.config;
    const subject = claims[subjectClaim];
    const id = `${name}:${typeof subject === 'string' ? subject : ''}`;
    if (typeof subject !== 'string' || !isPrincipalId(subject) || !isPrincipalId(id))
      throw new TokenRefused(`its claim ${subjectClaim} names nobody`);
    return {
      id,
      name: nameOf(claims, nameClaim) ?? subject,
      person: isPerson(claims, [
        ...(people?.clients ?? []),
        ...(loginClientId === undefined ? [] : [loginClientId]),
      ]),
      duty: null,
      groups: groupsOf(claims[groupsClaim]).map((group) => `${name}:${group}`),
    };
  }

  async #verify(token: string): Promise<JWTPayload> {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, await this.#keysNow(), {
        issuer: this.config.issuer,
        audience: this.config.audience,
        algorithms: ALGORITHMS,
        clockTolerance: TOKEN_CLOCK_TOLERANCE_S,
        requiredClaims: ['exp', 'iat'],
        maxTokenAge: MAX_TOKEN_AGE_S,
      });
      refuseOtherTokens(protectedHeader, payload);
      return payload;
    } catch (error) {
      if (error instanceof IssuerAway || error instanceof TokenRefused) throw error;
      if (isTokensFault(error)) throw new TokenRefused(errorMessage(error), { cause: error });
      throw new IssuerAway(`the keys of ${this.config.name} cannot be had`, { cause: error });
    }
  }

  /** One discovery at a time, and after a failure none for a while: who sends tokens cannot make us hammer the provider. */
  async #keysNow(): Promise<JWTVerifyGetKey> {
    if (performance.now() - this.#failedAtMs < ISSUER_RETRY_MS)
      throw new IssuerAway(`${this.config.name} did not answer a moment ago`);
    this.#keys ??= this.#discover();
    try {
      return await this.#keys;
    } catch (error) {
      this.#keys = undefined;
      this.#failedAtMs = performance.now();
      throw new IssuerAway(`${this.config.name} (${this.config.issuer}) does not answer as a provider`, {
        cause: error,
      });
    }
  }
}

/** OpenID Connect Discovery 1.0 §4. */
async function discoverKeys(issuer: string): Promise<JWTVerifyGetKey> {
  const response = await boundedFetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(ISSUER_TIMEOUT_MS),
  });
  if (response.status !== 200) throw new Error(`discovery answered ${response.status}`);
  const document: unknown = await response.json();
  const field = (name: string): unknown =>
    typeof document === 'object' && document !== null ? Reflect.get(document, name) : undefined;
  // §4.3: a document that speaks of another issuer is somebody else's.
  if (field('issuer') !== issuer) throw new Error('the discovery document names another issuer');
  const address = field('jwks_uri');
  if (typeof address !== 'string' || !URL.canParse(address)) throw new Error('there is no jwks_uri');
  const keys = new URL(address);
  if (keys.protocol !== 'https:' && new URL(issuer).protocol === 'https:')
    throw new Error('the keys would come over plain http');
  return createRemoteJWKSet(keys, { timeoutDuration: ISSUER_TIMEOUT_MS, [customFetch]: boundedFetch });
}

/** jose's codes for what is wrong with the token itself, and not with the way to the keys. */
const TOKENS_FAULT =
  /^ERR_(JWT_|JWS_|JWE_|JWKS_NO_MATCHING_KEY$|JWKS_MULTIPLE_MATCHING_KEYS$|JOSE_ALG_NOT_ALLOWED$|JOSE_NOT_SUPPORTED$)/;
const isTokensFault = (error: unknown): boolean =>
  error instanceof errors.JOSEError && TOKENS_FAULT.test(error.code);

/** A token that is bound to a key is worth nothing without it: RFC 8705 §3, RFC 9449 §7.1 (which we do not speak). */
function refuseUnboundUse(claims: JWTPayload, certificate: string | undefined): void {
  const { cnf } = claims;
  if (cnf === undefined) return;
  const bound = typeof cnf === 'object' && cnf !== null ? Object.entries(cnf) : [];
  const [first] = bound;
  if (bound.length !== 1 || first?.[0] !== 'x5t#S256')
    throw new TokenRefused('it is bound in a way that is not served');
  if (certificate === undefined || first[1] !== certificate)
    throw new TokenRefused('it is bound to a certificate that was not shown');
}

/** RFC 9068 §4; providers from before it write JWT, or nothing. ID tokens have claims of their own (OpenID Connect Core §2). */
function refuseOtherTokens({ typ }: JWTHeaderParameters, claims: JWTPayload): void {
  if (typ !== undefined && !/^((application\/)?at\+jwt|JWT)$/i.test(typ))
    throw new TokenRefused('by its type it is no access token');
  // Keycloak says what a token is in a claim.
  if (claims['nonce'] !== undefined || claims['at_hash'] !== undefined || claims['typ'] === 'ID')
    throw new TokenRefused('it is an ID token');
}

/**
 * No claim says "this is a person" in every provider's tokens. So the token has to be of a client that only people log in
 * with; and one that shows that nobody stands behind it, or that somebody else acts (RFC 8693 §4.1), is a machine's even so.
 */
function isPerson(claims: JWTPayload, clients: readonly string[]): boolean {
  const holders = ['azp', 'client_id', 'cid', 'appid']
    .map((claim) => claims[claim])
    .filter((client) => client !== undefined);
  const ofPeople = holders.length > 0 && holders.every((client) => clients.some((known) => known === client));
  return ofPeople && !isMachine(claims, holders);
}

const isMachine = (claims: JWTPayload, holders: readonly unknown[]): boolean =>
  // RFC 9068 §2.2: without a person behind it, a token's subject is the client itself. Okta does the same.
  holders.includes(claims.sub) ||
  // Entra, with and without its optional claim.
  claims['idtyp'] === 'app' ||
  (claims.sub !== undefined && claims.sub === claims['oid']) ||
  // Auth0.
  claims['gty'] === 'client-credentials' ||
  claims.sub?.endsWith('@clients') === true ||
  // Keycloak.
  String(claims['preferred_username']).startsWith('service-account-') ||
  claims['act'] !== undefined;

const MAX_NAME_LENGTH = 128;

function nameOf(claims: JWTPayload, nameClaim: string | undefined): string | undefined {
  const wanted = nameClaim === undefined ? ['preferred_username', 'email', 'name'] : [nameClaim];
  const found = wanted
    .map((claim) => claims[claim])
    .find((value) => typeof value === 'string' && value !== '');
  if (typeof found !== 'string') return undefined;
  return found
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ')
    .slice(0, MAX_NAME_LENGTH);
}

/** Too many, or not names at all: a membership less is the safe mistake. */
function groupsOf(claim: unknown): string[] {
  if (!Array.isArray(claim)) return [];
  return claim
    .filter((group) => typeof group === 'string' && isPrincipalId(group))
    .slice(0, MAX_GROUPS_PER_TOKEN);
}
