/**
 * From a keystore's record to a provider that can be called. Kinds are listed here and nowhere else. Every provider is
 * held to the time limit, whatever its SDK does.
 */
import { withDeadline } from '../../platform/backoff.ts';
import { errorCode } from '../../platform/errors.ts';
import { KEYSTORE_TIMEOUT_MS, type KeyState, KeystoreError, type KeystoreProvider } from './provider.ts';
import { SoftwareKeystore } from './software.ts';

export interface KeystoreRecord {
  readonly name: string;
  readonly kind: string;
  readonly config: { readonly path: string };
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
      provider = withinTime(open(record), timeoutMs);
      if (providers.size >= MAX_PROVIDERS) providers.clear();
      providers.set(id, provider);
    }
    return provider;
  };
}

function open(record: KeystoreRecord): KeystoreProvider {
  if (record.kind === 'software') return new SoftwareKeystore(record.config.path);
  throw new KeystoreError('UNKNOWN', `this build has no keystore of kind ${record.kind}`);
}

/** A provider that hangs is a provider that is away. */
export function withinTime(provider: KeystoreProvider, timeoutMs: number): KeystoreProvider {
  const limited = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await withDeadline(timeoutMs, what, call);
    } catch (error) {
      if (errorCode(error) === 'DEADLINE_EXCEEDED')
        throw new KeystoreError('UNREACHABLE', `the keystore did not answer within ${timeoutMs} ms`);
      throw error;
    }
  };
  const { createKey } = provider;
  return {
    kind: provider.kind,
    describe: (reference) =>
      limited('describe', () => provider.describe(reference)).catch(
        (error: unknown): KeyState => (error instanceof KeystoreError ? error.state : 'UNKNOWN'),
      ),
    generateDataKey: (reference) => limited('generateDataKey', () => provider.generateDataKey(reference)),
    unwrap: (reference, wrapped) => limited('unwrap', () => provider.unwrap(reference, wrapped)),
    credentialIsGood: (reference) =>
      limited('credentialIsGood', () => provider.credentialIsGood(reference)).catch(() => false),
    ...(createKey === undefined
      ? {}
      : { createKey: () => limited('createKey', () => createKey.call(provider)) }),
  };
}
