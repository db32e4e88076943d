/** The code flow of the development issuer (RFC 6749 §4.1, with PKCE), by which people sign in at the portal. */
import { randomBytes } from 'node:crypto';
import { audienceOf, forgetOld, hash, isSame, MAX_LOGINS, OAuthError } from './development-oauth.ts';

export const DEVELOPMENT_PORTAL_CLIENT = 'okcm-portal';
const CODE_LIFETIME_MS = 60_000;

/** Somebody who has logged in at the page that the portal sent them to, and whose browser brings the code back. */
interface Grant<Person> {
  readonly person: Person;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly audience: string;
  readonly endsAtMs: number;
}

export class CodeFlow<Person> {
  /** By the hash of its code. */
  readonly #grants = new Map<string, Grant<Person>>();
  #portalCallback: string | undefined;

  /** Where the portal wants browsers sent back to, once that is known. */
  returnsTo(portalCallback: string | undefined): void {
    this.#portalCallback = portalCallback;
  }

  /**
   * RFC 6749 §4.1.1, from a link or from the page's own form: what the portal asks for. Throws OAuthError, also for a callback
   * that is not the portal's: then nobody is sent anywhere.
   */
  asked(form: URLSearchParams): { readonly redirectUri: string; readonly state: string } {
    const redirectUri = form.get('redirect_uri') ?? '';
    if (form.get('client_id') !== DEVELOPMENT_PORTAL_CLIENT || redirectUri !== this.#portalCallback)
      throw new OAuthError('invalid_client', 'no such client, or not its callback');
    if (form.get('response_type') !== 'code')
      throw new OAuthError('unsupported_response_type', 'people at the portal log in by the code flow');
    const challenge = form.get('code_challenge') ?? '';
    if (form.get('code_challenge_method') !== 'S256' || !/^[A-Za-z0-9_-]{43}$/.test(challenge))
      throw new OAuthError('invalid_request', 'a code challenge by S256 is needed');
    return { redirectUri, state: form.get('state') ?? '' };
  }

  /** RFC 6749 §4.1.2: where this person's browser goes. `issuer` is the provider's address. Throws OAuthError as above. */
  confirm(form: URLSearchParams, person: Person, issuer: string): URL {
    const { redirectUri, state } = this.asked(form);
    forgetOld(this.#grants);
    if (this.#grants.size >= MAX_LOGINS)
      throw new OAuthError('temporarily_unavailable', 'too many logins at once');
    const code = randomBytes(32).toString('base64url');
    this.#grants.set(hash(code).toString('hex'), {
      person,
      redirectUri,
      challenge: form.get('code_challenge') ?? '',
      audience: audienceOf(form),
      endsAtMs: Date.now() + CODE_LIFETIME_MS,
    });
    const back = new URL(redirectUri);
    back.searchParams.set('code', code);
    back.searchParams.set('state', state);
    back.searchParams.set('iss', issuer);
    return back;
  }

  /** RFC 6749 §4.1.3, RFC 7636 §4.6. A code is good once, also for whoever fails with it. Throws OAuthError. */
  redeem(form: URLSearchParams): { readonly person: Person; readonly audience: string } {
    forgetOld(this.#grants);
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
    return grant;
  }
}
