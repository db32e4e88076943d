/**
 * Shamir's scheme over the unseal key. The library wants plain Uint8Arrays and returns garbage, silently, for wrong or
 * too few shares: what is split is therefore put together again before anybody relies on it, and whoever combines
 * checks each share against the manifest first.
 */
import { combine, split } from 'shamir-secret-sharing';
import { KEY_BYTES, SecretBytes } from '../../../envelope/index.ts';
import { ShareError } from './errors.ts';

/** With a threshold of one every share is the key. */
export const MIN_THRESHOLD = 2;
export const MAX_SHARES = 255;
export const DEFAULT_SHARES = 5;
export const DEFAULT_THRESHOLD = 3;
/** The key, and one byte for the point at which its polynomials were evaluated. */
export const SHARE_BYTES = KEY_BYTES + 1;

/** @throws ShareError INVALID_PLAN */
export function checkBounds(shares: number, threshold: number): void {
  const isInside =
    Number.isInteger(shares) &&
    Number.isInteger(threshold) &&
    threshold >= MIN_THRESHOLD &&
    threshold <= shares &&
    shares <= MAX_SHARES;
  if (!isInside) throw new ShareError('INVALID_PLAN', `${threshold} of ${shares}`);
}

/** The caller wipes the shares. @throws ShareError INVALID_PLAN */
export async function splitKey(key: SecretBytes, shares: number, threshold: number): Promise<SecretBytes[]> {
  checkBounds(shares, threshold);
  const plain = key.use((bytes) => Uint8Array.from(bytes));
  const made: SecretBytes[] = [];
  try {
    for (const share of await split(plain, shares, threshold)) made.push(SecretBytes.take(share));
    for (const subset of [made.slice(0, threshold), made.slice(-threshold)]) {
      using combined = await combineKey(subset);
      if (!combined.equals(key)) throw new Error('the shares do not combine to what was split');
    }
    return made;
  } catch (error) {
    for (const share of made) share.wipe();
    throw error;
  } finally {
    plain.fill(0);
  }
}

/** The caller checks the result: too few or wrong shares give another key, and no error. */
export async function combineKey(shares: readonly SecretBytes[]): Promise<SecretBytes> {
  const plain = shares.map((share) => share.use((bytes) => Uint8Array.from(bytes)));
  try {
    return SecretBytes.take(await combine(plain));
  } finally {
    for (const bytes of plain) bytes.fill(0);
  }
}
