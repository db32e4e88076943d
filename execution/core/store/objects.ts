/**
 * Managed objects in the regional database, with the columns that Locate filters by, and the names that they claim.
 * Everything is asked for with the tenant and the services of whoever asks: what belongs to others is not there.
 */
import { type RawBuilder, type Selectable, sql } from 'kysely';
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import { parseHeader } from '../../envelope/index.ts';
import { KmipError, ResultReason } from '../../kmip/index.ts';
import {
  decodeObject,
  encodeObject,
  isDestroyed,
  isFresh,
  type ManagedObject,
  namesOf,
  served,
  wrappedDigest,
} from '../../objects/index.ts';
import type { CoreTables, RegionDb, RegionTx } from './tables.ts';
import { termsOf } from './terms.ts';

/** Whose objects may be seen. */
export interface Scope {
  readonly tenant: TenantId;
  readonly services: readonly ServiceName[];
}

function columnsOf(object: ManagedObject) {
  const { dates } = object;
  return {
    object_type: object.objectType,
    state: object.state,
    cryptographic_algorithm: object.cryptographicAlgorithm ?? null,
    cryptographic_length: object.cryptographicLength ?? null,
    usage_mask: object.usageMask,
    initial_date: dates.initial,
    activation_date: dates.activation ?? null,
    deactivation_date: dates.deactivation ?? null,
    archive_date: dates.archive ?? null,
    fresh: isFresh(object),
    terms: termsColumn(object),
    revision: object.revision,
    l3_version: object.wrapped === null ? null : parseHeader(object.wrapped).parentVersion,
    body: Buffer.from(encodeObject(object)),
  };
}

export function termsColumn(object: Pick<ManagedObject, 'attributes'>): RawBuilder<string[] | null> {
  return sql<string[] | null>`${termsOf(object)}::bigint[]`;
}

/** The envelope's digest stays what it was when the object arrived: an announcement may be repeated after its end. */
function digestColumn(object: ManagedObject): string {
  return object.wrapped === null ? '' : wrappedDigest(object.wrapped);
}

export type FoundObject =
  | { readonly outcome: 'found'; readonly object: ManagedObject; readonly wrappedDigest: string }
  | { readonly outcome: 'absent' }
  /** It exists, but not for this scope: a client is told `Item Not Found`, the log and the trail the truth. */
  | { readonly outcome: 'foreign'; readonly reason: 'OTHER_TENANT' | 'OTHER_SERVICE' };

/** The object of a row. Throws ObjectCodecError. */
export function objectIn({ body, fresh }: Pick<Selectable<CoreTables['core.objects']>, 'body' | 'fresh'>) {
  const object = decodeObject(body);
  return fresh ? object : served(object);
}

function judge(row: Selectable<CoreTables['core.objects']> | undefined, scope: Scope): FoundObject {
  if (row === undefined) return { outcome: 'absent' };
  if (row.tenant !== scope.tenant) return { outcome: 'foreign', reason: 'OTHER_TENANT' };
  if (!scope.services.some((service) => service === row.service)) {
    return { outcome: 'foreign', reason: 'OTHER_SERVICE' };
  }
  return { outcome: 'found', object: objectIn(row), wrappedDigest: row.wrapped_digest };
}

export async function findObject(db: RegionDb, scope: Scope, uid: string): Promise<FoundObject> {
  const row = await db.selectFrom('core.objects').selectAll().where('uid', '=', uid).executeTakeFirst();
  return judge(row, scope);
}

/** As `findObject`, and nobody else changes it before this transaction ends. */
export async function lockObject(tx: RegionTx, scope: Scope, uid: string): Promise<FoundObject> {
  const row = await tx
    .selectFrom('core.objects')
    .selectAll()
    .where('uid', '=', uid)
    .forUpdate()
    .executeTakeFirst();
  return judge(row, scope);
}

/** Names that another object of the tenant already holds; the others now belong to `uid`. Claims are serialised. */
export async function claimNames(
  tx: RegionTx,
  tenant: TenantId,
  uid: string,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  const lost = new Set<string>();
  // Always in the same order, so that two claims of the same names wait for each other instead of deadlocking.
  for (const name of [...names].sort()) {
    const inserted = await tx
      .insertInto('core.names')
      .values({ tenant, name, uid })
      .onConflict((conflict) => conflict.doNothing())
      .returning('uid')
      .executeTakeFirst();
    if (inserted !== undefined) continue;
    const holder = await tx
      .selectFrom('core.names')
      .select('uid')
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .executeTakeFirst();
    if (holder?.uid !== uid) lost.add(name);
  }
  return lost;
}

export async function releaseNames(tx: RegionTx, uid: string): Promise<void> {
  await tx.deleteFrom('core.names').where('uid', '=', uid).execute();
}

/** What a new object's row holds. Throws ObjectCodecError, EnvelopeError. */
function rowOf(object: ManagedObject) {
  const { uid, tenant, service } = object;
  return { uid, tenant, service, wrapped_digest: digestColumn(object), ...columnsOf(object) };
}

/** The row alone. Returns false when the UID is taken. */
export async function insertRow(tx: RegionTx, object: ManagedObject): Promise<boolean> {
  return (await insertRows(tx, [object])).has(object.uid);
}

/** Rows alone, in one statement. Returns the UIDs that were not taken; of two with one UID the first is kept. */
export async function insertRows(
  tx: RegionTx,
  objects: readonly ManagedObject[],
): Promise<ReadonlySet<string>> {
  if (objects.length === 0) return new Set();
  const inserted = await tx
    .insertInto('core.objects')
    .values(objects.map(rowOf))
    .onConflict((conflict) => conflict.doNothing())
    .returning('uid')
    .execute();
  return new Set(inserted.map(({ uid }) => uid));
}

/** A new object made by the core. `taken` is the reason for a name that is taken: it differs by operation (§11). */
export async function insertObject(
  tx: RegionTx,
  object: ManagedObject,
  taken: number = ResultReason.InvalidField,
): Promise<void> {
  if (!(await insertRow(tx, object))) throw KmipError.generalFailure('the unique identifier is taken');
  await claimOrRefuse(tx, object, taken);
}

/** The object has been given out (KMIP 1.4 §3.34). The column alone tells: its body is not written anew for that. */
export async function markServed(tx: RegionTx, uid: string): Promise<void> {
  await tx
    .updateTable('core.objects')
    .set({ fresh: false })
    .where('uid', '=', uid)
    .where('fresh', '=', true)
    .execute();
}

/** The object as the core alone keeps count of it; which the caller has locked. No column and no name has changed. */
export async function updateBody(tx: RegionTx, object: ManagedObject): Promise<void> {
  const body = Buffer.from(encodeObject(object));
  await tx.updateTable('core.objects').set({ body }).where('uid', '=', object.uid).execute();
}

/** A changed object, which the caller has locked. Names follow the attributes; a destroyed object gives its names up. */
export async function updateObject(
  tx: RegionTx,
  object: ManagedObject,
  taken: number = ResultReason.IllegalOperation,
): Promise<void> {
  await tx.updateTable('core.objects').set(columnsOf(object)).where('uid', '=', object.uid).execute();
  const names = namesOf(object);
  if (isDestroyed(object.state) || names.length === 0) {
    await releaseNames(tx, object.uid);
    return;
  }
  await tx
    .deleteFrom('core.names')
    .where('uid', '=', object.uid)
    .where('name', 'not in', [...names])
    .execute();
  await claimOrRefuse(tx, object, taken);
}

async function claimOrRefuse(tx: RegionTx, object: ManagedObject, taken: number): Promise<void> {
  const lost = await claimNames(tx, object.tenant, object.uid, namesOf(object));
  const [name] = lost;
  if (name === undefined) return;
  throw new KmipError(taken, `the name ${JSON.stringify(name)} belongs to another object`);
}

/** The UID of the tenant's living object of this name. */
export async function uidNamed(tx: RegionTx, tenant: TenantId, name: string): Promise<string | undefined> {
  const row = await tx
    .selectFrom('core.names')
    .select('uid')
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.uid;
}
