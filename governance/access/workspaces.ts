/**
 * Workspaces: places on the customer's own platform, each linked to the one tenant whose keys protect what is in it, and the
 * services of the tenant that live there (separation record, "Tenant onboarding, workspace linking, and lifecycle events").
 */

import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { lockTenant, requireTenant } from '../domain/lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import { MAX_WORKSPACES_PER_TENANT } from '../limits.ts';
import { asTenant, type Trx } from '../store/transactions.ts';

export interface NewWorkspace {
  readonly name: string;
  readonly displayName?: string;
  /** How the customer's platform calls it. */
  readonly externalId?: string;
}

export interface WorkspaceView {
  name: string;
  displayName: string;
  externalId: string | null;
  services: string[];
  createdAt: string;
}

/** Throws ALREADY_EXISTS, WORKSPACE_TAKEN, LIMIT_REACHED, TENANT_UNKNOWN. */
export async function createWorkspace(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  workspace: NewWorkspace,
): Promise<WorkspaceView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const present = await trx
      .selectFrom('workspaces')
      .select('name')
      .where('tenant', '=', tenant)
      .limit(MAX_WORKSPACES_PER_TENANT)
      .execute();
    if (present.some(({ name }) => name === workspace.name))
      throw new CmkError('ALREADY_EXISTS', `${tenant} has a workspace ${workspace.name}`);
    if (present.length >= MAX_WORKSPACES_PER_TENANT)
      throw new CmkError('LIMIT_REACHED', `a tenant has at most ${MAX_WORKSPACES_PER_TENANT} workspaces`);
    const row = await trx
      .insertInto('workspaces')
      .values({
        tenant,
        name: workspace.name,
        display_name: workspace.displayName ?? workspace.name,
        external_id: workspace.externalId ?? null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .executeTakeFirst();
    // The name is free, as was seen under the tenant's lock: it is the other key that is taken, by whichever tenant.
    if (row === undefined)
      throw new CmkError('WORKSPACE_TAKEN', `${workspace.externalId ?? ''} is linked to a tenant already`);
    await audit(trx, who, {
      tenant,
      action: 'workspace.create',
      subject: `workspace:${tenant}/${workspace.name}`,
      outcome: 'accepted',
      detail: { externalId: workspace.externalId ?? null },
    });
    return viewOf(row, []);
  });
}

export async function listWorkspaces(
  cmk: Cmk,
  tenant: string,
  page: PageRequest,
): Promise<Page<WorkspaceView>> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('workspaces')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('name')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('name', '>', after);
    const rows = await query.execute();
    const services = await servicesIn(
      trx,
      tenant,
      rows.map(({ name }) => name),
    );
    return toPage(
      rows,
      page,
      (row) => row.name,
      (row) => viewOf(row, services),
    );
  });
}

/** From now on exactly these services live in it; one that lived in another workspace has moved. */
export async function setServices(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  name: string,
  services: readonly string[],
): Promise<WorkspaceView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const row = await trx
      .selectFrom('workspaces')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .executeTakeFirst();
    if (row === undefined) throw new CmkError('WORKSPACE_UNKNOWN', `${tenant} has no workspace ${name}`);
    const wanted = [...new Set(services)];
    const known = await trx.selectFrom('services').select('name').where('tenant', '=', tenant).execute();
    const unknown = wanted.find((service) => !known.some((each) => each.name === service));
    if (unknown !== undefined) throw new CmkError('SERVICE_UNKNOWN', `${tenant} has no service ${unknown}`);
    await trx
      .deleteFrom('workspace_services')
      .where('tenant', '=', tenant)
      .where('workspace', '=', name)
      .execute();
    for (const service of wanted)
      await trx
        .insertInto('workspace_services')
        .values({ tenant, workspace: name, service })
        .onConflict((conflict) => conflict.columns(['tenant', 'service']).doUpdateSet({ workspace: name }))
        .execute();
    await audit(trx, who, {
      tenant,
      action: 'workspace.change',
      subject: `workspace:${tenant}/${name}`,
      outcome: 'accepted',
      detail: { services: wanted },
    });
    return viewOf(row, await servicesIn(trx, tenant, [name]));
  });
}

/** The services stay. Throws WORKSPACE_UNKNOWN. */
export async function removeWorkspace(cmk: Cmk, who: Actor, tenant: string, name: string): Promise<void> {
  await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const removed = await trx
      .deleteFrom('workspaces')
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .returning('external_id')
      .executeTakeFirst();
    if (removed === undefined) throw new CmkError('WORKSPACE_UNKNOWN', `${tenant} has no workspace ${name}`);
    await audit(trx, who, {
      tenant,
      action: 'workspace.remove',
      subject: `workspace:${tenant}/${name}`,
      outcome: 'accepted',
      detail: { externalId: removed.external_id },
    });
  });
}

interface Placed {
  readonly workspace: string;
  readonly service: string;
}

async function servicesIn(trx: Trx, tenant: string, workspaces: readonly string[]): Promise<Placed[]> {
  if (workspaces.length === 0) return [];
  return await trx
    .selectFrom('workspace_services')
    .select(['workspace', 'service'])
    .where('tenant', '=', tenant)
    .where('workspace', 'in', [...workspaces])
    .orderBy('service')
    .execute();
}

function viewOf(
  row: { name: string; display_name: string; external_id: string | null; created_at: Date },
  placed: readonly Placed[],
): WorkspaceView {
  return {
    name: row.name,
    displayName: row.display_name,
    externalId: row.external_id,
    services: placed.filter(({ workspace }) => workspace === row.name).map(({ service }) => service),
    createdAt: instant(row.created_at),
  };
}
