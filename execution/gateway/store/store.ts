/**
 * The gateway's durable memory: one SQLite file in WAL mode, so that what was acknowledged is there after a kill or a power
 * cut. Writes of requests are grouped: everything that waits goes into one transaction and shares one flush to disk. That
 * flush would hold up every request for milliseconds, so that it is not SQLite's own (`wal-sync.ts`). Keys lie in it too,
 * unless another store takes them (`keys`).
 */
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { errorMessage, OkcmError } from '../../../platform/errors.ts';
import type { FileLock } from '../../../platform/file-lock.ts';
import { KmipError } from '../../kmip/index.ts';
import {
  CHECKPOINT_ROWS,
  CHECKPOINT_ROWS_AT_MOST,
  MAX_COMMIT_GROUP,
  MAX_COMMIT_QUEUE,
  MAX_KEPT_LOG_BYTES,
  MAX_KEYS_PER_TENANT,
  STORE_BUSY_RETRY_MS,
  STORE_BUSY_WAIT_MS,
} from '../limits.ts';
import { AuditTable } from './audit-table.ts';
import { bringIn, Checkpoints, keepLog } from './checkpoints.ts';
import type { KeyStore, KeyStoreOptions } from './key-store.ts';
import { LocalKeys } from './local-keys.ts';
import { ObjectTable } from './object-table.ts';
import { nobodyElseHas, ownStore } from './owner.ts';
import { RegistryTable } from './registry-table.ts';
import { migrate } from './schema.ts';
import { cannotWrite, isBusy, isFlushLost } from './sqlite-errors.ts';
import { WalSync } from './wal-sync.ts';

export interface StoreSharing {
  /** Other processes of this gateway have the file open too; it exists, and is of this version. */
  readonly isShared: boolean;
  /** The gateway starts: what is done once for all of them is done now. */
  readonly isFirst?: boolean;
}

interface Waiting {
  readonly write: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface StoreEvents {
  /**
   * A flush of the database file or of its log has failed; told once. The system says so once, and a later flush tells nothing of
   * what that lost. Of the file it lies in the log alone, and SQLite takes it for written as long as any process has the file
   * open: whoever has must end at once, without closing it. The next start reads the log up to its first gap, and writes all of it.
   */
  readonly ruined: (error: unknown) => void;
  /** The log could not be brought into the database, for lack of room perhaps; told once until it can be. */
  readonly logGrows: (error: unknown) => void;
  /** The thread that spares commits the work on the log has died (`checkpoints.ts`): they do it from then on. */
  readonly checkpointsOver: (reason: unknown) => void;
}

export interface StoreOptions extends Partial<StoreSharing & KeyStoreOptions> {
  readonly events?: StoreEvents;
}

const UNHEARD: StoreEvents = { ruined: () => {}, logGrows: () => {}, checkpointsOver: () => {} };

/** In the place of a path: nothing is written anywhere, and all is gone with the process. */
export const IN_MEMORY = ':memory:';

export class Store {
  readonly objects: ObjectTable;
  readonly registry: RegistryTable;
  readonly audit: AuditTable;
  readonly #db: DatabaseSync;
  /** Absent where nothing is written anywhere. */
  readonly #wal: WalSync | undefined;
  readonly #checkpoints: Checkpoints | undefined;
  readonly #totalRows: StatementSync;
  readonly #events: StoreEvents;
  /** Written by this connection up to when the last checkpoint was begun. */
  #checkpointedRows = 0;
  /** The last checkpoint could not be done. */
  #logGrows = false;
  /** `StoreEvents.ruined`: nothing is written any more, and nothing of the log is touched. */
  #isRuined = false;
  /** Of the file: held by the primary where processes share it. */
  readonly #owned: FileLock | undefined;
  /** What is written and not yet on disk: its flush is under way, and the next group waits for that. */
  #unsynced: ((error?: unknown) => void) | undefined;
  readonly #savepoint: StatementSync;
  readonly #rollbackTo: StatementSync;
  readonly #release: StatementSync;
  #queue: Waiting[] = [];
  #drainScheduled = false;
  #closed = false;
  #keys: KeyStore;
  readonly #isShared: boolean;
  /** Since when another process's transaction has been in the way (monotonic). */
  #busySinceMs: number | undefined;

  private constructor(
    db: DatabaseSync,
    path: string | undefined,
    owned: FileLock | undefined,
    options: StoreOptions,
  ) {
    const { isShared = false, isFirst = !isShared, keysPerTenant = MAX_KEYS_PER_TENANT } = options;
    this.#db = db;
    this.#wal = path === undefined ? undefined : new WalSync(path);
    this.#events = options.events ?? UNHEARD;
    if (path !== undefined)
      this.#checkpoints = new Checkpoints(path, {
        onWhole: () => this.#logShrinks(),
        onFailure: (error) => this.#logStays(error),
        onOver: (reason) => this.#events.checkpointsOver(reason),
      });
    this.#owned = owned;
    this.#isShared = isShared;
    this.objects = new ObjectTable(db, isFirst);
    this.registry = new RegistryTable(db);
    this.audit = new AuditTable(db);
    this.#keys = new LocalKeys(path === undefined ? 'memory' : 'sqlite', this, { keysPerTenant });
    // Prepared once: each write of a group has its own.
    this.#savepoint = db.prepare('SAVEPOINT entry');
    this.#rollbackTo = db.prepare('ROLLBACK TO entry');
    this.#release = db.prepare('RELEASE entry');
    this.#totalRows = db.prepare('SELECT total_changes() AS n');
  }

  /**
   * Opens or creates the file (0600), for this process alone, or for all processes of one gateway; `IN_MEMORY` makes none.
   * Errors: STORE_UNUSABLE (in use by another process, damaged, of a later version), STORE_OTHER_REGION.
   */
  static open(path: string, region: string, options: StoreOptions = {}): Store {
    let db: DatabaseSync | undefined;
    let owned: FileLock | undefined;
    const file = path === IN_MEMORY ? undefined : path;
    try {
      if (file !== undefined) {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        if (options.isShared !== true) owned = ownStore(file);
        // Not where it exists: to close it gives up the locks that this process has on it.
        if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
      }
      if (owned !== undefined) nobodyElseHas(path);
      db = new DatabaseSync(path, { timeout: STORE_BUSY_WAIT_MS });
      // Checkpoints of SQLite's own are done within commits, and how they went is not told.
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0');
      db.exec(`PRAGMA journal_size_limit = ${MAX_KEPT_LOG_BYTES}`);
      if (options.isFirst ?? options.isShared !== true) bringInWhatIsLeft(db);
      migrate(db);
      const store = new Store(db, file, owned, options);
      store.#claimFor(region);
      // From now on, whichever process flushes it: who opens a file later is not told of a flush that failed before.
      store.#wal?.open();
      if (options.isShared === true) store.#checkpoints?.start();
      return store;
    } catch (error) {
      db?.close();
      owned?.release();
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
    if (this.#isRuined) throw ruinedError();
    this.#db.exec('BEGIN IMMEDIATE');
    const result = this.#inTransaction(work);
    this.#syncNow();
    this.#written();
    return result;
  }

  #syncNow(): void {
    try {
      this.#wal?.syncNow();
    } catch (error) {
      this.#ruin(error);
      throw error;
    }
  }

  #ruin(error: unknown): void {
    if (this.#isRuined) return;
    this.#isRuined = true;
    // Told first: to read may take long on a disk that is failing.
    this.#events.ruined(error);
    keepLog(this.#db);
  }

  #logShrinks(): void {
    this.#logGrows = false;
  }

  #logStays(error: unknown): void {
    if (isFlushLost(error)) this.#ruin(error);
    if (this.#logGrows || this.#isRuined) return;
    this.#logGrows = true;
    this.#events.logGrows(error);
  }

  /** Without sleeping where another process is in the way. */
  #unwaiting<T>(work: () => T): T {
    this.#db.exec('PRAGMA busy_timeout = 0');
    try {
      return work();
    } finally {
      this.#db.exec(`PRAGMA busy_timeout = ${STORE_BUSY_WAIT_MS}`);
    }
  }

  /** Not yet on disk when this returns. */
  #inTransaction<T>(work: () => T): T {
    const auditEvents = this.audit.size;
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      this.audit.takeBack(auditEvents);
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
      if (this.#drainScheduled || this.#unsynced !== undefined) return;
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
    if (this.#wal === undefined || this.#closed || this.#isRuined || this.#begin()) {
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
      this.#unwaiting(() => this.#db.exec('BEGIN IMMEDIATE'));
      return true;
    } catch (error) {
      return !isBusy(error);
    }
  }

  #drain(): void {
    this.#drainScheduled = false;
    const group = this.#queue.slice(0, MAX_COMMIT_GROUP);
    this.#queue = this.#queue.slice(MAX_COMMIT_GROUP);
    const failures = new Map<Waiting, unknown>();
    try {
      if (this.#isRuined) throw ruinedError();
      if (!this.#db.isTransaction) this.#db.exec('BEGIN IMMEDIATE');
      this.#inTransaction(() => {
        for (const entry of group) this.#runOne(entry, failures);
      });
    } catch (error) {
      this.#refuse(group, error);
      this.#drainRest();
      return;
    }
    const settle = (error?: unknown): void => {
      if (this.#unsynced !== settle) return; // by `close`
      this.#unsynced = undefined;
      if (error !== undefined) this.#ruin(error);
      // Of two flushes that fail at once the system tells one.
      if (this.#isRuined) this.#refuse(group, error);
      else {
        for (const entry of group) {
          if (failures.has(entry)) entry.reject(failures.get(entry));
          else entry.resolve();
        }
      }
      this.#drainRest();
    };
    this.#unsynced = settle;
    if (this.#wal === undefined) settle();
    else this.#wal.sync(settle);
    this.#written();
  }

  #written(): void {
    if (this.#checkpoints === undefined || this.#closed || this.#isRuined) return;
    const { n } = this.#totalRows.get() as { n: number };
    const rows = n - this.#checkpointedRows;
    if (rows < CHECKPOINT_ROWS) return;
    if (this.#checkpoints.begin()) this.#checkpointedRows = n;
    else if (rows >= CHECKPOINT_ROWS_AT_MOST) {
      this.#checkpointedRows = n;
      this.#bringIn();
    }
  }

  /** The thread does not keep up, or there is none. */
  #bringIn(): void {
    try {
      if (this.#unwaiting(() => bringIn(this.#db))) this.#logShrinks();
    } catch (error) {
      this.#logStays(error);
    }
  }

  /** What has come in the meantime is the next group. */
  #drainRest(): void {
    if (this.#queue.length === 0 || this.#closed) return;
    this.#drainScheduled = true;
    setImmediate(() => this.#drainSoon());
  }

  #refuse(group: readonly Waiting[], cause: unknown): void {
    const { resultReason } = KmipError.generalFailure('');
    const failure = new KmipError(resultReason, 'the key store cannot be written', { cause });
    for (const { reject } of group) reject(failure);
  }

  #runOne(entry: Waiting, failures: Map<Waiting, unknown>): void {
    const auditEvents = this.audit.size;
    this.#savepoint.run();
    try {
      entry.write();
    } catch (error) {
      this.#rollbackTo.run();
      this.audit.takeBack(auditEvents);
      failures.set(entry, error);
    }
    this.#release.run();
  }

  /** Writes what waits and closes the file. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#settleNow();
    while (this.#queue.length > 0) {
      this.#drain();
      this.#settleNow();
    }
    // To close it would bring the log into it, and remove it.
    if (this.#isRuined) return;
    const thread = this.#checkpoints?.close() ?? 'closed';
    if (thread === 'lost') {
      this.#ruin(new Error('a flush of the key store has failed while it was closed'));
      return;
    }
    // The thread's own close is not the last one then.
    if (thread === 'closed') this.#db.close();
    this.#wal?.close();
    this.#owned?.release();
  }

  /** Without waiting for the flush that is under way. */
  #settleNow(): void {
    try {
      if (this.#unsynced !== undefined) this.#syncNow();
      this.#unsynced?.();
    } catch (error) {
      this.#unsynced?.(error);
    }
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

const ruinedError = (): Error => new Error('a flush of the key store has failed: it takes nothing any more');

/** Before anything is written behind it: how a predecessor's last flush went, nobody can tell any more. */
function bringInWhatIsLeft(db: DatabaseSync): void {
  try {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch (error) {
    // It stays in the log, from which all is read as well.
    if (!cannotWrite(error)) throw error;
  }
}
