/** Services: what a tenant's applications belong to; each has its L3 in every region. */
import { sql } from 'kysely';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createJob, nonEmpty } from '../dispatch/jobs.ts';
import { CmkError } from '../errors.ts';
import { MAX_SERVICES_PER_TENANT, PROVISION_DEADLINE_MS } from '../limits.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { lockTenant, requireServed, requireTenant, tenantRegions } from './lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from './pages.ts';
import { overall } from './tenants.ts';

export interface ServiceView {
  name: string;
  state: 'provisioning' | 'active' | 'failed';
  createdAt: string;
  regions: { region: string; state: string; l3Version: number | null; error: string | null }[];
}

/** A region where the tenant is not there yet says so and is asked again: the order of the two calls does not matter. */
export async function addService(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  name: string,
): Promise<{ service: ServiceView; job: string }> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    await requireServed(trx, tenant);
    const { count } = await trx
      .selectFrom('services')
      .select((eb) => eb.fn.countAll<string>().as('count'))
      .where('tenant', '=', tenant)
      .executeTakeFirstOrThrow();
    if (Number(count) >= MAX_SERVICES_PER_TENANT)
      throw new CmkError('LIMIT_REACHED', `a tenant has at most ${MAX_SERVICES_PER_TENANT} services`);
    const inserted = await trx
      .insertInto('services')
      .values({ tenant, name })
      .onConflict((conflict) => conflict.doNothing())
      .returning('created_at')
      .executeTakeFirst();
    if (inserted === undefined) throw new CmkError('ALREADY_EXISTS', `${tenant} has a service ${name}`);
    const regions = await tenantRegions(trx, tenant);
    const tasks = nonEmpty(regions.map((region) => ({ region, payload: { tenant, service: name } })));
    if (tasks === undefined) throw new CmkError('NO_REGIONS', `${tenant} lives in no region`);
    await trx
      .insertInto('service_regions')
      .values(
        regions.map((region) => ({
          tenant,
          service: name,
          region,
          state: 'provisioning' as const,
          l3_version: null,
          error: null,
        })),
      )
      .execute();
    const job = await createJob(cmk, trx, {
      kind: 'SERVICE_PROVISION',
      tasks,
      correlationId: who.correlationId,
      deadlineMs: PROVISION_DEADLINE_MS,
    });
    await audit(trx, who, {
      tenant,
      action: 'service.add',
      subject: `service:${tenant}/${name}`,
      outcome: 'accepted',
      detail: { job },
    });
    const [service] = await viewsOf(trx, tenant, [{ name, created_at: inserted.created_at }]);
    if (service === undefined) throw new Error('a service that was just added is missing');
    return { service, job };
  });
}

/** Throws TENANT_UNKNOWN, SERVICE_UNKNOWN. */
export async function getService(cmk: Cmk, tenant: string, name: string): Promise<ServiceView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    const row = await trx
      .selectFrom('services')
      .select(['name', 'created_at'])
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .executeTakeFirst();
    const [view] = row === undefined ? [] : await viewsOf(trx, tenant, [row]);
    if (view === undefined) throw new CmkError('SERVICE_UNKNOWN', `${tenant} has no service ${name}`);
    return view;
  });
}

export interface ServiceFilter {
  readonly state?: ServiceView['state'];
  /** With which its name begins. */
  readonly search?: string;
}

/** The state that `overall` (tenants.ts) would say, for a filter to compare with. */
const STATE = sql<ServiceView['state']>`(
  SELECT CASE WHEN bool_or(r.state = 'failed') THEN 'failed'
              WHEN bool_and(r.state = 'active') THEN 'active' ELSE 'provisioning' END
    FROM service_regions r WHERE r.tenant = services.tenant AND r.service = services.name)`;

export async function listServices(
  cmk: Cmk,
  tenant: string,
  { state, search }: ServiceFilter,
  page: PageRequest,
): Promise<Page<ServiceView>> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('services')
      .select(['name', 'created_at'])
      .where('tenant', '=', tenant)
      .orderBy('name')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('name', '>', after);
    if (state !== undefined) query = query.where(STATE, '=', state);
    if (search !== undefined) query = query.where(sql<boolean>`starts_with(name, lower(${search}))`);
    const rows = await query.execute();
    return toPage(
      await viewsOf(trx, tenant, rows),
      page,
      (view) => view.name,
      (view) => view,
    );
  });
}

async function viewsOf(
  trx: Trx,
  tenant: string,
  rows: readonly { name: string; created_at: Date }[],
): Promise<ServiceView[]> {
  if (rows.length === 0) return [];
  const regions = await trx
    .selectFrom('service_regions')
    .selectAll()
    .where('tenant', '=', tenant)
    .where(
      'service',
      'in',
      rows.map((row) => row.name),
    )
    .orderBy('region')
    .execute();
  return rows.map((row) => {
    const own = regions.filter((region) => region.service === row.name);
    return {
      name: row.name,
      state: overall(own.map((region) => region.state)),
      createdAt: instant(row.created_at),
      regions: own.map(({ region, state, l3_version, error }) => ({
        region,
        state,
        l3Version: l3_version,
        error,
      })),
    };
  });
}
