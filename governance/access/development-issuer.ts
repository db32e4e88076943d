/**
 * An OpenID Connect provider for development installations, so that logging in, other people's approvals and machines'
 * tokens can be tried without one of one's own: discovery, keys, the device flow (RFC 8628) for people at a command line, the
 * code flow (RFC 6749 §4.1, with PKCE) for those at the portal, and client credentials (RFC 6749 §4.4) for machines. CMK treats its tokens as any provider's. Its key lives as long as the process.
 *
 * Who there is stands in a private file with their passwords. Nothing here is fit for production, which refuses to start it.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { createLocalJWKSet, exportJWK, type JWK, SignJWT } from 'jose';
import { type Static, Type } from 'typebox';
import { readConfig } from '../../platform/config-file.ts';
import type { PortalClientConfig } from '../portal/settings.ts';
import { CodeFlow, DEVELOPMENT_PORTAL_CLIENT } from './development-code-flow.ts';
import {
  AUDIENCE,
  audienceOf,
  forgetOld,
  hash,
  isSame,
  MAX_LOGINS,
  OAuthError,
} from './development-oauth.ts';
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
type Person = People['people'][number];

export const DEVELOPMENT_ISSUER = 'development';
/** Below the address of the API. */
export const DEVELOPMENT_ISSUER_PATH = '/development/issuer';
export const DEVELOPMENT_CLIENT = 'okcm';
const TOKEN_LIFETIME_S = 3_600;
const LOGIN_LIFETIME_MS = 300_000;
const POLL_INTERVAL_S = 1;
const ALGORITHM = 'ES256';
const KEY_ID = 'development';

/** Somebody who has begun to log in somewhere, and has not said yet who they are. */
interface Login {
  readonly userCode: string;
  readonly endsAtMs: number;
  readonly audience: string;
  person: Person | undefined;
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
  readonly #codes = new CodeFlow<Person>();
  #address: string | undefined;

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
    this.#codes.returnsTo(portalCallback);
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
    forgetOld(this.#logins);
    if (this.#logins.size >= MAX_LOGINS)
      throw new OAuthError('temporarily_unavailable', 'too many logins at once');
    const deviceCode = randomBytes(32).toString('base64url');
    const userCode = userCodeOf(randomBytes(8));
    this.#logins.set(hash(deviceCode).toString('hex'), {
      userCode,
      endsAtMs: Date.now() + LOGIN_LIFETIME_MS,
      audience: audienceOf(form),
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

  /** What the portal asks for, by a link or by the page's own form. Throws OAuthError: then nobody is sent anywhere. */
  authorization(asked: URLSearchParams): { readonly redirectUri: string; readonly state: string } {
    return this.#codes.asked(asked);
  }

  /** Where the browser goes; undefined where name or password is wrong. Throws OAuthError as above. */
  confirmAuthorization(asked: URLSearchParams): URL | undefined {
    this.authorization(asked);
    const person = this.#personOf(asked);
    return person === undefined ? undefined : this.#codes.confirm(asked, person, this.address);
  }

  /** What the page of RFC 8628 §3.3 does: this person lets that login go on. False where name, password or code is wrong. */
  confirmLogin(form: URLSearchParams): boolean {
    forgetOld(this.#logins);
    const code = (form.get('code') ?? '').toUpperCase();
    const login = [...this.#logins.values()].find(({ userCode }) => userCode === code);
    const person = this.#personOf(form);
    if (login === undefined || person === undefined) return false;
    login.person = person;
    return true;
  }

  #personOf(form: URLSearchParams): Person | undefined {
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
    forgetOld(this.#logins);
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

  async #tokenForCode(form: URLSearchParams): Promise<TokenAnswer> {
    const { person, audience } = this.#codes.redeem(form);
    const { name, groups = [] } = person;
    const claims = { preferred_username: name, client_id: DEVELOPMENT_PORTAL_CLIENT, groups };
    return await this.#issue(name, audience, claims);
  }

  async #tokenOfMachine(form: URLSearchParams, basic: string | undefined): Promise<TokenAnswer> {
    const [name, secret] = credentialsOf(form, basic);
    const machine = this.#people.machines.find((known) => known.name === name);
    if (!isSame(secret, machine?.secret ?? '') || machine === undefined)
      throw new OAuthError('invalid_client', 'no such machine, or not its secret');
    return await this.#issue(machine.name, audienceOf(form), { client_id: machine.name });
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
}

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
