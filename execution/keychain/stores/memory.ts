/** Keys in this process's memory, for tests: gone with it. */
import type { TenantId } from '../../../contracts/index.ts';
import { KeychainError } from '../errors.ts';
import type { Db } from '../tables.ts';
import type { KeyRecord, KeyStore, StoredRecords, TenantChange, TenantRecord } from './key-store.ts';

export class MemoryKeyStore implements KeyStore {
  readonly kind = 'memory';
  readonly isTransactional = false;
  readonly #tenants = new Map<TenantId, { record: TenantRecord; keys: ReadonlyMap<string, KeyRecord> }>();

  async read(_db: Db, tenant: TenantId, services: readonly string[]): Promise<StoredRecords | null> {
    const stored = this.#tenants.get(tenant);
    if (stored === undefined) return null;
    const keys = [...stored.keys.values()].filter(({ service }) => services.includes(service));
    return { ...stored.record, keys };
  }

  async write(_tx: Db, tenant: TenantId, { record, put, remove }: TenantChange): Promise<void> {
    const stored = this.#tenants.get(tenant);
    if (record.counter !== (stored?.record.counter ?? 0) + 1) throw new KeychainError('CONFLICT', tenant);
    const keys = new Map(stored?.keys);
    for (const name of remove) keys.delete(nameOf(name));
    for (const key of put) keys.set(nameOf(key), key);
    this.#tenants.set(tenant, { record, keys });
  }
}

function nameOf({ service, version }: Pick<KeyRecord, 'service' | 'version'>): string {
  return `${service}/${version}`;
}
