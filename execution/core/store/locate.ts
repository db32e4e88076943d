/**
 * The search behind Locate (KMIP 1.4 §4.9). What the columns can tell, the database filters; anything else is decided
 * on the decoded objects, page by page and within the message's budget.
 */
import { type RawBuilder, sql } from 'kysely';
import type { Attribute } from '../../kmip/index.ts';
import { ObjectGroupMember, StorageStatusMask } from '../../kmip/index.ts';
import { attributesOf, type ManagedObject, State } from '../../objects/index.ts';
import type { MessageBudget } from '../kmip/budget.ts';
import { LOCATE_PAGE, MAX_LOCATE_COUNT, MAX_LOCATED_ITEMS } from '../limits.ts';
import { type Criterion, criteriaOf } from './locate-criteria.ts';
import { objectIn, type Scope } from './objects.ts';
import type { RegionDb } from './tables.ts';

export interface LocateRequest {
  readonly attributes: readonly Attribute[];
  readonly maximumItems: number | undefined;
  readonly offsetItems: number;
  /** KMIP 1.4 §9.1.3.3.2; default: on-line objects only. */
  readonly storageStatusMask?: number | undefined;
  /** KMIP 1.4 §9.1.3.2.33: members of object groups only. */
  readonly groupMember?: number | undefined;
  /** Seconds: the moment in which states are judged. */
  readonly nowS: number;
  /** What the message may still look at. */
  readonly budget: MessageBudget;
  /** A row that cannot be decoded: it is passed over, so that it hides nothing but itself. */
  readonly onDamaged: (uid: string, error: unknown) => void;
}

export interface Located {
  readonly uids: readonly string[];
  /** All that match; undefined when the search stopped before it knew. */
  readonly total: number | undefined;
}

/** §4.9, §3.34: a fresh object has not been served; the server's policy makes the oldest member a group's default. */
const inGroup: Criterion = {
  isExact: false,
  matches: (attributes) => attributes.some(({ attributeName }) => attributeName === 'Object Group'),
};

function storageCondition(mask: number = StorageStatusMask.OnLineStorage): RawBuilder<boolean> | undefined {
  const wants = (bit: number): boolean => (mask & bit) !== 0;
  if (wants(StorageStatusMask.OnLineStorage) && wants(StorageStatusMask.ArchivalStorage)) return undefined;
  return wants(StorageStatusMask.ArchivalStorage)
    ? sql<boolean>`archive_date is not null`
    : sql<boolean>`archive_date is null`;
}

/** Throws Invalid Field for unknown attributes, General Failure past the message's budget. */
export async function locateObjects(db: RegionDb, scope: Scope, request: LocateRequest): Promise<Located> {
  const criteria = criteriaOf(request.attributes, scope, request.nowS);
  if (scope.services.length === 0) return { uids: [], total: 0 };
  request.budget.requireTime();
  const conditions = criteria.list.flatMap((c) => (c.column === undefined ? [] : [c.column]));
  if (!criteria.isOfDestroyed)
    conditions.push(sql<boolean>`state not in (${State.Destroyed}, ${State.DestroyedCompromised})`);
  const storage = storageCondition(request.storageStatusMask);
  if (storage !== undefined) conditions.push(storage);
  const residual = criteria.list.filter((c) => !c.isExact);
  const { groupMember } = request;
  if (groupMember !== undefined) residual.push(inGroup);
  if (groupMember === ObjectGroupMember.GroupMemberFresh) conditions.push(sql<boolean>`fresh`);
  if (groupMember !== ObjectGroupMember.GroupMemberDefault) {
    return search(db, scope, conditions, residual, request);
  }
  const first = await search(db, scope, conditions, residual, {
    ...request,
    maximumItems: 1,
    offsetItems: 0,
  });
  const uids = request.offsetItems > 0 || request.maximumItems === 0 ? [] : first.uids;
  return { uids, total: first.uids.length };
}

async function search(
  db: RegionDb,
  scope: Scope,
  conditions: readonly RawBuilder<boolean>[],
  residual: readonly Criterion[],
  request: LocateRequest,
): Promise<Located> {
  const max = Math.min(request.maximumItems ?? MAX_LOCATED_ITEMS, MAX_LOCATED_ITEMS);
  let candidates = db
    .selectFrom('core.objects')
    .where('tenant', '=', scope.tenant)
    .where('service', 'in', [...scope.services]);
  for (const condition of conditions) candidates = candidates.where(condition);

  if (residual.length === 0) {
    // Counting stops where nobody needs the exact number: a tenant may have millions of keys.
    const { count } = await db
      .selectFrom(
        candidates
          .select(sql<number>`1`.as('one'))
          .limit(MAX_LOCATE_COUNT + 1)
          .as('candidates'),
      )
      .select((eb) => eb.fn.countAll<string>().as('count'))
      .executeTakeFirstOrThrow();
    const rows = await candidates
      .select('uid')
      .orderBy('seq')
      .offset(request.offsetItems)
      .limit(max)
      .execute();
    const total = Number(count);
    return { uids: rows.map((row) => row.uid), total: total > MAX_LOCATE_COUNT ? undefined : total };
  }

  const matches = (object: ManagedObject): boolean => {
    const attributes = attributesOf(object, request.nowS);
    return residual.every((c) => c.matches(attributes));
  };
  const readable = (row: Parameters<typeof objectIn>[0] & { readonly uid: string }) => {
    try {
      return objectIn(row);
    } catch (error) {
      request.onDamaged(row.uid, error);
      return undefined;
    }
  };
  // One more than asked for, to know whether there are more.
  const enough = request.offsetItems + max + 1;
  const found: string[] = [];
  let after = '0';
  for (;;) {
    const page = await candidates
      .select(['uid', 'seq', 'body', 'fresh'])
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(LOCATE_PAGE)
      .execute();
    request.budget.look(page.length);
    for (const row of page) {
      const object = readable(row);
      if (object !== undefined && matches(object)) found.push(row.uid);
      if (found.length >= enough) break;
    }
    const last = page.at(-1);
    if (page.length < LOCATE_PAGE || last === undefined || found.length >= enough) break;
    after = last.seq;
  }
  const uids = found.slice(request.offsetItems, request.offsetItems + max);
  return { uids, total: found.length >= enough ? undefined : found.length };
}
