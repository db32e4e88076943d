/**
 * The portal's two cookies. No script reads them, no other site's request carries them, and where the portal is reached over
 * TLS they come from this host over TLS alone (`__Host-`, RFC 6265bis §4.1.3.2).
 */
import type { CookieSerializeOptions } from '@fastify/cookie';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { PORTAL_SIGN_IN_MS } from '../limits.ts';
import type { Leaving } from './providers.ts';

const Text = Type.String({ maxLength: 512 });
const LeavingCookie = Type.Object(
  { provider: Text, state: Text, verifier: Text, nonce: Text, back: Text },
  { additionalProperties: false },
);

export class Cookies {
  readonly #isSecure: boolean;

  constructor(origin: URL) {
    this.#isSecure = origin.protocol === 'https:';
  }

  get session(): string {
    return this.#named('okcm-portal');
  }

  get leaving(): string {
    return this.#named('okcm-portal-leaving');
  }

  forSession(expiresAt: Date): CookieSerializeOptions {
    return { ...this.#common(), sameSite: 'strict', expires: expiresAt };
  }

  /** Lax: the provider sends the browser back from another site. */
  forLeaving(): CookieSerializeOptions {
    return { ...this.#common(), sameSite: 'lax', maxAge: PORTAL_SIGN_IN_MS / 1000 };
  }

  toForget(): CookieSerializeOptions {
    return { ...this.#common(), sameSite: 'strict' };
  }

  #common(): CookieSerializeOptions {
    return { httpOnly: true, path: '/', secure: this.#isSecure };
  }

  #named(name: string): string {
    return this.#isSecure ? `__Host-${name}` : name;
  }
}

export const writeLeaving = (leaving: Leaving): string =>
  Buffer.from(JSON.stringify(leaving)).toString('base64url');

export function readLeaving(cookie: string | undefined): Static<typeof LeavingCookie> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(cookie ?? '', 'base64url').toString('utf8'));
    return Value.Check(LeavingCookie, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Only a page of the portal: nobody is sent from here to another site. */
export function pageOfPortal(wish: unknown): string {
  if (typeof wish !== 'string' || wish.length > 512 || !/^\/portal\/[\x21-\x5b\x5d-\x7e]*$/.test(wish))
    return '/portal/';
  return wish;
}
