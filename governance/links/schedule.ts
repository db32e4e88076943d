/**
 * How old a tenant's link secrets may become. Each living link carries its own due time, a little early and by chance, so
 * that regions and tenants do not come all at once; upkeep.ts acts on it.
 */
import { sql } from 'kysely';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import { ROTATE_JITTER } from '../limits.ts';
import type { Trx } from '../store/transactions.ts';
import { advance, type LinkId } from './rows.ts';

/** When an epoch that is opened now comes due; null where the tenant has no schedule. */
export async function dueAt(trx: Trx, tenant: string, openedAt: Date): Promise<Date | null> {
  const { rotate_link_after_s: afterS } = await trx
    .selectFrom('tenants')
    .select('rotate_link_after_s')
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  return afterS === null
    ? null
    : new Date(openedAt.getTime() + afterS * 1000 * (1 - ROTATE_JITTER * Math.random()));
}

/** Also for the links that live: their age counts from when they were opened. `null` ends the schedule. */
export async function setLinkSchedule(
  trx: Trx,
  who: Actor,
  tenant: string,
  rotateAfterSeconds: number | null,
): Promise<void> {
  await trx
    .updateTable('tenants')
    .set({ rotate_link_after_s: rotateAfterSeconds })
    .where('tenant', '=', tenant)
    .execute();
  await trx
    .updateTable('links')
    .set({
      rotate_at:
        rotateAfterSeconds === null
          ? null
          : sql<Date>`coalesce(activated_at, now())
              + ${rotateAfterSeconds} * (1 - ${ROTATE_JITTER} * random()) * interval '1 second'`,
    })
    .where('tenant', '=', tenant)
    .where('state', '=', 'active')
    .execute();
  await audit(trx, who, {
    tenant,
    action: 'link-rotation-policy.set',
    subject: `link:${tenant}`,
    outcome: 'accepted',
    detail: { rotateAfterSeconds },
  });
}

/** Tries again after `waitMs` and a little more by chance. */
export async function rotateLater(trx: Trx, id: LinkId, waitMs: number): Promise<void> {
  const at = Date.now() + waitMs * (1 + ROTATE_JITTER * Math.random());
  await advance(trx, id, ['active'], { rotate_at: new Date(at) });
}
