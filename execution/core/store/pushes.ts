/**
 * The outbox of pushes (D7). A push is written in the transaction that makes the change, with a number from a counter
 * whose row that transaction locks: numbers are given in commit order, and none is ever skipped or given in vain.
 */
import { sql } from 'kysely';
import { decodeTtlv, encodeTtlv } from '../../kmip/index.ts';
import {
  MAX_SYNC_BYTES,
  MESH_TTLV_LIMITS,
  type NumberedPush,
  type Push,
  pushCodec,
} from '../../mesh/index.ts';
import { PUSH_RETENTION_MS } from '../limits.ts';
import type { RegionDb, RegionTx } from './tables.ts';

/** NOTIFY channel; the payload is the new head. */
export const PUSH_CHANNEL = 'core_pushes';

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
      return `link:${push.tenant}`;
    case 'service.flush':
      return `service:${push.tenant}/${push.service}`;
    case 'object.put':
      return `object:${push.object.uid}`;
    case 'object.destroyed':
      return `object:${push.uid}`;
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
    .returning('head')
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
  await sql`select pg_notify(${PUSH_CHANNEL}, ${String(head)})`.execute(tx);
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
          .whereRef('newer.number', '>', 'old.number'),
      ),
    )
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
