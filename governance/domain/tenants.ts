/** Tenants: onboarding into regions, and the policy under which their decisions are made. */
import type { Cmk } from '../context.ts';
import { createJob, nonEmpty } from '../dispatch/jobs.ts';
import { CmkError } from '../errors.ts';
import { PROVISION_DEADLINE_MS } from '../limits.ts';
import { type Actor, audit } from '../store/audit.ts';
import type { Tenant } from '../store/schema.ts';
import { asPlatform, asTenant, type Trx } from '../store/transactions.ts';
import { regionNames, requireTenant } from './lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from './pages.ts';

/**
 * How many operators have to agree, the proposer counted, before a decision that can lock out or expose is carried
 * out (D13). The first is for development and says so in every place where it shows.
 */
export const policies = { 'development-quorum-one': 1, 'four-eyes': 2 } as const;
export type PolicyName = keyof typeof policies;

export interface Onboarding {
  readonly id: string;
  readonly displayName?: string;
  /** All enrolled regions when left out. */
  readonly regions?: readonly string[];
  /** Stored with the tenant for good: a later default does not reach back. */
  readonly policy?: PolicyName;
  /** How old a link's secret may become; left out: links are not rotated by themselves. */
  readonly rotateLinkAfterSeconds?: number;
}

export interface TenantView {
  id: string;
  displayName: string;
  policy: string;
  quorum: number;
  rotateLinkAfterSeconds: number | null;
  state: 'provisioning' | 'active' | 'failed';
  createdAt: string;
  regions: { region: string; state: string; l2Version: number | null; error: string | null }[];
}

/** Answers at once with state `provisioning`; each region becomes active when it has reported. */
export async function onboardTenant(
  cmk: Cmk,
  who: Actor,
  onboarding: Onboarding,
): Promise<{ tenant: TenantView; job: string }> {
  const { id } = onboarding;
  const policy = onboarding.policy ?? 'development-quorum-one';
  return await asTenant(cmk.db, id, async (trx) => {
    const inserted = await trx
      .insertInto('tenants')
      .values({
        tenant: id,
        display_name: onboarding.displayName ?? id,
        policy,
        quorum: policies[policy],
        rotate_link_after_s: onboarding.rotateLinkAfterSeconds ?? null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('tenant')
      .executeTakeFirst();
    if (inserted === undefined) throw new CmkError('ALREADY_EXISTS', `tenant ${id} exists`);
    const enrolled = await regionNames(trx);
    const wanted = [...new Set(onboarding.regions ?? enrolled)].sort();
    const unknown = wanted.find((region) => !enrolled.includes(region));
    if (unknown !== undefined) throw new CmkError('REGION_UNKNOWN', `region ${unknown} is not enrolled`);
    const tasks = nonEmpty(wanted.map((region) => ({ region, payload: { tenant: id } })));
    if (tasks === undefined) throw new CmkError('NO_REGIONS', 'a tenant lives in at least one region');
    await trx
      .insertInto('tenant_regions')
      .values(
        wanted.map((region) => ({
          tenant: id,
          region,
          state: 'provisioning' as const,
          l2_version: null,
          error: null,
        })),
      )
      .execute();
    const job = await createJob(cmk, trx, {
      kind: 'TENANT_PROVISION',
      tasks,
      correlationId: who.correlationId,
      deadlineMs: PROVISION_DEADLINE_MS,
    });
    await audit(trx, who, {
      tenant: id,
      action: 'tenant.onboard',
      subject: `tenant:${id}`,
      outcome: 'accepted',
      detail: { regions: wanted, policy, job },
    });
    return { tenant: await viewOf(trx, id), job };
  });
}

/** Throws TENANT_UNKNOWN. */
export async function getTenant(cmk: Cmk, tenant: string): Promise<TenantView> {
  return await asTenant(cmk.db, tenant, (trx) => viewOf(trx, tenant));
}

export async function listTenants(cmk: Cmk, page: PageRequest): Promise<Page<TenantView>> {
  return await asPlatform(cmk.db, async (trx) => {
    let query = trx
      .selectFrom('tenants')
      .selectAll()
      .orderBy('tenant')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('tenant', '>', after);
    const rows = await query.execute();
    const regions = await regionsOf(
      trx,
      rows.map((row) => row.tenant),
    );
    return toPage(
      rows,
      page,
      (row) => row.tenant,
      (row) => toView(row, regions),
    );
  });
}

type RegionState = Awaited<ReturnType<typeof regionsOf>>[number];

async function regionsOf(trx: Trx, tenants: readonly string[]) {
  if (tenants.length === 0) return [];
  return await trx
    .selectFrom('tenant_regions')
    .select(['tenant', 'region', 'state', 'l2_version', 'error'])
    .where('tenant', 'in', [...tenants])
    .orderBy('region')
    .execute();
}

async function viewOf(trx: Trx, tenant: string): Promise<TenantView> {
  return toView(await requireTenant(trx, tenant), await regionsOf(trx, [tenant]));
}

function toView(row: Tenant, all: readonly RegionState[]): TenantView {
  const regions = all.filter((region) => region.tenant === row.tenant);
  return {
    id: row.tenant,
    displayName: row.display_name,
    policy: row.policy,
    quorum: row.quorum,
    rotateLinkAfterSeconds: row.rotate_link_after_s,
    state: overall(regions.map((region) => region.state)),
    createdAt: instant(row.created_at),
    regions: regions.map(({ region, state, l2_version, error }) => ({
      region,
      state,
      l2Version: l2_version,
      error,
    })),
  };
}

/** One word for several regions: failed if any has failed, active once all are. */
export function overall(states: readonly string[]): 'provisioning' | 'active' | 'failed' {
  if (states.includes('failed')) return 'failed';
  return states.every((state) => state === 'active') ? 'active' : 'provisioning';
}
