/**
 * From a keystore's record to a provider that can be called. Every provider is held to the time limit, whatever its SDK
 * does.
 */
import { withDeadline } from '../../platform/backoff.ts';
import { errorCode } from '../../platform/errors.ts';
import { openKeystore } from './kinds.ts';
import {
  IMPORT_TIMEOUT_MS,
  KEYSTORE_TIMEOUT_MS,
  type KeyState,
  KeystoreError,
  type KeystoreDriver,
  type KeystoreProvider,
  stateOf,
} from './provider.ts';

export interface KeystoreRecord {
  readonly name: string;
  readonly kind: string;
  /** As the schema of the kind asks for (kinds.ts). */
  readonly config: unknown;
}

export type KeystoreRegistry = (record: KeystoreRecord) => KeystoreProvider;

const MAX_PROVIDERS = 256;

/** One provider object per keystore, so that connections and write queues are shared. */
export function createKeystoreRegistry(timeoutMs = KEYSTORE_TIMEOUT_MS): KeystoreRegistry {
  const providers = new Map<string, KeystoreProvider>();
  return (record) => {
    const id = JSON.stringify([record.name, record.kind, record.config]);
    let provider = providers.get(id);
    if (provider === undefined) {
      provider = withinTime(openKeystore(record.kind, record.config), timeoutMs);
      if (providers.size >= MAX_PROVIDERS) providers.clear();
      providers.set(id, provider);
    }
    return provider;
  };
}

/** A provider that hangs is a provider that is away. */
export function withinTime(driver: KeystoreDriver, timeoutMs: number): KeystoreProvider {
  const limited = async <T>(what: string, call: () => Promise<T>, ms = timeoutMs): Promise<T> => {
    try {
      return await withDeadline(ms, what, call);
    } catch (error) {
      if (errorCode(error) === 'DEADLINE_EXCEEDED')
        throw new KeystoreError('UNREACHABLE', `the keystore did not answer within ${ms} ms`);
      throw error;
    }
  };
  const { createKey, beginImport, finishImport } = driver;
  const importMs = Math.max(timeoutMs, IMPORT_TIMEOUT_MS);
  const inspect = (reference: string) => limited('inspect', () => driver.inspect(reference));
  return {
    kind: driver.kind,
    inspect,
    describe: (reference) =>
      inspect(reference).then(
        ({ state }): KeyState => state,
        (error: unknown) => stateOf(error),
      ),
    generateDataKey: (reference) => limited('generateDataKey', () => driver.generateDataKey(reference)),
    unwrap: (reference, wrapped) => limited('unwrap', () => driver.unwrap(reference, wrapped)),
    credentialIsGood: (reference) =>
      limited('credentialIsGood', () => driver.credentialIsGood(reference)).catch(() => false),
    ...(createKey && { createKey: () => limited('createKey', () => createKey.call(driver)) }),
    ...(beginImport && {
      beginImport: () => limited('beginImport', () => beginImport.call(driver), importMs),
    }),
    ...(finishImport && {
      finishImport: (ticket, wrapped) =>
        limited('finishImport', () => finishImport.call(driver, ticket, wrapped), importMs),
    }),
  };
}
