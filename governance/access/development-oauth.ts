/** What the flows of the development issuer have in common. */
import { createHash, timingSafeEqual } from 'node:crypto';

export const AUDIENCE = 'openkcm';
/** Under way at once, in each flow. */
export const MAX_LOGINS = 64;

/** An error of OAuth 2.0 (RFC 6749 §5.2, RFC 8628 §3.5). */
export class OAuthError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** For whom a token is asked (RFC 8707), or the API itself. */
export const audienceOf = (form: URLSearchParams): string =>
  form.get('resource') ?? form.get('audience') ?? AUDIENCE;

export const hash = (text: string): Buffer => createHash('sha256').update(text).digest();

/** An empty secret is nobody's. */
export const isSame = (sent: string, expected: string): boolean =>
  timingSafeEqual(hash(sent), hash(expected)) && expected !== '';

/** Drops what has ended. */
export function forgetOld(entries: Map<string, { readonly endsAtMs: number }>): void {
  const now = Date.now();
  for (const [key, { endsAtMs }] of entries) if (endsAtMs < now) entries.delete(key);
}
