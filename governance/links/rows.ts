/** Reading and changing link rows: the steps that the request, the worker and the region's answers share. */

import type { Updateable } from 'kysely';
import { sql } from 'kysely';
import type { Link, LinkRow } from '../store/schema.ts';
import type { Trx } from '../store/transactions.ts';

/** NOTIFY wakes the sealing worker at commit. */
export const LINK_WAKE_CHANNEL = 'okcm_links_to_seal';

export async function wakeSealingAtCommit(trx: Trx): Promise<void> {
  await sql`SELECT pg_notify(${LINK_WAKE_CHANNEL}, '')`.execute(trx);
}

export interface LinkId {
  readonly tenant: string;
  readonly region: string;
  readonly epoch: number;
}

/** Every epoch of a tenant, by region, the newest of each first. */
export async function linkRows(trx: Trx, tenant: string): Promise<Link[]> {
  return await trx
    .selectFrom('links')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('region')
    .orderBy('epoch', 'desc')
    .execute();
}

/** The regions that a tenant lives in, in order of name, each with what it said of the link in its reports. */
export async function reportedLinks(trx: Trx, tenant: string) {
  const rows = await trx
    .selectFrom('tenant_regions')
    .select(['region', 'reported_epoch', 'reported_state', 'reported_expires_at'])
    .where('tenant', '=', tenant)
    .orderBy('region')
    .execute();
  return rows.map(({ region, reported_epoch, reported_state, reported_expires_at }) => ({
    region,
    reported:
      reported_epoch === null || reported_state === null
        ? null
        : { epoch: reported_epoch, state: reported_state, expiresAt: reported_expires_at },
  }));
}

export async function findLink(trx: Trx, id: LinkId): Promise<Link | undefined> {
  return await trx
    .selectFrom('links')
    .selectAll()
    .where('tenant', '=', id.tenant)
    .where('region', '=', id.region)
    .where('epoch', '=', id.epoch)
    .executeTakeFirst();
}

/**
 * Changes the row if it is in one of the given states, so that whatever came before wins: an UNLINK makes every later
 * answer about an older step change nothing. Returns whether it did.
 */
export async function advance(
  trx: Trx,
  id: LinkId,
  from: readonly Link['state'][],
  change: Updateable<LinkRow>,
): Promise<boolean> {
  const result = await trx
    .updateTable('links')
    .set({ ...change, updated_at: new Date() })
    .where('tenant', '=', id.tenant)
    .where('region', '=', id.region)
    .where('epoch', '=', id.epoch)
    .where('state', 'in', [...from])
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/**
 * Which older secrets may be the one under which the region's L2 stands, the likeliest first; null is "none, on the
 * regional secret alone". A LINK that was sent may have been applied although its answer never came (an UNLINK
 * cancelled it, a deadline passed), so every epoch that was sent counts, back to the last one that surely was opened.
 */
export function previousCandidates(older: readonly Link[]): (number | null)[] {
  const candidates: (number | null)[] = [];
  for (const link of [...older].sort((a, b) => b.epoch - a.epoch)) {
    if (link.wrapped_secret === null) continue;
    candidates.push(link.epoch);
    if (link.activated_at !== null) return candidates;
  }
  return [...candidates, null];
}

/** Links by state, over all tenants; for metrics and the overview. */
export async function countLinks(trx: Trx): Promise<Record<string, number>> {
  const rows = await trx
    .selectFrom('links')
    .select((eb) => ['state', eb.fn.countAll<string>().as('count')])
    .groupBy('state')
    .execute();
  return Object.fromEntries(rows.map((row) => [row.state, Number(row.count)]));
}
