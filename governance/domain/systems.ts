/**
 * Systems (separation record, "Mapping of Systems / applications to L1 keys"): what a customer runs, as the customer
 * names it, and which key configuration it stands on. Linking a system is a statement in governance alone: regions learn
 * of L1 keys through the links of the tenant, so a system is `pending` until those stand on its configuration's key.
 */
import type { Selectable } from 'kysely';
import { sql } from 'kysely';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { MAX_SYSTEMS_PER_TENANT } from '../limits.ts';
import type { SystemRow } from '../store/system-tables.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { keyInUse, requireConfiguration } from './configuration-keys.ts';
import { lockTenant, requireTenant } from './lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from './pages.ts';
import { requireRevision } from './revisions.ts';

export interface SystemView {
  name: string;
  kind: string;
  externalId: string;
  service: string | null;
  keyConfiguration: string | null;
  /** The primary key of its configuration. */
  key: string | null;
  /** `pending`: not every region is linked to that key. */
  state: 'unlinked' | 'pending' | 'linked';
  createdAt: string;
}

export interface SystemId {
  readonly tenant: string;
  readonly name: string;
}
type Change = SystemId & {
  /** Only if it is at this revision (revisions.ts). */
  readonly ifMatch?: string;
};

export interface NewSystem extends SystemId {
  readonly kind: string;
  readonly externalId: string;
  readonly service?: string;
  readonly keyConfiguration?: string;
}

/**
 * Errors: TENANT_UNKNOWN, ALREADY_EXISTS, SERVICE_UNKNOWN, LIMIT_REACHED, KEY_CONFIGURATION_UNKNOWN,
 * KEY_CONFIGURATION_EMPTY.
 */
export async function addSystem(cmk: Cmk, who: Actor, system: NewSystem): Promise<SystemView> {
  const { tenant, name, kind, externalId, service, keyConfiguration } = system;
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    await refuseTooMany(trx, tenant);
    if (service !== undefined) await requireService(trx, tenant, service);
    if (keyConfiguration !== undefined) await requirePrimary(trx, tenant, keyConfiguration);
    const inserted = await trx
      .insertInto('systems')
      .values({
        tenant,
        name,
        kind,
        external_id: externalId,
        service: service ?? null,
        configuration: keyConfiguration ?? null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('name')
      .executeTakeFirst();
    if (inserted === undefined)
      throw new CmkError(
        'ALREADY_EXISTS',
        `${tenant} has a system ${name}, or one that is ${kind} ${externalId}`,
      );
    await tell(trx, who, 'system.add', system, { kind, externalId, service, keyConfiguration });
    return await viewNamed(trx, system);
  });
}

/** Errors: TENANT_UNKNOWN, SYSTEM_UNKNOWN, REVISION_DIFFERS, SERVICE_UNKNOWN. */
export async function changeSystem(
  cmk: Cmk,
  who: Actor,
  change: Change & { readonly service: string | null },
): Promise<SystemView> {
  const { tenant, service } = change;
  return await changing(cmk, change, async (trx) => {
    if (service !== null) await requireService(trx, tenant, service);
    await update(trx, change, { service });
    await tell(trx, who, 'system.change', change, { service });
  });
}

/** Errors: TENANT_UNKNOWN, SYSTEM_UNKNOWN, REVISION_DIFFERS, KEY_CONFIGURATION_UNKNOWN, KEY_CONFIGURATION_EMPTY. */
export async function linkSystem(
  cmk: Cmk,
  who: Actor,
  change: Change & { readonly keyConfiguration: string },
): Promise<SystemView> {
  const { tenant, keyConfiguration } = change;
  return await changing(cmk, change, async (trx) => {
    await requirePrimary(trx, tenant, keyConfiguration);
    await update(trx, change, { configuration: keyConfiguration });
    await tell(trx, who, 'system.link', change, { keyConfiguration });
  });
}

/** Errors: TENANT_UNKNOWN, SYSTEM_UNKNOWN, REVISION_DIFFERS. */
export async function unlinkSystem(cmk: Cmk, who: Actor, change: Change): Promise<SystemView> {
  return await changing(cmk, change, async (trx) => {
    await update(trx, change, { configuration: null });
    await tell(trx, who, 'system.unlink', change, {});
  });
}

/** Errors: TENANT_UNKNOWN, SYSTEM_UNKNOWN, REVISION_DIFFERS. */
export async function removeSystem(cmk: Cmk, who: Actor, removal: Change): Promise<void> {
  const { tenant, name, ifMatch } = removal;
  await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    requireRevision(await viewNamed(trx, removal), ifMatch);
    await trx.deleteFrom('systems').where('tenant', '=', tenant).where('name', '=', name).execute();
    await tell(trx, who, 'system.remove', removal, {});
  });
}

/** Throws TENANT_UNKNOWN, SYSTEM_UNKNOWN. */
export async function getSystem(cmk: Cmk, id: SystemId): Promise<SystemView> {
  return await asTenant(cmk.db, id.tenant, async (trx) => {
    await requireTenant(trx, id.tenant);
    return await viewNamed(trx, id);
  });
}

export interface SystemFilter {
  readonly kind?: string;
  readonly externalId?: string;
  readonly service?: string;
  readonly keyConfiguration?: string;
  /** With which its name begins. */
  readonly search?: string;
}

export async function listSystems(
  cmk: Cmk,
  tenant: string,
  filter: SystemFilter,
  page: PageRequest,
): Promise<Page<SystemView>> {
  const { kind, externalId, service, keyConfiguration, search } = filter;
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('systems')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('name')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('name', '>', after);
    if (kind !== undefined) query = query.where('kind', '=', kind);
    if (externalId !== undefined) query = query.where('external_id', '=', externalId);
    if (service !== undefined) query = query.where('service', '=', service);
    if (keyConfiguration !== undefined) query = query.where('configuration', '=', keyConfiguration);
    if (search !== undefined) query = query.where(sql<boolean>`starts_with(name, lower(${search}))`);
    return toPage(
      await viewsOf(trx, tenant, await query.execute()),
      page,
      (view) => view.name,
      (view) => view,
    );
  });
}

async function changing(cmk: Cmk, change: Change, act: (trx: Trx) => Promise<void>): Promise<SystemView> {
  return await asTenant(cmk.db, change.tenant, async (trx) => {
    await lockTenant(trx, change.tenant);
    requireRevision(await viewNamed(trx, change), change.ifMatch);
    await act(trx);
    return await viewNamed(trx, change);
  });
}

async function update(
  trx: Trx,
  { tenant, name }: SystemId,
  change: { readonly service: string | null } | { readonly configuration: string | null },
): Promise<void> {
  await trx
    .updateTable('systems')
    .set(change)
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .execute();
}

async function tell(
  trx: Trx,
  who: Actor,
  action: string,
  { tenant, name }: SystemId,
  detail: Record<string, unknown>,
): Promise<void> {
  await audit(trx, who, {
    tenant,
    action,
    subject: `system:${tenant}/${name}`,
    outcome: 'accepted',
    detail,
  });
}

async function requireService(trx: Trx, tenant: string, service: string): Promise<void> {
  const row = await trx
    .selectFrom('services')
    .select('name')
    .where('tenant', '=', tenant)
    .where('name', '=', service)
    .executeTakeFirst();
  if (row === undefined) throw new CmkError('SERVICE_UNKNOWN', `${tenant} has no service ${service}`);
}

/** A configuration that a system stands on has a key to stand on. */
async function requirePrimary(trx: Trx, tenant: string, name: string): Promise<void> {
  const { primary_key } = await requireConfiguration(trx, { tenant, name });
  if (primary_key === null)
    throw new CmkError('KEY_CONFIGURATION_EMPTY', `the key configuration ${name} of ${tenant} has no key`);
}

async function refuseTooMany(trx: Trx, tenant: string): Promise<void> {
  const { count } = await trx
    .selectFrom('systems')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  if (Number(count) >= MAX_SYSTEMS_PER_TENANT)
    throw new CmkError('LIMIT_REACHED', `a tenant has at most ${MAX_SYSTEMS_PER_TENANT} systems`);
}

async function viewNamed(trx: Trx, { tenant, name }: SystemId): Promise<SystemView> {
  const rows = await trx
    .selectFrom('systems')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .execute();
  const [view] = await viewsOf(trx, tenant, rows);
  if (view === undefined) throw new CmkError('SYSTEM_UNKNOWN', `${tenant} has no system ${name}`);
  return view;
}

async function viewsOf(
  trx: Trx,
  tenant: string,
  rows: readonly Selectable<SystemRow>[],
): Promise<SystemView[]> {
  if (rows.length === 0) return [];
  const configurations = await trx
    .selectFrom('key_configurations')
    .select(['name', 'primary_key'])
    .where('tenant', '=', tenant)
    .execute();
  const primary = new Map(configurations.map(({ name, primary_key }) => [name, primary_key]));
  const inUse = await keyInUse(trx, tenant);
  return rows.map((row) => {
    const key = (row.configuration === null ? undefined : primary.get(row.configuration)) ?? null;
    return {
      name: row.name,
      kind: row.kind,
      externalId: row.external_id,
      service: row.service,
      keyConfiguration: row.configuration,
      key,
      state: row.configuration === null ? 'unlinked' : key !== null && key === inUse ? 'linked' : 'pending',
      createdAt: instant(row.created_at),
    };
  });
}
