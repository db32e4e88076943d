/**
 * Keys that this gateway holds, with their keys wrapped: rows of `objects`, the names they claim, the tombstones of
 * those destroyed, and the random IVs that were spent under them. Callers give the transaction.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { TenantId } from '../../../contracts/index.ts';
import {
  decodeObject,
  encodeObject,
  isFresh,
  type ManagedObject,
  namesOf,
  ObjectCodecError,
  served,
} from '../../objects/index.ts';

/** What the statements below select; the tables are STRICT, so the types are the columns'. */
type ObjectRow = { readonly body: Uint8Array; readonly announced: number; readonly revision: number };

export interface HeldRow {
  readonly object: ManagedObject;
  /** Whether the core knows the object. */
  readonly announced: boolean;
}

/** Keys that wait for their announcement. */
export interface WaitingKeys {
  readonly objects: readonly ManagedObject[];
  /** Records that cannot be read: no announcement can carry them. */
  readonly damaged: readonly { readonly tenant: string; readonly uid: string }[];
}

export class ObjectTable {
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #get: StatementSync;
  readonly #delete: StatementSync;
  readonly #waiting: StatementSync;
  readonly #waitingOf: StatementSync;
  readonly #announced: StatementSync;
  readonly #refused: StatementSync;
  readonly #countWaiting: StatementSync;
  readonly #nameHolder: StatementSync;
  readonly #claimName: StatementSync;
  readonly #dropNames: StatementSync;
  readonly #bury: StatementSync;
  readonly #buried: StatementSync;
  readonly #ivs: StatementSync;
  readonly #addIvs: StatementSync;
  /** Keys that wait for their announcement, by tenant: what a flush and the backlog limit look at on every request. */
  readonly #backlog = new Map<string, number>();
  #backlogTotal = 0;

  constructor(db: DatabaseSync, isFirst: boolean) {
    this.#insert = db.prepare(
      'INSERT INTO objects (uid, tenant, service, revision, announced, body) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#update = db.prepare(
      'UPDATE objects SET revision = ?, announced = ?, service = ?, body = ? WHERE uid = ?',
    );
    this.#get = db.prepare('SELECT body, announced, revision FROM objects WHERE uid = ?');
    this.#delete = db.prepare('DELETE FROM objects WHERE uid = ?');
    this.#waiting = db.prepare(
      'SELECT uid, tenant, body FROM objects WHERE announced = 0 ORDER BY seq LIMIT ?',
    );
    this.#waitingOf = db.prepare(
      'SELECT uid, tenant, body FROM objects WHERE announced = 0 AND tenant = ? ORDER BY seq LIMIT ?',
    );
    this.#announced = db.prepare('UPDATE objects SET announced = 1 WHERE uid = ? AND announced = 0');
    this.#refused = db.prepare('UPDATE objects SET announced = 2 WHERE uid = ? AND announced = 0');
    this.#countWaiting = db.prepare(
      'SELECT tenant, count(*) AS n FROM objects WHERE announced = 0 GROUP BY tenant',
    );
    this.#nameHolder = db.prepare('SELECT uid FROM names WHERE tenant = ? AND name = ?');
    this.#claimName = db.prepare('INSERT OR REPLACE INTO names (tenant, name, uid) VALUES (?, ?, ?)');
    this.#dropNames = db.prepare('DELETE FROM names WHERE uid = ?');
    this.#bury = db.prepare('INSERT OR IGNORE INTO tombstones (uid, tenant) VALUES (?, ?)');
    this.#buried = db.prepare('SELECT 1 FROM tombstones WHERE uid = ?');
    this.#ivs = db.prepare('SELECT used FROM random_ivs WHERE uid = ?');
    this.#addIvs = db.prepare(
      'INSERT INTO random_ivs (uid, used) VALUES (?, ?) ON CONFLICT (uid) DO UPDATE SET used = used + excluded.used',
    );
    // Each start of a gateway offers once more what the core has refused: its reason may be gone.
    if (isFirst) db.exec('UPDATE objects SET announced = 0 WHERE announced = 2');
    this.recount();
  }

  get backlog(): number {
    return this.#backlogTotal;
  }

  backlogOf(tenant: TenantId): number {
    return this.#backlog.get(tenant) ?? 0;
  }

  /** After a rollback the numbers in memory may be ahead of the table. */
  recount(): void {
    this.#backlog.clear();
    this.#backlogTotal = 0;
    for (const row of this.#countWaiting.all() as { tenant: string; n: number }[])
      this.#count(row.tenant, row.n);
  }

  get(uid: string): HeldRow | undefined {
    const row = this.#row(uid);
    return row === undefined ? undefined : { object: decodeObject(row.body), announced: row.announced === 1 };
  }

  /** The UID of the object that claims `name` here, if any. The core may know of others (D6). */
  nameHolder(tenant: TenantId, name: string): string | undefined {
    const row = this.#nameHolder.get(tenant, name) as { uid: string } | undefined;
    return row?.uid;
  }

  /** A key made here, which the core does not know yet. */
  insertNew(object: ManagedObject): void {
    this.#insert.run(object.uid, object.tenant, object.service, object.revision, 0, encodeObject(object));
    for (const name of namesOf(object)) this.#claimName.run(object.tenant, name, object.uid);
    this.#count(object.tenant, 1);
  }

  /**
   * What the core says an object is now. Old news (a lower or equal revision) and destroyed objects change nothing.
   * Returns whether something changed.
   */
  apply(object: ManagedObject): boolean {
    if (this.#buried.get(object.uid) !== undefined) return false;
    const row = this.#row(object.uid);
    const waited = row?.announced === 0;
    if (row !== undefined && row.revision >= object.revision) {
      if (waited) this.markAnnounced(object.tenant, object.uid, object); // what the core tells us of, it knows
      return false;
    }
    // That a key has been served here, the core may not know yet.
    const isNews = isFresh(object) && isServed(row);
    const body = encodeObject(isNews ? served(object) : object);
    const announced = isNews ? 0 : 1;
    if (row === undefined)
      this.#insert.run(object.uid, object.tenant, object.service, object.revision, announced, body);
    else this.#update.run(object.revision, announced, object.service, body, object.uid);
    this.#dropNames.run(object.uid);
    for (const name of namesOf(object)) this.#claimName.run(object.tenant, name, object.uid);
    this.#count(object.tenant, (isNews ? 1 : 0) - (waited ? 1 : 0));
    return true;
  }

  /** The key is given out for the first time (KMIP 1.4 §3.34), which the core is to hear of: it is announced anew. */
  markServed(uid: string): void {
    const row = this.#row(uid);
    if (row === undefined) return;
    const object = decodeObject(row.body);
    if (!isFresh(object)) return;
    const announced = row.announced === 1 ? 0 : row.announced;
    this.#update.run(row.revision, announced, object.service, encodeObject(served(object)), uid);
    if (row.announced === 1) this.#count(object.tenant, 1);
  }

  /** Forgets the object and its wrapped key for ever; a later put of the same UID is refused. */
  destroy(tenant: TenantId, uid: string): void {
    const row = this.#row(uid);
    this.#delete.run(uid);
    this.#dropNames.run(uid);
    this.#bury.run(uid, tenant);
    if (row?.announced === 0) this.#count(tenant, -1);
  }

  /** Keys to announce, oldest first. */
  waiting(limit: number, tenant?: TenantId): WaitingKeys {
    const rows = tenant === undefined ? this.#waiting.all(limit) : this.#waitingOf.all(tenant, limit);
    const objects: ManagedObject[] = [];
    const damaged: { tenant: string; uid: string }[] = [];
    for (const row of rows as { uid: string; tenant: string; body: Uint8Array }[]) {
      try {
        objects.push(decodeObject(row.body));
      } catch (error) {
        if (!(error instanceof ObjectCodecError)) throw error;
        damaged.push({ tenant: row.tenant, uid: row.uid });
      }
    }
    return { objects, damaged };
  }

  /** `known`: the object as the core knows it now. What has been noted here since goes on waiting. */
  markAnnounced(tenant: TenantId, uid: string, known: ManagedObject): void {
    if (isFresh(known) && isServed(this.#row(uid))) return;
    if (Number(this.#announced.run(uid).changes) > 0) this.#count(tenant, -1);
  }

  /** The core will not have it, or it cannot be sent: kept, and served here, but not offered again by this process. */
  markRefused(tenant: string, uid: string): void {
    if (Number(this.#refused.run(uid).changes) > 0) this.#count(tenant, -1);
  }

  randomIvsUsed(uid: string): number {
    return (this.#ivs.get(uid) as { used: number } | undefined)?.used ?? 0;
  }

  /** Returns how many it is in all, with those that other processes have spent. */
  addRandomIvs(uid: string, spent: number): number {
    this.#addIvs.run(uid, spent);
    return this.randomIvsUsed(uid);
  }

  #row(uid: string): ObjectRow | undefined {
    return this.#get.get(uid) as ObjectRow | undefined;
  }

  #count(tenant: string, by: number): void {
    this.#backlogTotal += by;
    const left = (this.#backlog.get(tenant) ?? 0) + by;
    if (left > 0) this.#backlog.set(tenant, left);
    else this.#backlog.delete(tenant);
  }
}

/** A record that cannot be read tells nothing. */
function isServed(row: ObjectRow | undefined): boolean {
  if (row === undefined) return false;
  try {
    return !isFresh(decodeObject(row.body));
  } catch (error) {
    if (error instanceof ObjectCodecError) return false;
    throw error;
  }
}
