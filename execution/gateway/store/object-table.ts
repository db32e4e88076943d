/**
 * Keys that this gateway holds, with their keys wrapped: rows of `objects`, the names they claim, the tombstones of
 * those destroyed, and the random IVs that were spent under them. Callers give the transaction.
 *
 * UIDs are unique over all tenants (D17), and yet no statement reads or changes a key without the tenant whose it is.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parseTenantId, type TenantId } from '../../../contracts/index.ts';
import {
  decodeObject,
  encodeObject,
  isFresh,
  type ManagedObject,
  namesOf,
  ObjectCodecError,
  served,
} from '../../objects/index.ts';
import type { HeldRow, WaitingKeys } from './key-store.ts';

/** What the statements below select; the tables are STRICT, so the types are the columns'. */
type ObjectRow = { readonly body: Uint8Array; readonly announced: number; readonly revision: number };

export class ObjectTable {
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #get: StatementSync;
  readonly #delete: StatementSync;
  readonly #waiting: StatementSync;
  readonly #waitingOf: StatementSync;
  readonly #isWaiting: StatementSync;
  readonly #announced: StatementSync;
  readonly #refused: StatementSync;
  readonly #counts: StatementSync;
  readonly #owner: StatementSync;
  readonly #nameHolder: StatementSync;
  readonly #claimName: StatementSync;
  readonly #dropNames: StatementSync;
  readonly #bury: StatementSync;
  readonly #buried: StatementSync;
  readonly #ivs: StatementSync;
  readonly #addIvs: StatementSync;

  constructor(db: DatabaseSync, isFirst: boolean) {
    this.#insert = db.prepare(
      'INSERT INTO objects (uid, tenant, service, revision, announced, body) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#update = db.prepare(
      'UPDATE objects SET revision = ?, announced = ?, service = ?, body = ? WHERE uid = ? AND tenant = ?',
    );
    this.#get = db.prepare('SELECT body, announced, revision FROM objects WHERE uid = ? AND tenant = ?');
    this.#owner = db.prepare('SELECT tenant FROM objects WHERE uid = ?');
    this.#delete = db.prepare('DELETE FROM objects WHERE uid = ? AND tenant = ?');
    this.#waiting = db.prepare(
      'SELECT uid, tenant, body FROM objects WHERE announced = 0 ORDER BY seq LIMIT ?',
    );
    this.#waitingOf = db.prepare(
      'SELECT uid, tenant, body FROM objects WHERE announced = 0 AND tenant = ? ORDER BY seq LIMIT ?',
    );
    this.#isWaiting = db.prepare('SELECT 1 FROM objects WHERE uid = ? AND tenant = ? AND announced = 0');
    this.#announced = db.prepare(
      'UPDATE objects SET announced = 1 WHERE uid = ? AND tenant = ? AND announced = 0',
    );
    this.#refused = db.prepare(
      'UPDATE objects SET announced = 2 WHERE uid = ? AND tenant = ? AND announced = 0',
    );
    this.#counts = db.prepare('SELECT held, waiting FROM key_counts WHERE tenant = ?');
    this.#nameHolder = db.prepare('SELECT uid FROM names WHERE tenant = ? AND name = ?');
    this.#claimName = db.prepare('INSERT OR REPLACE INTO names (tenant, name, uid) VALUES (?, ?, ?)');
    this.#dropNames = db.prepare('DELETE FROM names WHERE uid = ? AND tenant = ?');
    this.#bury = db.prepare('INSERT OR IGNORE INTO tombstones (uid, tenant) VALUES (?, ?)');
    this.#buried = db.prepare('SELECT 1 FROM tombstones WHERE uid = ? AND tenant = ?');
    this.#ivs = db.prepare('SELECT used FROM random_ivs WHERE uid = ?');
    this.#addIvs = db.prepare(
      `INSERT INTO random_ivs (uid, used) VALUES (?, ?)
       ON CONFLICT (uid) DO UPDATE SET used = used + excluded.used RETURNING used`,
    );
    // Each start of a gateway offers once more what the core has refused: its reason may be gone.
    if (isFirst) db.exec('UPDATE objects SET announced = 0 WHERE announced = 2');
  }

  /** Keys that wait for their announcement. */
  get backlog(): number {
    return this.#countsOf('').waiting;
  }

  get held(): number {
    return this.#countsOf('').held;
  }

  backlogOf(tenant: TenantId): number {
    return this.#countsOf(tenant).waiting;
  }

  heldBy(tenant: TenantId): number {
    return this.#countsOf(tenant).held;
  }

  get(tenant: TenantId, uid: string): HeldRow | undefined {
    const row = this.#row(tenant, uid);
    return row === undefined ? undefined : { object: decodeObject(row.body), announced: row.announced === 1 };
  }

  isWaiting(tenant: TenantId, uid: string): boolean {
    return this.#isWaiting.get(uid, tenant) !== undefined;
  }

  /** Whether the UID is that of another tenant's key. Nothing more of it can be learned. */
  isAnothers(tenant: TenantId, uid: string): boolean {
    const row = this.#owner.get(uid) as { tenant: string } | undefined;
    return row !== undefined && row.tenant !== tenant;
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
  }

  /**
   * What the core says an object is now. Old news (a lower or equal revision) and destroyed objects change nothing.
   * Returns whether something changed.
   */
  apply(object: ManagedObject): boolean {
    const { uid, tenant } = object;
    if (this.#buried.get(uid, tenant) !== undefined) return false;
    const row = this.#row(tenant, uid);
    if (row !== undefined && row.revision >= object.revision) {
      if (row.announced === 0) this.markAnnounced(tenant, uid, object); // what the core tells us of, it knows
      return false;
    }
    // A UID that the core has given away before it heard of the key made here (§4.41 Import). No push may fail for it: it
    // would come again for ever, and keep all that come after it.
    if (row === undefined && this.isAnothers(tenant, uid)) return false;
    // That a key has been served here, the core may not know yet.
    const isNews = isFresh(object) && isServed(row);
    const body = encodeObject(isNews ? served(object) : object);
    const announced = isNews ? 0 : 1;
    if (row === undefined) this.#insert.run(uid, tenant, object.service, object.revision, announced, body);
    else this.#update.run(object.revision, announced, object.service, body, uid, tenant);
    this.#dropNames.run(uid, tenant);
    for (const name of namesOf(object)) this.#claimName.run(tenant, name, uid);
    return true;
  }

  /** The key is given out for the first time (KMIP 1.4 §3.34), which the core is to hear of: it is announced anew. */
  markServed(tenant: TenantId, uid: string): void {
    const row = this.#row(tenant, uid);
    if (row === undefined) return;
    const object = decodeObject(row.body);
    if (!isFresh(object)) return;
    const announced = row.announced === 1 ? 0 : row.announced;
    this.#update.run(row.revision, announced, object.service, encodeObject(served(object)), uid, tenant);
  }

  /** Forgets the object and its wrapped key for ever; a later put of the same UID is refused. */
  destroy(tenant: TenantId, uid: string): void {
    this.#delete.run(uid, tenant);
    this.#dropNames.run(uid, tenant);
    this.#bury.run(uid, tenant);
  }

  /** Keys to announce, oldest first. */
  waiting(limit: number, tenant?: TenantId): WaitingKeys {
    const rows = tenant === undefined ? this.#waiting.all(limit) : this.#waitingOf.all(tenant, limit);
    const objects: ManagedObject[] = [];
    const damaged: { tenant: TenantId; uid: string }[] = [];
    for (const row of rows as { uid: string; tenant: string; body: Uint8Array }[]) {
      try {
        objects.push(decodeObject(row.body));
      } catch (error) {
        if (!(error instanceof ObjectCodecError)) throw error;
        damaged.push({ tenant: parseTenantId(row.tenant), uid: row.uid });
      }
    }
    return { objects, damaged };
  }

  /** `known`: the object as the core knows it now. What has been noted here since goes on waiting. */
  markAnnounced(tenant: TenantId, uid: string, known: ManagedObject): void {
    if (isFresh(known) && isServed(this.#row(tenant, uid))) return;
    this.#announced.run(uid, tenant);
  }

  /** The core will not have it, or it cannot be sent: kept, and served here, but not offered again by this process. */
  markRefused(tenant: TenantId, uid: string): void {
    this.#refused.run(uid, tenant);
  }

  randomIvsUsed(uid: string): number {
    return (this.#ivs.get(uid) as { used: number } | undefined)?.used ?? 0;
  }

  /** Returns how many it is now. */
  addRandomIvs(uid: string, more: number): number {
    return (this.#addIvs.get(uid, more) as { used: number }).used;
  }

  #row(tenant: TenantId, uid: string): ObjectRow | undefined {
    return this.#get.get(uid, tenant) as ObjectRow | undefined;
  }

  #countsOf(tenant: string): { readonly held: number; readonly waiting: number } {
    const row = this.#counts.get(tenant) as { held: number; waiting: number } | undefined;
    return row ?? { held: 0, waiting: 0 };
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
