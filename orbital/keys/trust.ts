/**
 * What becomes of the keys that one side trusts when the other says by which it signs from now on. Governance's word is a
 * whole set, never a change, so that whatever a thief has slipped in is gone with the next one; and what was retired once
 * never comes back, under whatever name (D11).
 */
import { createPublicKey } from 'node:crypto';
import { MAX_KNOWN_KEYS, MAX_KNOWN_KEYS_BY_HAND } from '../limits.ts';
import type { TrustedKey } from '../messages.ts';

export interface KnownKey {
  readonly keyId: string;
  /** SubjectPublicKeyInfo, PEM, as `publicPemOf` writes it: one key has one text. */
  readonly publicKey: string;
  readonly state: 'trusted' | 'retired';
}
export type NamedKey = Omit<KnownKey, 'state'>;

export const trustRefusals = {
  SIGNER_MISSING: 'the key that signed this is not among them',
  KEY_RETIRED: 'a key among them was retired',
  KEY_DIFFERS: 'a key among them is known under another name, or the name stands for another key',
  NOT_A_KEY: 'one of them is no Ed25519 public key',
  TOO_MANY: `more than ${MAX_KNOWN_KEYS} keys, or ${MAX_KNOWN_KEYS_BY_HAND} by hand`,
} as const;
export type TrustRefusal = keyof typeof trustRefusals;

export type Adoption =
  | { readonly ok: true; readonly keys: readonly KnownKey[] }
  | { readonly ok: false; readonly why: TrustRefusal };

/** Ed25519 in the one text that this side compares by; undefined for anything else. */
export function canonicalPem(publicKey: string): string | undefined {
  try {
    const key = createPublicKey(publicKey);
    return key.asymmetricKeyType === 'ed25519'
      ? key.export({ type: 'spki', format: 'pem' }).toString()
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * `signedBy` names the key whose signature vouches for `wanted`; undefined where a person on this side does. All that is known
 * afterwards, or why nothing changes.
 */
export function adoptKeys(
  known: readonly KnownKey[],
  wanted: readonly NamedKey[],
  signedBy: string | undefined,
): Adoption {
  const refuse = (why: TrustRefusal): Adoption => ({ ok: false, why });
  const after = new Map(known.map((key) => [key.keyId, { ...key, state: 'retired' as KnownKey['state'] }]));
  const named = new Set<string>();
  const texts = new Map(known.map((key) => [key.publicKey, key]));
  for (const { keyId, publicKey: text } of wanted) {
    const publicKey = canonicalPem(text);
    if (publicKey === undefined) return refuse('NOT_A_KEY');
    const before = known.find((key) => key.keyId === keyId);
    const same = texts.get(publicKey);
    if (before?.state === 'retired' || same?.state === 'retired') return refuse('KEY_RETIRED');
    const isOther = before !== undefined && before.publicKey !== publicKey;
    if (isOther || (same !== undefined && same.keyId !== keyId) || named.has(keyId))
      return refuse('KEY_DIFFERS');
    const key = { keyId, publicKey, state: 'trusted' as const };
    named.add(keyId);
    texts.set(publicKey, key);
    after.set(keyId, key);
  }
  if (signedBy !== undefined && !named.has(signedBy)) return refuse('SIGNER_MISSING');
  // Each rotation leaves a key behind, which is kept, so that it stays refused. A thief who has used the room up with keys of his
  // own neither keeps a person on this side from naming another, nor those that count from being retired.
  const most = signedBy === undefined ? MAX_KNOWN_KEYS_BY_HAND : MAX_KNOWN_KEYS;
  if (after.size > known.length && after.size > most) return refuse('TOO_MANY');
  return { ok: true, keys: [...after.values()] };
}

/** Those of the configuration count until it is said that they do not. */
export function withConfigured(
  stored: readonly KnownKey[],
  configured: readonly NamedKey[],
): readonly KnownKey[] {
  const taken = new Set(stored.flatMap(({ keyId, publicKey }) => [keyId, publicKey]));
  const fresh = configured.filter(({ keyId, publicKey }) => !taken.has(keyId) && !taken.has(publicKey));
  return [...stored, ...fresh.map((key) => ({ ...key, state: 'trusted' as const }))];
}

export const trustedOf = (known: readonly KnownKey[]): TrustedKey[] =>
  known
    .filter(({ state }) => state === 'trusted')
    .map(({ keyId, publicKey }) => ({ keyId, publicKey: createPublicKey(publicKey) }));
