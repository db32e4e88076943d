/**
 * An OpenID Connect provider for development installations, so that logging in, other people's approvals and machines'
 * tokens can be tried without one of one's own: discovery, keys, the device flow (RFC 8628) for people at a command line, the
 * code flow (RFC 6749 §4.1, with PKCE) for those at the portal, and client credentials (RFC 6749 §4.4) for machines. CMK treats its tokens as any provider's. Its key lives as long as the process.
 *
 * Who there is stands in a private file with their passwords. Nothing here is fit for production, which refuses to start it.
 */
import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
  timingSafeEqual,
} from 'node:crypto';
import { createLocalJWKSet, exportJWK, type JWK, SignJWT } from 'jose';
import { type Static, Type } from 'typebox';
import { readConfig } from '../../platform/config-file.ts';
import type { PortalClientConfig } from '../portal/settings.ts';
import { Issuer } from './issuer.ts';

const closed = { additionalProperties: false } as const;
const Name = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$' });
const Secret = Type.String({ minLength: 16, maxLength: 256 });
const People = Type.Object(
  {
    people: Type.Array(
      Type.Object(
        { name: Name, password: Secret, groups: Type.Optional(Type.Array(Name, { maxItems: 16 })) },
        closed,
      ),
      { maxItems: 64 },
    ),
    machines: Type.Array(Type.Object({ name: Name, secret: Secret }, closed), { maxItems: 64 }),
  },
  closed,
);
type People = Static<typeof People>;

export const DEVELOPMENT_ISSUER = 'development';
/** Below the address of the API. */
export const DEVELOPMENT_ISSUER_PATH = '/development/issuer';
export const DEVELOPMENT_CLIENT = 'okcm';
export const DEVELOPMENT_PORTAL_CLIENT = 'okcm-portal';
const AUDIENCE = 'openkcm';
const TOKEN_LIFETIME_S = 3_600;
const LOGIN_LIFETIME_MS = 300_000;
const CODE_LIFETIME_MS = 60_000;
const MAX_LOGINS = 64;
const POLL_INTERVAL_S = 1;
const ALGORITHM = 'ES256';
const KEY_ID = 'development';

/** Somebody who has begun to log in somewhere, and has not said yet who they are. */
interface Login {
  readonly userCode: string;
  readonly endsAtMs: number;
  readonly audience: string;
  person: People['people'][number] | undefined;
}

/** Somebody who has logged in at the page that the portal sent them to, and whose browser brings the code back. */
interface Grant {
  readonly person: People['people'][number];
  readonly redirectUri: string;
  readonly challenge: string;
  readonly audience: string;
  readonly endsAtMs: number;
}

/** An error of OAuth 2.0 (RFC 6749 §5.2, RFC 8628 §3.5). */
export class OAuthError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
}

export class DevelopmentIssuer {
  readonly #people: People;
  readonly #key: KeyObject;
  readonly #publicKey: JWK;
  /** By the hash of its device code. */
  readonly #logins = new Map<string, Login>();
  /** By the hash of its code. */
  readonly #grants = new Map<string, Grant>();
  #address: string | undefined;
  #portalCallback: string | undefined;

  private constructor(people: People, key: KeyObject, publicKey: JWK) {
    this.#people = people;
    this.#key = key;
    this.#publicKey = publicKey;
  }

  /** Errors: those of readConfig, for the file of people and machines. */
  static async open(path: string): Promise<DevelopmentIssuer> {
    const people = await readConfig(path, People);
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: ALGORITHM, use: 'sig' };
    return new DevelopmentIssuer(people, privateKey, jwk);
  }

  /** Where the API listens, once it does, and where the portal wants browsers sent back to. */
  listensAt(apiUrl: string, portalCallback: string | undefined): void {
    this.#address = `${apiUrl}${DEVELOPMENT_ISSUER_PATH}`;
    this.#portalCallback = portalCallback;
  }

  get address(): string {
    if (this.#address === undefined) throw new Error('the development issuer is not served yet');
    return this.#address;
  }

  /** As the rest of CMK knows it: one of several providers. */
  asTrusted(): Issuer {
    const self = this;
    const keys = createLocalJWKSet({ keys: [this.#publicKey] });
    return new Issuer(
      {
        name: DEVELOPMENT_ISSUER,
        get issuer() {
          return self.#address ?? 'nowhere yet';
        },
        audience: AUDIENCE,
        loginClientId: DEVELOPMENT_CLIENT,
        people: { clients: [DEVELOPMENT_PORTAL_CLIENT] },
      },
      () => Promise.resolve(keys),
    );
  }

  /** The portal as a client of this provider. */
  get portalClient(): PortalClientConfig {
    return {
      issuer: DEVELOPMENT_ISSUER,
      clientId: DEVELOPMENT_PORTAL_CLIENT,
      scope: 'portal',
      title: 'Development people',
    };
  }

  discovery(): Record<string, unknown> {
    const at = (path: string): string => `${this.address}/${path}`;
    return {
      issuer: this.address,
      jwks_uri: at('keys'),
      token_endpoint: at('token'),
      authorization_endpoint: at('authorize'),
      device_authorization_endpoint: at('device'),
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [ALGORITHM],
      grant_types_supported: [
        'urn:ietf:params:oauth:grant-type:device_code',
        'authorization_code',
        'client_credentials',
      ],
      token_endpoint_auth_methods_supported: ['none', 'client_secret_post', 'client_secret_basic'],
    };
  }

  keys(): { keys: JWK[] } {
    return { keys: [this.#publicKey] };
  }

  /** RFC 8628 §3.1, §3.2. */
  beginLogin(form: URLSearchParams): Record<string, unknown> {
    if (form.get('client_id') !== DEVELOPMENT_CLIENT)
      throw new OAuthError('invalid_client', 'no such client');
    this.#forgetOld();
    if (this.#logins.size >= MAX_LOGINS)
      throw new OAuthError('temporarily_unavailable', 'too many logins at once');
    const deviceCode = randomBytes(32).toString('base64url');
    const userCode = userCodeOf(randomBytes(8));
    this.#logins.set(hash(deviceCode).toString('hex'), {
      userCode,
      endsAtMs: Date.now() + LOGIN_LIFETIME_MS,
      audience: form.get('resource') ?? form.get('audience') ?? AUDIENCE,
      person: undefined,
    });
    return {
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: `${this.address}/login`,
      verification_uri_complete: `${this.address}/login?code=${userCode}`,
      expires_in: LOGIN_LIFETIME_MS / 1000,
      interval: POLL_INTERVAL_S,
    };
  }

  /**
   * RFC 6749 §4.1.1, from a link or from the page's own form: what the portal asks for. Throws OAuthError, also for a callback
   * that is not the portal's: then nobody is sent anywhere.
   */
  authorization(asked: URLSearchParams): { readonly redirectUri: string; readonly state: string } {
    const redirectUri = asked.get('redirect_uri') ?? '';
    if (asked.get('client_id') !== DEVELOPMENT_PORTAL_CLIENT || redirectUri !== this.#portalCallback)
      throw new OAuthError('invalid_client', 'no such client, or not its callback');
    if (asked.get('response_type') !== 'code')
      throw new OAuthError('unsupported_response_type', 'people at the portal log in by the code flow');
    const challenge = asked.get('code_challenge') ?? '';
    if (asked.get('code_challenge_method') !== 'S256' || !/^[A-Za-z0-9_-]{43}$/.test(challenge))
      throw new OAuthError('invalid_request', 'a code challenge by S256 is needed');
    return { redirectUri, state: asked.get('state') ?? '' };
  }

  /** RFC 6749 §4.1.2: where the browser goes; undefined where name or password is wrong. Throws OAuthError as above. */
  confirmAuthorization(asked: URLSearchParams): URL | undefined {
    const { redirectUri, state } = this.authorization(asked);
    this.#forgetOld();
    const person = this.#personOf(asked);
    if (person === undefined) return undefined;
    if (this.#grants.size >= MAX_LOGINS)
      throw new OAuthError('temporarily_unavailable', 'too many logins at once');
    const code = randomBytes(32).toString('base64url');
    this.#grants.set(hash(code).toString('hex'), {
      person,
      redirectUri,
      challenge: asked.get('code_challenge') ?? '',
      audience: asked.get('resource') ?? asked.get('audience') ?? AUDIENCE,
      endsAtMs: Date.now() + CODE_LIFETIME_MS,
    });
    const back = new URL(redirectUri);
    back.searchParams.set('code', code);
    back.searchParams.set('state', state);
    back.searchParams.set('iss', this.address);
    return back;
  }

  /** What the page of RFC 8628 §3.3 does: this person lets that login go on. False where name, password or code is wrong. */
  confirmLogin(form: URLSearchParams): boolean {
    this.#forgetOld();
    const code = (form.get('code') ?? '').toUpperCase();
    const login = [...this.#logins.values()].find(({ userCode }) => userCode === code);
    const person = this.#personOf(form);
    if (login === undefined || person === undefined) return false;
    login.person = person;
    return true;
  }

  #personOf(form: URLSearchParams): People['people'][number] | undefined {
    const person = this.#people.people.find(({ name }) => name === form.get('name'));
    return isSame(form.get('password') ?? '', person?.password ?? '') ? person : undefined;
  }

  /** Throws OAuthError. `basic` is the Authorization header. */
  async token(form: URLSearchParams, basic: string | undefined): Promise<TokenAnswer> {
    switch (form.get('grant_type')) {
      case 'urn:ietf:params:oauth:grant-type:device_code':
        return await this.#tokenOfPerson(form);
      case 'authorization_code':
        return await this.#tokenForCode(form);
      case 'client_credentials':
        return await this.#tokenOfMachine(form, basic);
      default:
        throw new OAuthError('unsupported_grant_type', 'people log in by the device flow or with a code');
    }
  }

  async #tokenOfPerson(form: URLSearchParams): Promise<TokenAnswer> {
    this.#forgetOld();
    const key = hash(form.get('device_code') ?? '').toString('hex');
    const login = this.#logins.get(key);
    if (login === undefined) throw new OAuthError('expired_token', 'this login is over');
    if (login.person === undefined)
      throw new OAuthError('authorization_pending', 'nobody has confirmed it yet');
    this.#logins.delete(key);
    const { name, groups = [] } = login.person;
    const claims = { preferred_username: name, client_id: DEVELOPMENT_CLIENT, groups };
    return await this.#issue(name, login.audience, claims);
  }

  /** RFC 6749 §4.1.3, RFC 7636 §4.6. A code is good once, also for whoever fails with it. */
  async #tokenForCode(form: URLSearchParams): Promise<TokenAnswer> {
    this.#forgetOld();
    const key = hash(form.get('code') ?? '').toString('hex');
    const grant = this.#grants.get(key);
    this.#grants.delete(key);
    const challenge = hash(form.get('code_verifier') ?? '').toString('base64url');
    if (
      grant === undefined ||
      form.get('client_id') !== DEVELOPMENT_PORTAL_CLIENT ||
      form.get('redirect_uri') !== grant.redirectUri ||
      !isSame(challenge, grant.challenge)
    )
      throw new OAuthError('invalid_grant', 'no such code, or not for this client');
    const { name, groups = [] } = grant.person;
    const claims = { preferred_username: name, client_id: DEVELOPMENT_PORTAL_CLIENT, groups };
    return await this.#issue(name, grant.audience, claims);
  }

  async #tokenOfMachine(form: URLSearchParams, basic: string | undefined): Promise<TokenAnswer> {
    const [name, secret] = credentialsOf(form, basic);
    const machine = this.#people.machines.find((known) => known.name === name);
    if (!isSame(secret, machine?.secret ?? '') || machine === undefined)
      throw new OAuthError('invalid_client', 'no such machine, or not its secret');
    const audience = form.get('resource') ?? form.get('audience') ?? AUDIENCE;
    return await this.#issue(machine.name, audience, { client_id: machine.name });
  }

  async #issue(subject: string, audience: string, claims: Record<string, unknown>): Promise<TokenAnswer> {
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, kid: KEY_ID, typ: 'at+jwt' })
      .setIssuer(this.address)
      .setSubject(subject)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(`${TOKEN_LIFETIME_S} s`)
      .setJti(randomUUID())
      .sign(this.#key);
    return { access_token: token, token_type: 'Bearer', expires_in: TOKEN_LIFETIME_S };
  }

  #forgetOld(): void {
    const now = Date.now();
    for (const each of [this.#logins, this.#grants])
      for (const [key, { endsAtMs }] of each) if (endsAtMs < now) each.delete(key);
  }
}

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
/** An empty secret is nobody's. */
const isSame = (sent: string, expected: string): boolean =>
  timingSafeEqual(hash(sent), hash(expected)) && expected !== '';

/** Without vowels and without letters that look alike (RFC 8628 §6.1). */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';
const userCodeOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte, at) => `${at === 4 ? '-' : ''}${LETTERS[byte % LETTERS.length]}`).join('');

function credentialsOf(form: URLSearchParams, basic: string | undefined): [string, string] {
  const encoded = /^Basic ([A-Za-z0-9+/=]{1,1024})$/i.exec(basic ?? '')?.[1];
  if (encoded === undefined) return [form.get('client_id') ?? '', form.get('client_secret') ?? ''];
  const [name = '', secret = ''] = Buffer.from(encoded, 'base64').toString('utf8').split(':', 2);
  try {
    return [decodeURIComponent(name), decodeURIComponent(secret)];
  } catch {
    return ['', ''];
  }
}
