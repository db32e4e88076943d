/**
 * The gateway's durable memory: one SQLite file in WAL mode with full synchronisation, so that what was acknowledged
 * is there after a kill or a power cut. Writes of requests are grouped: everything that waits goes into one
 * transaction and shares one flush to disk. Keys lie in it too, unless another store takes them (`keys`).
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorMessage, OkcmError } from '../../../platform/errors.ts';
import { KmipError } from '../../kmip/index.ts';
import {
  MAX_COMMIT_GROUP,
  MAX_COMMIT_QUEUE,
  MAX_KEYS_PER_TENANT,
  STORE_BUSY_RETRY_MS,
  STORE_BUSY_WAIT_MS,
} from '../limits.ts';
import { AuditTable } from './audit-table.ts';
import type { KeyStore, KeyStoreOptions } from './key-store.ts';
import { LocalKeys } from './local-keys.ts';
import { ObjectTable } from './object-table.ts';
import { RegistryTable } from './registry-table.ts';
import { migrate } from './schema.ts';

export interface StoreSharing {
  /** Other processes of this gateway have the file open too; it exists, and is of this version. */
  readonly isShared: boolean;
  /** The gateway starts: what is done once for all of them is done now. */
  readonly isFirst?: boolean;
}

const SQLITE_BUSY = 5;

interface Waiting {
  readonly write: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export type StoreOptions = Partial<StoreSharing & KeyStoreOptions>;

/** In the place of a path: nothing is written anywhere, and all is gone with the process. */
export const IN_MEMORY = ':memory:';

export class Store {
  readonly objects: ObjectTable;
  readonly registry: RegistryTable;
  readonly audit: AuditTable;
  readonly #db: DatabaseSync;
  #queue: Waiting[] = [];
  #drainScheduled = false;
  #closed = false;
  #keys: KeyStore;
  readonly #isShared: boolean;
  /** Since when another process's transaction has been in the way (monotonic). */
  #busySinceMs: number | undefined;

  private constructor(db: DatabaseSync, kind: 'sqlite' | 'memory', options: StoreOptions) {
    const { isShared = false, isFirst = !isShared, keysPerTenant = MAX_KEYS_PER_TENANT } = options;
    this.#db = db;
    this.#isShared = isShared;
    this.objects = new ObjectTable(db, isFirst);
    this.registry = new RegistryTable(db);
    this.audit = new AuditTable(db);
    this.#keys = new LocalKeys(kind, this, { keysPerTenant });
  }

  /**
   * Opens or creates the file (0600), for this process alone, or for all processes of one gateway; `IN_MEMORY` makes none.
   * Errors: STORE_UNUSABLE (in use by another process, damaged, of a later version), STORE_OTHER_REGION.
   */
  static open(path: string, region: string, options: StoreOptions = {}): Store {
    let db: DatabaseSync | undefined;
    try {
      if (path !== IN_MEMORY) {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        closeSync(openSync(path, 'a', 0o600));
      }
      db = new DatabaseSync(path, { timeout: STORE_BUSY_WAIT_MS });
      // Exclusive: two gateways on one file would each take the other's announcements for their own. The processes of one
      // gateway have a primary that sees to it.
      if (options.isShared !== true) db.exec('PRAGMA locking_mode = EXCLUSIVE;');
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
      migrate(db);
      const store = new Store(db, path === IN_MEMORY ? 'memory' : 'sqlite', options);
      store.#claimFor(region);
      return store;
    } catch (error) {
      db?.close();
      if (error instanceof OkcmError) throw error;
      throw new OkcmError('STORE_UNUSABLE', `the key store ${path} cannot be used: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }

  /** Where the keys lie: in this file, unless `keepKeysIn` has said otherwise. */
  get keys(): KeyStore {
    return this.#keys;
  }

  /** Before anything has asked for `keys`. */
  keepKeysIn(keys: KeyStore): void {
    this.#keys = keys;
  }

  /** Number of the last push whose effects are durable, in order, here and where the keys lie. */
  get appliedHead(): number {
    return Math.min(
      Number(this.registry.meta('applied_head') ?? 0),
      this.#keys.head ?? Number.MAX_SAFE_INTEGER,
    );
  }

  setAppliedHead(head: number): void {
    this.registry.setMeta('applied_head', String(head));
    this.#keys.noteHead(head);
  }

  /** Runs `work` in one transaction that is durable when this returns. Must not be nested. */
  transaction<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    return this.#inTransaction(work);
  }

  #inTransaction<T>(work: () => T): T {
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** Audit events of other processes count from now on; keys do always. */
  refresh(): void {
    if (this.#isShared) this.audit.recount();
  }

  /**
   * Resolves once `write` is durable; several share one transaction. What `write` throws rejects this promise alone,
   * and nothing that it did remains.
   *
   * @throws KmipError General Failure when too many writes wait.
   */
  commit(write: () => void): Promise<void> {
    if (this.#closed) return Promise.reject(KmipError.generalFailure('the gateway is stopping; try again'));
    if (this.#queue.length >= MAX_COMMIT_QUEUE) {
      return Promise.reject(
        KmipError.generalFailure('the gateway has too many keys to store at once; try again'),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ write, resolve, reject });
      if (this.#drainScheduled) return;
      this.#drainScheduled = true;
      // After the I/O of this turn: every request that came with it joins the group.
      setImmediate(() => this.#drainSoon());
    });
  }

  /** At once, or when the transaction of another process is over: nobody sleeps for it in here. */
  #drainSoon(): void {
    if (this.#queue.length === 0) {
      this.#drainScheduled = false;
      return;
    }
    if (!this.#isShared || this.#closed || this.#begin()) {
      this.#busySinceMs = undefined;
      this.#drain();
      return;
    }
    this.#busySinceMs ??= performance.now();
    if (performance.now() - this.#busySinceMs > STORE_BUSY_WAIT_MS) {
      this.#busySinceMs = undefined;
      this.#drainScheduled = false;
      const error = KmipError.generalFailure('the key store is busy; try again');
      for (const { reject } of this.#queue.splice(0)) reject(error);
      return;
    }
    setTimeout(() => this.#drainSoon(), STORE_BUSY_RETRY_MS);
  }

  /** False where another process's transaction is in the way. Any other trouble is told to whoever writes. */
  #begin(): boolean {
    try {
      this.#db.exec('PRAGMA busy_timeout = 0');
      this.#db.exec('BEGIN IMMEDIATE');
      return true;
    } catch (error) {
      return !isBusy(error);
    } finally {
      this.#db.exec(`PRAGMA busy_timeout = ${STORE_BUSY_WAIT_MS}`);
    }
  }

  #drain(): void {
    this.#drainScheduled = false;
    const group = this.#queue.slice(0, MAX_COMMIT_GROUP);
    this.#queue = this.#queue.slice(MAX_COMMIT_GROUP);
    if (this.#queue.length > 0) {
      this.#drainScheduled = true;
      setImmediate(() => this.#drainSoon());
    }
    const failures = new Map<Waiting, unknown>();
    try {
      if (!this.#db.isTransaction) this.#db.exec('BEGIN IMMEDIATE');
      this.#inTransaction(() => {
        for (const entry of group) this.#runOne(entry, failures);
      });
    } catch (error) {
      const failure = new KmipError(
        KmipError.generalFailure('').resultReason,
        'the key store cannot be written',
        { cause: error },
      );
      for (const { reject } of group) reject(failure);
      return;
    }
    for (const entry of group) {
      if (failures.has(entry)) entry.reject(failures.get(entry));
      else entry.resolve();
    }
  }

  #runOne(entry: Waiting, failures: Map<Waiting, unknown>): void {
    this.#db.exec('SAVEPOINT entry');
    try {
      entry.write();
    } catch (error) {
      this.#db.exec('ROLLBACK TO entry');
      failures.set(entry, error);
    }
    this.#db.exec('RELEASE entry');
  }

  /** Writes what waits and closes the file. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    while (this.#queue.length > 0) this.#drain();
    this.#db.close();
  }

  #claimFor(region: string): void {
    const owner = this.registry.meta('region');
    if (owner === undefined) this.registry.setMeta('region', region);
    else if (owner !== region) {
      throw new OkcmError(
        'STORE_OTHER_REGION',
        `this key store belongs to region ${owner}, the gateway to ${region}`,
        {
          hint: 'give the gateway a store path of its own',
        },
      );
    }
  }
}

/** The low byte is the error, the others say which of its kind. */
function isBusy(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return false;
  return (error.errcode & 0xff) === SQLITE_BUSY;
}
