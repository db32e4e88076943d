/**
 * What a session's cookie is, and what of it the database knows. The cookie carries a name and a key, both random: the
 * database keeps the name's digest and the tokens under that key, so that it opens nothing without the browser, and the
 * browser holds no token.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { Type } from 'typebox';
import { Value } from 'typebox/value';

const NAME_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

const Tokens = Type.Object(
  { access: Type.String(), refresh: Type.Optional(Type.String()) },
  { additionalProperties: false },
);

export interface Tokens {
  readonly access: string;
  /** Gets the next access token where the provider gave one. */
  readonly refresh?: string | undefined;
}

export interface SessionKey {
  /** As the database names it. */
  readonly id: string;
  readonly key: Buffer;
}

export function newSessionCookie(): { readonly cookie: string; readonly session: SessionKey } {
  const bytes = randomBytes(NAME_BYTES + KEY_BYTES);
  return { cookie: bytes.toString('base64url'), session: keyOf(bytes) };
}

/** Undefined: it is no cookie of ours. */
export function readSessionCookie(cookie: string): SessionKey | undefined {
  if (!/^[A-Za-z0-9_-]{64}$/.test(cookie)) return undefined;
  return keyOf(Buffer.from(cookie, 'base64url'));
}

const keyOf = (bytes: Buffer): SessionKey => ({
  id: createHash('sha256').update(bytes.subarray(0, NAME_BYTES)).digest('hex'),
  key: bytes.subarray(NAME_BYTES),
});

/** Nonce, ciphertext, tag. A key seals once for each refresh: random nonces are far from meeting. */
export function sealTokens({ id, key }: SessionKey, { access, refresh }: Tokens): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(id));
  const plain = JSON.stringify(refresh === undefined ? { access } : { access, refresh });
  return Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined: another cookie's, or altered. */
export function openTokens({ id, key }: SessionKey, sealed: Buffer): Tokens | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(id)).setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    const body = sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES);
    const plain: unknown = JSON.parse(
      Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8'),
    );
    return Value.Check(Tokens, plain) ? plain : undefined;
  } catch {
    return undefined;
  }
}
