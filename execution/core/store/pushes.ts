/**
 * The outbox of pushes (D7). A push is written in the transaction that makes the change, with a number from a counter
 * whose row that transaction locks: numbers are given in commit order, and none is ever skipped or given in vain.
 */
import { sql } from 'kysely';
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import { decodeTtlv, encodeTtlv } from '../../kmip/index.ts';
import {
  MAX_LEASE_LAG_MS,
  MAX_SYNC_BYTES,
  MESH_TTLV_LIMITS,
  type NumberedPush,
  type Push,
  pushCodec,
} from '../../mesh/index.ts';
import { PUSH_RETENTION_MS } from '../limits.ts';
import { endedWhenIdle } from './heads.ts';
import type { RegionDb, RegionTx } from './tables.ts';

/** NOTIFY channel; the payload says whether keys or links have changed. */
export const PUSH_CHANNEL = 'core_pushes';
export const KEYS_CHANGED = 'keys';

function linkSubject(tenant: TenantId): string {
  return `link:${tenant}`;
}

function serviceSubject(tenant: TenantId, service: ServiceName): string {
  return `service:${tenant}/${service}`;
}

/** A later push on the same subject makes this one old news. */
function subjectOf(push: Push): string {
  switch (push.kind) {
    case 'identity.put':
      return `identity:${push.identity.fingerprint}`;
    case 'identity.remove':
      return `identity:${push.fingerprint}`;
    case 'issuer.put':
      return `issuer:${push.fingerprint}`;
    case 'tenant.closed':
    case 'tenant.opened':
      return linkSubject(push.tenant);
    case 'service.flush':
    case 'service.rotated':
      return serviceSubject(push.tenant, push.service);
    case 'object.put':
      return `object:${push.object.uid}`;
    case 'object.destroyed':
      return `object:${push.uid}`;
    case 'announce.asked':
      throw new TypeError('a question to gateways is no change, and stands in no outbox');
  }
}

/**
 * Writes the pushes of a change. Call it last but for the audit: it locks the region's counter until the commit.
 * The notification goes out with the commit.
 */
export async function appendPushes(tx: RegionTx, pushes: readonly Push[]): Promise<readonly NumberedPush[]> {
  if (pushes.length === 0) return [];
  const { head } = await tx
    .updateTable('core.push_counter')
    .set({ head: sql<string>`head + ${pushes.length}` })
    .where('id', '=', 1)
    .returning(['head', endedWhenIdle])
    .executeTakeFirstOrThrow();
  const first = Number(head) - pushes.length + 1;
  const numbered = pushes.map((push, i) => ({ number: first + i, push }));
  await tx
    .insertInto('core.pushes')
    .values(
      numbered.map((entry) => ({
        number: entry.number,
        subject: subjectOf(entry.push),
        kind: entry.push.kind,
        body: Buffer.from(encodeTtlv(pushCodec.write(entry), MESH_TTLV_LIMITS)),
      })),
    )
    .execute();
  const payload = pushes.some(({ kind }) => /^(tenant|service)\./.test(kind)) ? KEYS_CHANGED : '';
  await sql`select pg_notify(${PUSH_CHANNEL}, ${payload})`.execute(tx);
  return numbered;
}

/** The number of the last committed push. */
export async function readHead(db: RegionDb): Promise<number> {
  const { head } = await db
    .selectFrom('core.push_counter')
    .select('head')
    .where('id', '=', 1)
    .executeTakeFirstOrThrow();
  return Number(head);
}

export interface Standing {
  readonly head: number;
  /** Whether a gateway that has applied the pushes up to `appliedHead` may be given the service's keys (D7). */
  readonly mayLease: boolean;
}

/**
 * Where a gateway stands that asks for a lease, in one snapshot. Of what it has not applied nothing may concern the
 * tenant's link, nothing may flush the service, and all must be young: a gateway that was away for longer knows too
 * little of whom it may serve. A rotation, a change of an object or of another tenant keeps nobody from a lease.
 */
export async function readStanding(
  db: RegionDb,
  { tenant, service, appliedHead }: { tenant: TenantId; service: ServiceName; appliedHead: number },
): Promise<Standing> {
  // Whatever is the last word on its subject stays in the outbox for good, and no rotation has the last word on a
  // flush (prunePushes): so what matters is there, however long ago it was. Pushes are numbered in commit order, so
  // that the first one that is missing is the oldest; it was committed no earlier than its transaction began.
  const { rows } = await sql<{ head: string; closes: boolean; isOld: boolean }>`
    select
      head,
      exists (
        select from core.pushes
        where number > ${appliedHead}
          and (subject = ${linkSubject(tenant)}
            or (subject = ${serviceSubject(tenant, service)} and kind <> 'service.rotated'))
      ) as closes,
      coalesce(
        (select created_at < clock_timestamp() - ${`${MAX_LEASE_LAG_MS} ms`}::interval
         from core.pushes where number > ${appliedHead} order by number limit 1),
        false) as "isOld"
    from core.push_counter where id = 1`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('the region has no counter of pushes');
  const head = Number(row.head);
  // Ahead of the region is no better than behind it: that gateway has seen another database.
  return { head, mayLease: appliedHead <= head && !row.closes && !row.isOld };
}

/**
 * Pushes after `after`, in order, at most `max` and MAX_SYNC_BYTES. Numbers may be missing where a later push has
 * superseded an old one: what comes is still everything that matters.
 */
export async function readPushes(
  db: RegionDb,
  after: number,
  max: number,
): Promise<{ pushes: readonly NumberedPush[]; more: boolean }> {
  const rows = await db
    .selectFrom('core.pushes')
    .select(['number', 'body'])
    .where('number', '>', after)
    .orderBy('number')
    .limit(max + 1)
    .execute();
  const pushes: NumberedPush[] = [];
  let sizeBytes = 0;
  for (const { body } of rows.slice(0, max)) {
    sizeBytes += body.length;
    if (pushes.length > 0 && sizeBytes > MAX_SYNC_BYTES) break;
    pushes.push(pushCodec.read(decodeTtlv(body, MESH_TTLV_LIMITS)));
  }
  return { pushes, more: pushes.length < rows.length };
}

/** Forgets superseded pushes that are older than PUSH_RETENTION_MS. Returns how many. */
export async function prunePushes(db: RegionDb): Promise<number> {
  const before = new Date(Date.now() - PUSH_RETENTION_MS);
  const result = await db
    .deleteFrom('core.pushes as old')
    .where('old.created_at', '<', before)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('core.pushes as newer')
          .select('newer.number')
          .whereRef('newer.subject', '=', 'old.subject')
          .whereRef('newer.number', '>', 'old.number')
          // What only refreshes leases does not stand for what ends them.
          .where((on) =>
            on.or([on('newer.kind', '<>', 'service.rotated'), on('old.kind', '=', 'service.rotated')]),
          ),
      ),
    )
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
