/**
 * What CMK needs of a customer's KMS or HSM, whoever makes it. This folder is the only place that may hold a KMS SDK:
 * the execution plane never speaks to one (separation record). Every provider must pass provider.contract.ts.
 *
 * A provider is called outside any database transaction and within KEYSTORE_TIMEOUT_MS. The buffers that it returns
 * hold key material: whoever receives one wipes it.
 */
import { OkcmError } from '../../platform/errors.ts';

/** Longest that CMK waits for one call of a keystore. */
export const KEYSTORE_TIMEOUT_MS = 10_000;
export const LINK_SECRET_BYTES = 32;
/** Longest wrapped form that is stored, as text. */
export const MAX_WRAPPED_LENGTH = 8192;

/** Provider answers map to one of these, never to a guess (D13). */
export const keyStates = {
  ENABLED: 'the key can be used',
  DISABLED: 'the customer has disabled the key',
  PENDING_DELETION: 'the customer has scheduled the deletion of the key',
  NOT_FOUND: 'the provider was reached and has no such key',
  FORBIDDEN: 'the provider refuses CMK the use of this key',
  UNREACHABLE: 'the provider did not answer',
  UNKNOWN: 'the provider answered something that CMK does not understand',
} as const;
export type KeyState = keyof typeof keyStates;

export interface DataKey {
  readonly plaintext: Buffer;
  /** Only the same key of the same provider can open it. */
  readonly wrapped: string;
}

export interface KeystoreProvider {
  readonly kind: string;
  /** Never throws: what goes wrong is a state. */
  describe(reference: string): Promise<KeyState>;
  /** A fresh secret of LINK_SECRET_BYTES and the same wrapped under the key. Throws KeystoreError. */
  generateDataKey(reference: string): Promise<DataKey>;
  /** Throws KeystoreError; a wrapped form that the key did not make is state UNKNOWN. */
  unwrap(reference: string, wrapped: string): Promise<Buffer>;
  /** Makes a key and answers its reference; absent where the customer alone may do that. Throws KeystoreError. */
  createKey?(): Promise<string>;
  /**
   * Whether CMK's own credential works at this provider, shown by a call that does not touch `reference`. Only then
   * does FORBIDDEN mean that the customer withdrew this key (D1). Never throws: doubt is `false`.
   */
  credentialIsGood(reference: string): Promise<boolean>;
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
