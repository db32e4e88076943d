/** What CMK asks of a key before it relies on it, outside any transaction. */
import { timingSafeEqual } from 'node:crypto';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import {
  type KeyFacts,
  type KeyState,
  KeystoreError,
  type KeystoreProvider,
  keyStates,
  PASSING,
} from '../keystores/provider.ts';

/** Has the key wrap a secret of its own and unwrap it again: all that a link will need. Throws KeystoreError. */
export async function proveAccess(provider: KeystoreProvider, reference: string): Promise<void> {
  const made = await provider.generateDataKey(reference);
  try {
    const opened = await provider.unwrap(reference, made.wrapped);
    try {
      if (opened.length !== made.plaintext.length || !timingSafeEqual(opened, made.plaintext))
        throw new KeystoreError('UNKNOWN', 'the keystore opened what it had wrapped to something else');
    } finally {
      opened.fill(0);
    }
  } finally {
    made.plaintext.fill(0);
  }
}

/** What a key says of itself, when it can be used now and CMK has shown that it may. Errors: as refusalOf. */
export async function requireUsable(
  cmk: Cmk,
  provider: KeystoreProvider,
  reference: string,
): Promise<KeyFacts> {
  try {
    const facts = await provider.inspect(reference);
    cmk.metrics.keystoreAnswer(facts.state);
    if (facts.state !== 'ENABLED') throw new KeystoreError(facts.state);
    await proveAccess(provider, facts.reference);
    return facts;
  } catch (error) {
    throw refusalOf(error);
  }
}

/** Errors: KEYSTORE_UNAVAILABLE where the keystore gave no clear answer, else KEY_NOT_USABLE. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof KeystoreError)) return error;
  return unusable(error.state, error.message, error);
}

export function unusable(state: KeyState, detail: string = keyStates[state], cause?: unknown): CmkError {
  const code = PASSING.has(state) ? 'KEYSTORE_UNAVAILABLE' : 'KEY_NOT_USABLE';
  return new CmkError(code, `the keystore answers ${state}: ${detail}`, { cause });
}
