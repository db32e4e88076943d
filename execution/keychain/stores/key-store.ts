/**
 * Where a region keeps its tenants' keys: one interface, three homes (PostgreSQL, OpenBao KV v2, memory for tests), one
 * contract suite over all. A home stores envelopes and knows none of their meaning. Every change of a tenant is one
 * write that names the counter it was computed from: of two that were computed from the same one, the second is
 * refused, in every home.
 */
import type { TenantId } from '../../../contracts/index.ts';
import type { Db } from '../tables.ts';

/** The `service` of a tenant's own keys, its L2. No service has this name. */
export const L2 = '';

export interface KeyRecord {
  /** A service's name for its L3, `L2` for the tenant's L2. */
  readonly service: string;
  readonly version: number;
  /** Envelope. */
  readonly wrapped: Buffer;
}

export type KeyName = Pick<KeyRecord, 'service' | 'version'>;

export interface TenantRecord {
  /** Grows by one with every write, from 1. */
  readonly counter: number;
  /** Envelope under an IVK. */
  readonly manifest: Buffer;
  /** Envelope under an IVK. */
  readonly regionalSecret: Buffer;
}

/** A tenant as it stands at one moment, with the keys that were asked for. */
export interface StoredRecords extends TenantRecord {
  readonly keys: readonly KeyRecord[];
}

/** One write. Its record's counter is one more than the counter that the writer has read: 1 makes the tenant. */
export interface TenantChange {
  readonly record: TenantRecord;
  /** New or wrapped anew. */
  readonly put: readonly KeyRecord[];
  readonly remove: readonly KeyName[];
}

export const NO_KEYS = { put: [], remove: [] } as const;

export interface KeyStore {
  readonly kind: 'postgresql' | 'openbao' | 'memory';
  /** A write is part of the caller's transaction, and undone with it. */
  readonly isTransactional: boolean;
  /**
   * The tenant and all versions of the named services (`L2` among them), as of one moment; null when there is none.
   * @param db the caller's transaction, or the database outside of one.
   * @throws KeychainError STORE_UNAVAILABLE.
   */
  read(db: Db, tenant: TenantId, services: readonly string[]): Promise<StoredRecords | null>;
  /**
   * All of it or nothing. In PostgreSQL it is part of the caller's transaction. A home of its own has it at once, and
   * keeps it should the transaction fail: every caller must be able to find its change done already.
   * @throws KeychainError CONFLICT when somebody else wrote meanwhile, STORE_UNAVAILABLE.
   */
  write(tx: Db, tenant: TenantId, change: TenantChange): Promise<void>;
}
