/**
 * Key configurations (separation record, "L1 CMK configuration and key reference management"): the L1 keys that may take
 * each other's place, one of which is primary, and the systems that stand on it.
 *
 * A tenant is linked to one L1 at a time (D1). So of its configurations that one is in use whose primary key its links
 * stand on; the others are prepared. Linking a key makes it the primary of its configuration, and nothing else changes
 * the primary of one that is in use: that would say what is not so, and switching keys takes a quorum (D13).
 */
import type { Selectable } from 'kysely';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import type { KeyConfigurationRow } from '../store/system-tables.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import {
  type ConfigurationId,
  dropOthers,
  insertConfiguration,
  keyInUse,
  putKey,
  requireConfiguration,
  setPrimary,
} from './configuration-keys.ts';
import { lockTenant, requireTenant } from './lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from './pages.ts';
import { requireRevision } from './revisions.ts';

export interface KeyConfigurationView {
  name: string;
  description: string;
  primaryKey: string | null;
  keys: { alias: string; state: string }[];
  /** How many are linked to it. */
  systems: number;
  /** `in-use`: every region of the tenant is linked to its primary key. `empty`: it has no key yet. */
  state: 'empty' | 'prepared' | 'in-use';
  createdAt: string;
}

interface Conditional {
  /** Only if it is at this revision (revisions.ts). */
  readonly ifMatch?: string;
}

/**
 * Errors: TENANT_UNKNOWN, ALREADY_EXISTS, LIMIT_REACHED, KEY_UNKNOWN, KEY_CONFIGURATION_IN_USE when one of the keys is
 * the primary of another configuration that systems are linked to.
 */
export async function createConfiguration(
  cmk: Cmk,
  who: Actor,
  wish: ConfigurationId & { readonly description?: string; readonly keys?: readonly string[] },
): Promise<KeyConfigurationView> {
  const { tenant, name, description = '', keys = [] } = wish;
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    if (!(await insertConfiguration(trx, { tenant, name, description })))
      throw new CmkError('ALREADY_EXISTS', `${tenant} has a key configuration ${name}`);
    for (const alias of new Set(keys)) await putKey(trx, { tenant, name }, alias);
    await audit(trx, who, {
      tenant,
      action: 'key-configuration.create',
      subject: `key-configuration:${tenant}/${name}`,
      outcome: 'accepted',
      detail: { keys },
    });
    return await viewNamed(trx, { tenant, name });
  });
}

/**
 * Errors: TENANT_UNKNOWN, KEY_CONFIGURATION_UNKNOWN, REVISION_DIFFERS, KEY_UNKNOWN, and KEY_CONFIGURATION_IN_USE when
 * the primary key of one in use would change.
 */
export async function changeConfiguration(
  cmk: Cmk,
  who: Actor,
  change: ConfigurationId &
    Conditional & {
      readonly description?: string;
      /** All that shall belong to it; those left out belong to none. */
      readonly keys?: readonly string[];
      readonly primaryKey?: string;
    },
): Promise<KeyConfigurationView> {
  const { tenant, name, description, keys, primaryKey, ifMatch } = change;
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const before = await viewNamed(trx, change);
    requireRevision(before, ifMatch);
    if (description !== undefined)
      await trx
        .updateTable('key_configurations')
        .set({ description })
        .where('tenant', '=', tenant)
        .where('name', '=', name)
        .execute();
    for (const alias of new Set(keys)) await putKey(trx, change, alias);
    if (primaryKey !== undefined && primaryKey !== before.primaryKey) {
      refuseInUse(before, `its primary key is ${before.primaryKey}`);
      await setPrimary(trx, change, primaryKey);
    }
    if (keys !== undefined) await dropOthers(trx, change, keys);
    await audit(trx, who, {
      tenant,
      action: 'key-configuration.change',
      subject: `key-configuration:${tenant}/${name}`,
      outcome: 'accepted',
      detail: {
        ...(keys === undefined ? {} : { keys }),
        ...(primaryKey === undefined ? {} : { primaryKey }),
      },
    });
    return await viewNamed(trx, change);
  });
}

/** Errors: TENANT_UNKNOWN, KEY_CONFIGURATION_UNKNOWN, REVISION_DIFFERS, KEY_CONFIGURATION_IN_USE. */
export async function removeConfiguration(
  cmk: Cmk,
  who: Actor,
  removal: ConfigurationId & Conditional,
): Promise<void> {
  const { tenant, name, ifMatch } = removal;
  await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const view = await viewNamed(trx, removal);
    requireRevision(view, ifMatch);
    if (view.systems > 0)
      throw new CmkError('KEY_CONFIGURATION_IN_USE', `${view.systems} systems are linked to ${name}`);
    refuseInUse(view, `${tenant} is linked to its key ${view.primaryKey}`);
    await setPrimary(trx, removal, null);
    await trx
      .deleteFrom('key_configurations')
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .execute();
    await audit(trx, who, {
      tenant,
      action: 'key-configuration.remove',
      subject: `key-configuration:${tenant}/${name}`,
      outcome: 'accepted',
    });
  });
}

/** Throws TENANT_UNKNOWN, KEY_CONFIGURATION_UNKNOWN. */
export async function getConfiguration(cmk: Cmk, id: ConfigurationId): Promise<KeyConfigurationView> {
  return await asTenant(cmk.db, id.tenant, async (trx) => {
    await requireTenant(trx, id.tenant);
    return await viewNamed(trx, id);
  });
}

export async function listConfigurations(
  cmk: Cmk,
  tenant: string,
  page: PageRequest,
): Promise<Page<KeyConfigurationView>> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('key_configurations')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('name')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('name', '>', after);
    return toPage(
      await viewsOf(trx, tenant, await query.execute()),
      page,
      (view) => view.name,
      (view) => view,
    );
  });
}

function refuseInUse(view: KeyConfigurationView, why: string): void {
  if (view.state === 'in-use')
    throw new CmkError('KEY_CONFIGURATION_IN_USE', `the key configuration ${view.name} is in use: ${why}`);
}

async function viewNamed(trx: Trx, id: ConfigurationId): Promise<KeyConfigurationView> {
  const [view] = await viewsOf(trx, id.tenant, [await requireConfiguration(trx, id)]);
  if (view === undefined) throw new Error('a key configuration without a view');
  return view;
}

async function viewsOf(
  trx: Trx,
  tenant: string,
  rows: readonly Selectable<KeyConfigurationRow>[],
): Promise<KeyConfigurationView[]> {
  if (rows.length === 0) return [];
  const names = rows.map((row) => row.name);
  const keys = await trx
    .selectFrom('key_configuration_keys as c')
    .innerJoin('l1_keys as k', (join) =>
      join.onRef('k.tenant', '=', 'c.tenant').onRef('k.alias', '=', 'c.alias'),
    )
    .select(['c.configuration', 'k.alias', 'k.state'])
    .where('c.tenant', '=', tenant)
    .where('c.configuration', 'in', names)
    .orderBy('k.alias')
    .execute();
  const systems = await trx
    .selectFrom('systems')
    .select((eb) => ['configuration', eb.fn.countAll<string>().as('count')])
    .where('tenant', '=', tenant)
    .where('configuration', 'in', names)
    .groupBy('configuration')
    .execute();
  const inUse = await keyInUse(trx, tenant);
  return rows.map(({ name, description, primary_key, created_at }) => ({
    name,
    description,
    primaryKey: primary_key,
    keys: keys.filter((key) => key.configuration === name).map(({ alias, state }) => ({ alias, state })),
    systems: Number(systems.find((each) => each.configuration === name)?.count ?? 0),
    state: primary_key === null ? 'empty' : primary_key === inUse ? 'in-use' : 'prepared',
    createdAt: instant(created_at),
  }));
}
