/** The home of keys that a region's configuration names. */
import type { KeyStore } from './key-store.ts';
import { OpenBaoKeyStore, type OpenBaoStoreOptions } from './openbao.ts';
import type { OpenBaoLayout } from './openbao-layout.ts';
import { postgresKeyStore } from './postgres.ts';

export type KeyStoreOptions =
  | { readonly kind: 'postgresql' }
  | ({ readonly kind: 'openbao'; readonly prefix?: string } & OpenBaoLayout &
      Pick<OpenBaoStoreOptions, 'url' | 'tokenFile' | 'ca' | 'timeoutMs'>);

/**
 * PostgreSQL, unless the configuration says otherwise.
 * @param region whose keys it holds. The cluster stands before it in OpenBao's paths, unless a prefix is given.
 */
export function createKeyStore(
  options: KeyStoreOptions | undefined,
  region: { cluster: string; region: string },
): KeyStore {
  if (options === undefined || options.kind === 'postgresql') return postgresKeyStore;
  return new OpenBaoKeyStore({ ...options, prefix: options.prefix ?? region.cluster, region: region.region });
}
