/**
 * What regions say of a tenant's keys: versions, states, and how much depends on each. Asking is one thing, a job;
 * looking at the last answer is another, and asks nobody.
 */
import type { JobResult, KeyInventory } from '../../contracts/index.ts';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createOrJoin } from '../dispatch/jobs.ts';
import { lockTenant, requireTenant } from '../domain/lookups.ts';
import { cursorOf, instantOrNull, limitOf, type Page, type PageRequest, toPage } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import { MAX_INVENTORY_AGE_MS } from '../limits.ts';
import type { RegionJob } from '../store/schema.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import type { Destruction } from './orders.ts';
import { regionsFor, wordsFor } from './scope.ts';

export type Inventory = JobResult<'KEY_INSPECT'>;
export type VersionView = KeyInventory['versions'][number];

export interface RegionInventoryView {
  region: string;
  /** When the answer came; null: there has been none. */
  at: string | null;
  askedAt: string | null;
  /** The region has been asked and may still answer. */
  pending: boolean;
  /** Why the last question has no answer; what is shown is older then. */
  error: string | null;
  job: string | null;
  inventory: Inventory | null;
}

/** Errors: TENANT_UNKNOWN, REGION_UNKNOWN. A region that has not answered yet is not asked twice. */
export async function askInventory(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  wanted: readonly string[] | undefined,
): Promise<(RegionJob & { joined: boolean })[]> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const jobs: (RegionJob & { joined: boolean })[] = [];
    for (const region of await regionsFor(trx, tenant, wanted))
      jobs.push(await askRegion(cmk, trx, who, tenant, region));
    await audit(trx, who, {
      tenant,
      action: 'key.inspect',
      subject: `keys:${tenant}`,
      outcome: 'accepted',
      detail: { jobs },
    });
    return jobs;
  });
}

/** Of one region, with the tenant locked. */
export async function askRegion(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  tenant: string,
  region: string,
): Promise<RegionJob & { joined: boolean }> {
  const asked = await createOrJoin(cmk, trx, {
    kind: 'KEY_INSPECT',
    task: { region, payload: { tenant } },
    correlationId: who.correlationId,
    deadlineMs: MAX_INVENTORY_AGE_MS,
  });
  if (asked.joined) return asked;
  const question = { asked_at: new Date(), pending: true, error: null, job: asked.job };
  await trx
    .insertInto('key_inventories')
    .values({ tenant, region, inventory: null, answered_at: null, ...question })
    .onConflict((conflict) => conflict.columns(['tenant', 'region']).doUpdateSet(question))
    .execute();
  return asked;
}

/** One entry for each region of the tenant. Throws TENANT_UNKNOWN. */
export async function listInventories(
  cmk: Cmk,
  tenant: string,
  page: PageRequest,
): Promise<Page<RegionInventoryView>> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('tenant_regions')
      .leftJoin('key_inventories', (join) =>
        join
          .onRef('key_inventories.tenant', '=', 'tenant_regions.tenant')
          .onRef('key_inventories.region', '=', 'tenant_regions.region'),
      )
      .select(['tenant_regions.region', 'inventory', 'answered_at', 'asked_at', 'pending', 'job'])
      .select('key_inventories.error')
      .where('tenant_regions.tenant', '=', tenant)
      .orderBy('tenant_regions.region')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('tenant_regions.region', '>', after);
    return toPage(
      await query.execute(),
      page,
      (row) => row.region,
      (row) => ({
        region: row.region,
        at: instantOrNull(row.answered_at),
        askedAt: instantOrNull(row.asked_at),
        pending: row.pending ?? false,
        error: row.error,
        job: row.job,
        inventory: row.inventory,
      }),
    );
  });
}

/** Neither the version in use, nor one that is gone. */
const DESTRUCTIBLE: ReadonlySet<VersionView['state']> = new Set(['pre-active', 'deactivated', 'compromised']);

/**
 * Refuses what the region would refuse, and what nobody can have looked at: the number of dependents has to be the one
 * that the region told at most MAX_INVENTORY_AGE_MS ago.
 * Errors: REGION_UNKNOWN, INVENTORY_NEEDED, KEY_VERSION_UNKNOWN, KEY_VERSION_STATE, DEPENDENTS_DIFFER.
 */
export async function refuseBlindDestruction(trx: Trx, order: Destruction): Promise<void> {
  const { tenant, region, service, version, dependents } = order;
  await regionsFor(trx, tenant, [region]);
  const row = await trx
    .selectFrom('key_inventories')
    .select(['inventory', 'answered_at'])
    .where('tenant', '=', tenant)
    .where('region', '=', region)
    .executeTakeFirst();
  const ageMs = Date.now() - (row?.answered_at?.getTime() ?? Number.NEGATIVE_INFINITY);
  const inventory = row?.inventory ?? null;
  if (inventory === null || ageMs > MAX_INVENTORY_AGE_MS)
    throw new CmkError(
      'INVENTORY_NEEDED',
      inventory === null
        ? `${region} has not told yet which keys ${tenant} has`
        : `${region} told ${Math.floor(ageMs / 60_000)} minutes ago which keys ${tenant} has; ${MAX_INVENTORY_AGE_MS / 60_000} are the most`,
    );
  const key =
    service === undefined ? inventory.l2 : inventory.services.find((each) => each.service === service)?.l3;
  const found = key?.versions.find((each) => each.version === version);
  const what = `version ${version} of ${wordsFor(order)}`;
  if (found === undefined) throw new CmkError('KEY_VERSION_UNKNOWN', `${region} told nothing of ${what}`);
  if (!DESTRUCTIBLE.has(found.state))
    throw new CmkError('KEY_VERSION_STATE', `${what} is ${found.state} in ${region}`);
  if (found.dependents !== dependents)
    throw new CmkError(
      'DEPENDENTS_DIFFER',
      `${found.dependents} objects depend on ${what} in ${region}, not ${dependents}`,
    );
}
