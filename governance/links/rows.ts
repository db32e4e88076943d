/** Reading and changing link rows: the steps that the request, the worker and the region's answers share. */

import type { Updateable } from 'kysely';
import { sql } from 'kysely';
import type { Link, LinkRow } from '../store/schema.ts';
import type { Trx } from '../store/transactions.ts';
import { MAKING } from './states.ts';

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
export async function linkRows(trx: Pick<Trx, 'selectFrom'>, tenant: string): Promise<Link[]> {
  return await trx
    .selectFrom('links')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('region')
    .orderBy('epoch', 'desc')
    .execute();
}

/** The regions that a tenant lives in, in order of name, each with what it said of the link in its reports. */
export async function reportedLinks(trx: Pick<Trx, 'selectFrom'>, tenant: string) {
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

/** Where one region stands. */
export interface Standing {
  /** The epoch that counts: the active one, also while another shall take its place; else the newest. */
  readonly link: Link | undefined;
  /** The younger epoch that shall take the place of a living one, or has failed to. */
  readonly successor: Link | undefined;
}

/** Of one region's epochs, the newest first. */
export function standingOf(epochs: readonly Link[]): Standing {
  const [newest] = epochs;
  const active = epochs.find((epoch) => epoch.state === 'active');
  const replaces =
    newest?.opened_by === 'rotate' && (newest.state === 'failed' || MAKING.includes(newest.state));
  return replaces && active !== undefined
    ? { link: active, successor: newest }
    : { link: newest, successor: undefined };
}

/** A region that answers a renewal or rotation so holds no living secret of the older epoch, whatever our row says. */
const NOT_THERE = new Set(['EPOCH_CLOSED', 'EPOCH_UNKNOWN']);
const NOT_ALIVE = new Set(['LINK_CLOSED', 'LINK_EXPIRED']);

/** The active epoch of a region, unless the region has said that it holds nothing of it. */
export function activeLink(epochs: readonly Link[]): Link | undefined {
  const { link, successor } = standingOf(epochs);
  if (link?.state !== 'active' || NOT_THERE.has(link.error ?? '')) return undefined;
  // A renewal since then has brought it back.
  const renewed = successor !== undefined && link.proved_at !== null && link.proved_at > successor.updated_at;
  return NOT_ALIVE.has(successor?.error ?? '') && !renewed ? undefined : link;
}

/** The same, if it has not expired: only then can the region rotate it, for ROTATE_LINK brings nothing back (D1). */
export function livingLink(epochs: readonly Link[], now: Date): Link | undefined {
  const link = activeLink(epochs);
  return link !== undefined && link.expires_at !== null && link.expires_at > now ? link : undefined;
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

/**
 * The L1 keys that the tenant's L2 may stand on, by alias. As for the secret that a LINK carries (previousCandidates), what
 * was sent and never answered counts, back to the last epoch that surely was opened.
 */
export async function keysOf(trx: Trx, tenant: string): Promise<string[]> {
  const keys = new Set<string>();
  for (const epochs of Map.groupBy(await linkRows(trx, tenant), (row) => row.region).values())
    for (const { wrapped_secret, key_alias, activated_at } of epochs) {
      if (wrapped_secret !== null) keys.add(key_alias);
      if (activated_at !== null) break;
    }
  return [...keys].sort();
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
