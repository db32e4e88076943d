/** Tenants: onboarding, and how they are listed. Their life: lifecycle.ts. */
import { sql } from 'kysely';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import type { ProvisionState } from '../store/schema.ts';
import { asPlatform, asTenant, ONE_MOMENT, type Trx } from '../store/transactions.ts';
import { retryChange, startProvisioning } from './lifecycle.ts';
import { lockTenant, regionNames } from './lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from './pages.ts';
import { type PolicyName, policies } from './quorum-policies.ts';
import { requireRevision } from './revisions.ts';
import { endsAs, isChanging, type TenantState } from './tenant-states.ts';

export interface Onboarding {
  readonly id: string;
  readonly displayName?: string;
  /** All enrolled regions when left out. */
  readonly regions?: readonly string[];
  /** Stored with the tenant for good: a later default does not reach back. */
  readonly policy?: PolicyName;
  /** How old a link's secret may become; left out: links are not rotated by themselves. */
  readonly rotateLinkAfterSeconds?: number;
  /** False: the tenant is only requested; no region hears of it until somebody provisions it. */
  readonly provision?: boolean;
}

interface TenantRegionView {
  region: string;
  state: ProvisionState | 'requested';
  l2Version: number | null;
  error: string | null;
}

/** A change of the tenant's state that is on its way. */
export interface ChangeView {
  to: TenantState;
  /** A region has refused its part: POST …/retry asks it once more. */
  failed: boolean;
  regions: {
    region: string;
    state: 'pending' | 'done' | 'failed';
    error: string | null;
    job: string | null;
  }[];
}

export interface TenantView {
  id: string;
  displayName: string;
  policy: string;
  quorum: number;
  rotateLinkAfterSeconds: number | null;
  state: TenantState;
  stateSince: string;
  /** Why it was blocked, unblocked or terminated. */
  reason: string | null;
  change: ChangeView | null;
  createdAt: string;
  regions: TenantRegionView[];
}

export interface TenantFilter {
  readonly state?: TenantState;
  /** Only tenants whose change of state a region has refused, or only others. */
  readonly failed?: boolean;
  readonly region?: string;
  readonly policy?: string;
  /** With which the tenant's id or display name begins; in any case. */
  readonly search?: string;
}

/** Answers at once with state `provisioning`, or `requested`; each region becomes active when it has reported. */
export async function onboardTenant(
  cmk: Cmk,
  who: Actor,
  onboarding: Onboarding,
): Promise<{ tenant: TenantView; job: string | null }> {
  const { id } = onboarding;
  const policy = onboarding.policy ?? (cmk.development ? 'development-quorum-one' : 'four-eyes');
  if (policy === 'development-quorum-one' && !cmk.development)
    throw new CmkError('POLICY_REFUSED', `under ${policy} one person would decide alone`);
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
    const regions = await chooseRegions(trx, onboarding.regions);
    await trx
      .insertInto('tenant_regions')
      .values(
        regions.map((region) => ({
          tenant: id,
          region,
          state: 'provisioning' as const,
          l2_version: null,
          error: null,
        })),
      )
      .execute();
    await trx.insertInto('tenant_states').values({ tenant: id, state: 'requested', reason: null }).execute();
    const job = onboarding.provision === false ? null : await startProvisioning(cmk, trx, who, id);
    await audit(trx, who, {
      tenant: id,
      action: 'tenant.onboard',
      subject: `tenant:${id}`,
      outcome: 'accepted',
      detail: { regions, policy, job },
    });
    return { tenant: await viewOf(trx, id), job };
  });
}

async function chooseRegions(trx: Trx, asked: readonly string[] | undefined): Promise<string[]> {
  const enrolled = await regionNames(trx);
  const wanted = [...new Set(asked ?? enrolled)].sort();
  const unknown = wanted.find((region) => !enrolled.includes(region));
  if (unknown !== undefined) throw new CmkError('REGION_UNKNOWN', `region ${unknown} is not enrolled`);
  if (wanted.length === 0) throw new CmkError('NO_REGIONS', 'a tenant lives in at least one region');
  return wanted;
}

interface Change {
  readonly tenant: string;
  readonly ifMatch?: string;
}

/** Of a tenant that was only requested. Errors: TENANT_UNKNOWN, TENANT_STATE, REVISION_DIFFERS. */
export async function provisionTenant(cmk: Cmk, who: Actor, change: Change): Promise<TenantView> {
  return await changing(cmk, change, async (trx) => {
    await startProvisioning(cmk, trx, who, change.tenant);
  });
}

/** Errors: TENANT_UNKNOWN, TENANT_STATE, REVISION_DIFFERS. */
export async function retryTenant(cmk: Cmk, who: Actor, change: Change): Promise<TenantView> {
  return await changing(cmk, change, (trx) => retryChange(cmk, trx, who, change.tenant));
}

/** Errors: TENANT_UNKNOWN, REVISION_DIFFERS. */
export async function renameTenant(
  cmk: Cmk,
  who: Actor,
  change: Change & { readonly displayName: string },
): Promise<TenantView> {
  const { tenant, displayName } = change;
  return await changing(cmk, change, async (trx) => {
    await trx
      .updateTable('tenants')
      .set({ display_name: displayName })
      .where('tenant', '=', tenant)
      .execute();
    await audit(trx, who, {
      tenant,
      action: 'tenant.rename',
      subject: `tenant:${tenant}`,
      outcome: 'accepted',
      detail: { displayName },
    });
  });
}

async function changing(cmk: Cmk, change: Change, act: (trx: Trx) => Promise<void>): Promise<TenantView> {
  const { tenant, ifMatch } = change;
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    if (ifMatch !== undefined) requireRevision(await viewOf(trx, tenant), ifMatch);
    await act(trx);
    return await viewOf(trx, tenant);
  });
}

/** Throws TENANT_UNKNOWN. */
export async function getTenant(cmk: Cmk, tenant: string): Promise<TenantView> {
  return await asTenant(cmk.db, tenant, (trx) => viewOf(trx, tenant), ONE_MOMENT);
}

export async function listTenants(
  cmk: Cmk,
  filter: TenantFilter,
  page: PageRequest,
): Promise<Page<TenantView>> {
  const read = async (trx: Trx): Promise<Page<TenantView>> => {
    await followIndexes(trx);
    let query = selectTenants(trx, filter)
      .orderBy('t.tenant')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('t.tenant', '>', after);
    return toPage(
      await viewsOf(trx, await query.execute()),
      page,
      (view) => view.id,
      (view) => view,
    );
  };
  return await asPlatform(cmk.db, read, ONE_MOMENT);
}

/**
 * Row-level security hides from the planner how much of a table a transaction sees: it takes that for little, and would
 * read and sort ten thousand tenants for a page of fifty. The order of the index is right for every page.
 */
async function followIndexes(trx: Trx): Promise<void> {
  await sql`SELECT set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_bitmapscan', 'off', true)`.execute(trx);
}

function selectTenants(trx: Trx, { state, failed, region, policy, search }: TenantFilter) {
  let query = trx
    .selectFrom('tenants as t')
    .innerJoin('tenant_states as s', 's.tenant', 't.tenant')
    .selectAll('t')
    .select(['s.state', 's.since', 's.failed', 's.reason']);
  if (state !== undefined) query = query.where('s.state', '=', state);
  if (failed !== undefined) query = query.where('s.failed', '=', failed);
  if (policy !== undefined) query = query.where('t.policy', '=', policy);
  if (region !== undefined)
    query = query.where((eb) =>
      eb.exists(
        eb
          .selectFrom('tenant_regions as r')
          .select('r.region')
          .whereRef('r.tenant', '=', 't.tenant')
          .where('r.region', '=', region),
      ),
    );
  if (search !== undefined)
    query = query.where((eb) =>
      eb.or([
        sql<boolean>`starts_with(t.tenant, lower(${search}))`,
        sql<boolean>`starts_with(lower(t.display_name), lower(${search}))`,
      ]),
    );
  return query;
}

type Row = Awaited<ReturnType<ReturnType<typeof selectTenants>['execute']>>[number];

async function viewOf(trx: Trx, tenant: string): Promise<TenantView> {
  const rows = await selectTenants(trx, {}).where('t.tenant', '=', tenant).execute();
  const [view] = await viewsOf(trx, rows);
  if (view === undefined) throw new CmkError('TENANT_UNKNOWN', `there is no tenant ${tenant}`);
  return view;
}

async function viewsOf(trx: Trx, rows: readonly Row[]): Promise<TenantView[]> {
  if (rows.length === 0) return [];
  const regions = await trx
    .selectFrom('tenant_regions as r')
    .leftJoin('tenant_closings as c', (join) =>
      join.onRef('c.tenant', '=', 'r.tenant').onRef('c.region', '=', 'r.region'),
    )
    .select(['r.tenant', 'r.region', 'r.state', 'r.l2_version', 'r.error'])
    .select(['c.state as closing', 'c.error as closing_error', 'c.job as closing_job'])
    .where(
      'r.tenant',
      'in',
      rows.map((row) => row.tenant),
    )
    .orderBy('r.region')
    .execute();
  const byTenant = Map.groupBy(regions, (region) => region.tenant);
  return rows.map((row) => toView(row, byTenant.get(row.tenant) ?? []));
}

interface RegionRow {
  readonly region: string;
  readonly state: ProvisionState;
  readonly l2_version: number | null;
  readonly error: string | null;
  readonly closing: 'pending' | 'done' | 'failed' | null;
  readonly closing_error: string | null;
  readonly closing_job: string | null;
}

function toView(row: Row, regions: readonly RegionRow[]): TenantView {
  return {
    id: row.tenant,
    displayName: row.display_name,
    policy: row.policy,
    quorum: row.quorum,
    rotateLinkAfterSeconds: row.rotate_link_after_s,
    state: row.state,
    stateSince: instant(row.since),
    reason: row.reason,
    change: changeOf(row, regions),
    createdAt: instant(row.created_at),
    regions: regions.map(({ region, state, l2_version, error }) => ({
      region,
      state: row.state === 'requested' ? 'requested' : state,
      l2Version: l2_version,
      error,
    })),
  };
}

function changeOf({ state, failed }: Row, regions: readonly RegionRow[]): ChangeView | null {
  if (!isChanging(state)) return null;
  return {
    to: endsAs(state),
    failed,
    regions: regions.map((row) =>
      state === 'provisioning'
        ? { region: row.region, state: partOf(row.state), error: row.error, job: null }
        : {
            region: row.region,
            state: row.closing ?? 'pending',
            error: row.closing_error,
            job: row.closing_job,
          },
    ),
  };
}

const partOf = (state: ProvisionState): 'pending' | 'done' | 'failed' =>
  state === 'active' ? 'done' : state === 'failed' ? 'failed' : 'pending';

/** One word for several regions: failed if any has failed, active once all are. */
export function overall(states: readonly string[]): 'provisioning' | 'active' | 'failed' {
  if (states.includes('failed')) return 'failed';
  return states.every((state) => state === 'active') ? 'active' : 'provisioning';
}
