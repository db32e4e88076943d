/**
 * What CMK needs of a customer's KMS or HSM, whoever makes it. This folder is the only place that may hold a KMS SDK:
 * the execution plane never speaks to one (separation record). Every provider must pass provider.contract.ts.
 *
 * A provider is called outside any database transaction and within KEYSTORE_TIMEOUT_MS. The buffers that it returns
 * hold key material: whoever receives one wipes it.
 */
import { errorMessage, OkcmError } from '../../platform/errors.ts';
import type { ImportAlgorithm } from '../../platform/key-wrap.ts';

/** Longest that CMK waits for one call of a keystore. */
export const KEYSTORE_TIMEOUT_MS = 10_000;
/** The same for a call of an import, during which some providers work for a while. */
export const IMPORT_TIMEOUT_MS = 25_000;
export const LINK_SECRET_BYTES = 32;
/** Longest wrapped form that is stored, as text. */
export const MAX_WRAPPED_LENGTH = 8192;
/** Longest reference: a resource name of Google's takes most. */
export const MAX_REFERENCE_LENGTH = 512;
/** Longest ticket of an import: the token of AWS has some 4 KiB. */
export const MAX_TICKET_LENGTH = 16_384;

/** Provider answers map to one of these, never to a guess (D13). */
export const keyStates = {
  ENABLED: 'the key can be used',
  DISABLED: 'the customer has disabled the key',
  PENDING_IMPORT: 'the key has no material: none was imported yet, or it was removed or has expired',
  PENDING_DELETION: 'the customer has scheduled the deletion of the key',
  NOT_FOUND: 'the provider was reached and has no such key',
  FORBIDDEN: 'the provider refuses CMK the use of this key',
  THROTTLED: 'the provider answers no more calls of CMK for now',
  UNREACHABLE: 'the provider did not answer',
  UNKNOWN: 'the provider answered something that CMK does not understand',
} as const;
export type KeyState = keyof typeof keyStates;

/** Says nothing of the key itself: what was known of it before still holds. */
export const PASSING: ReadonlySet<KeyState> = new Set(['THROTTLED', 'UNREACHABLE', 'UNKNOWN']);

/** Who can end a state, and by what; null where there is nothing to be mended. */
export const mending: Readonly<Record<KeyState, { readonly by: Mender; readonly how: string } | null>> = {
  ENABLED: null,
  DISABLED: { by: 'customer', how: 'enable the key at its keystore, then link again' },
  PENDING_IMPORT: { by: 'customer', how: 'import the key material, then link again' },
  PENDING_DELETION: { by: 'customer', how: 'cancel the deletion at the keystore, then link again' },
  NOT_FOUND: { by: 'customer', how: 'restore the key at its keystore; what stands on a lost key stays lost' },
  FORBIDDEN: { by: 'customer', how: 'allow CMK the use of the key at its keystore, then link again' },
  THROTTLED: { by: 'time', how: 'nothing has to be done; CMK asks again, more rarely' },
  UNREACHABLE: {
    by: 'operator',
    how: 'see why CMK cannot reach the keystore; links go on until they expire',
  },
  UNKNOWN: { by: 'operator', how: "see CMK's log for what the keystore said; links go on until they expire" },
};
export type Mender = 'customer' | 'operator' | 'time';

export interface DataKey {
  readonly plaintext: Buffer;
  /** Only the same key of the same provider can open it. */
  readonly wrapped: string;
}

export interface KeyFacts {
  readonly state: KeyState;
  /**
   * The provider's own name of the key, with aliases resolved: two names of one key give the same. Otherwise two tenants
   * could stand on one key unseen.
   */
  readonly reference: string;
  /** The version that wraps now, as the provider calls it; null where keys have none. */
  readonly version: string | null;
}

/** What material a keystore takes: 32 bytes, or an RSA private key (PKCS#8 DER). */
export type ImportMaterial = 'AES_256' | 'RSA_PKCS8';

export interface ImportParameters {
  /** Of the key that waits for its material. */
  readonly reference: string;
  readonly algorithm: ImportAlgorithm;
  readonly material: ImportMaterial;
  /** RSA, SubjectPublicKeyInfo PEM: its private half never leaves the provider. */
  readonly publicKey: string;
  /** Past this the provider takes nothing that was wrapped with that key. */
  readonly expiresAt: Date;
  /** What the provider wants to see again with the upload; no secret of anybody's. */
  readonly ticket: string;
}
export type ImportTicket = Pick<ImportParameters, 'reference' | 'algorithm' | 'ticket'>;

/** What a maker's driver does. `reference` is whatever the customer calls the key; all but two throw KeystoreError. */
export interface KeystoreDriver {
  readonly kind: string;
  inspect(reference: string): Promise<KeyFacts>;
  /** A fresh secret of LINK_SECRET_BYTES and the same wrapped under the key. */
  generateDataKey(reference: string): Promise<DataKey>;
  /** A wrapped form that the key did not make is state UNKNOWN. */
  unwrap(reference: string, wrapped: string): Promise<Buffer>;
  /**
   * Whether CMK's own credential works at this provider, shown by a call that does not touch `reference`. Only then
   * does FORBIDDEN mean that the customer withdrew this key (D1). Never throws: doubt is `false`.
   */
  credentialIsGood(reference: string): Promise<boolean>;
  /** Makes a key and answers its reference; absent where the customer alone may do that. */
  createKey?(): Promise<string>;
  /** A key without material, and how to wrap what shall become it. */
  beginImport?(): Promise<ImportParameters>;
  /** The wrapped form goes to the provider as it came: CMK never holds the material. */
  finishImport?(ticket: ImportTicket, wrapped: Buffer): Promise<void>;
}

export interface KeystoreProvider extends KeystoreDriver {
  /** As `inspect`, of which only the state is wanted. Never throws: what goes wrong is a state. */
  describe(reference: string): Promise<KeyState>;
}

/** A call that the provider did not fulfil; the state says why. */
export class KeystoreError extends OkcmError {
  override readonly name = 'KeystoreError';
  readonly state: KeyState;
  constructor(state: KeyState, detail: string = keyStates[state], options: { cause?: unknown } = {}) {
    super(`KEYSTORE_${state}`, detail, options);
    this.state = state;
  }
}

/** What any failure of a provider call means: its own errors carry a state, everything else is UNKNOWN. */
export const stateOf = (error: unknown): KeyState =>
  error instanceof KeystoreError ? error.state : 'UNKNOWN';

/** For drivers: their own errors pass, `meaning` judges the rest. */
export async function translating<T>(
  call: () => Promise<T>,
  meaning: (error: unknown) => KeyState | Promise<KeyState>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof KeystoreError) throw error;
    const state = await meaning(error);
    throw new KeystoreError(state, `${keyStates[state]} (${brief(error)})`, { cause: error });
  }
}

const MAX_DETAIL_LENGTH = 300;
/** A provider that repeats what it was sent must not make us repeat it. */
const LOOKS_LIKE_CONTENT = /[A-Za-z0-9+/_=-]{80,}/g;
const brief = (error: unknown): string =>
  errorMessage(error).replaceAll(/\s+/g, ' ').replaceAll(LOOKS_LIKE_CONTENT, '…').slice(0, MAX_DETAIL_LENGTH);

/** Node's words for a connection that could not be made or was lost, wherever an SDK has put them. */
const AWAY =
  /^(ECONN(REFUSED|RESET|ABORTED)|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE|ABORT_ERR|ERR_SOCKET_.*|TimeoutError|AbortError|NetworkingError)$/;
export function isAway(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 4) return false;
  const { code, name, errno, cause, errors } = error as Record<string, unknown>;
  if ([code, name, errno].some((word) => typeof word === 'string' && AWAY.test(word))) return true;
  return (
    isAway(cause, depth + 1) || (Array.isArray(errors) && errors.some((each) => isAway(each, depth + 1)))
  );
}
