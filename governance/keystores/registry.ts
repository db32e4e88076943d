/**
 * From a keystore's record to a provider that can be called. Kinds are opened here and nowhere else. Every provider is
 * held to the time limit, whatever its SDK does.
 */
import { Value } from 'typebox/value';
import { withDeadline } from '../../platform/backoff.ts';
import { errorCode } from '../../platform/errors.ts';
import { AwsKmsKeystore } from './aws-kms.ts';
import { AzureKeystore } from './azure.ts';
import { type KeystoreConfig, type KeystoreKind, keystoreConfigs, keystoreKinds } from './configs.ts';
import { GoogleKmsKeystore } from './google-kms.ts';
import { OpenBaoKeystore } from './openbao.ts';
import { Pkcs11Keystore } from './pkcs11.ts';
import {
  IMPORT_TIMEOUT_MS,
  KEYSTORE_TIMEOUT_MS,
  type KeyState,
  type KeystoreDriver,
  KeystoreError,
  type KeystoreProvider,
  stateOf,
} from './provider.ts';
import { SoftwareKeystore } from './software.ts';

export interface KeystoreRecord {
  readonly name: string;
  readonly kind: string;
  /** As the schema of the kind asks for (configs.ts). */
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

const openers: { readonly [K in KeystoreKind]: (config: KeystoreConfig<K>) => KeystoreDriver } = {
  software: ({ path }) => new SoftwareKeystore(path),
  'aws-kms': (config) => new AwsKmsKeystore(config),
  'azure-key-vault': (config) => new AzureKeystore(config),
  'google-kms': (config) => new GoogleKmsKeystore(config),
  openbao: (config) => new OpenBaoKeystore(config),
  pkcs11: (config) => new Pkcs11Keystore(config),
};

/** Calls nothing. Errors: KeystoreError UNKNOWN for a kind or a configuration that this build does not have. */
export function openKeystore(kind: string, config: unknown): KeystoreDriver {
  for (const known of keystoreKinds) if (known === kind) return open(known, config);
  throw new KeystoreError('UNKNOWN', `this build has no keystore of kind ${kind}`);
}

function open<K extends KeystoreKind>(kind: K, config: unknown): KeystoreDriver {
  const schema: (typeof keystoreConfigs)[K] = keystoreConfigs[kind];
  if (!Value.Check(schema, config))
    throw new KeystoreError('UNKNOWN', `the configuration is none of a keystore of kind ${kind}`);
  return openers[kind](config as KeystoreConfig<K>);
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
