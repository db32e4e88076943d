/**
 * Key configurations (separation record, "L1 CMK configuration and key reference management"): the L1 keys that may take
 * each other's place, one of which is primary, and the systems that stand on it.
 *
 * A tenant is linked to one L1 at a time (D1). So of its configurations that one is in use whose primary key its links
 * stand on; the others are prepared. Linking a key makes it the primary of its configuration, and nothing else changes
 * the primary of one that is in use: that would say what is not so, and switching keys takes a quorum (D13).
 */
import type { Selectable } from 'kysely';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { MAX_KEY_CONFIGURATIONS_PER_TENANT } from '../limits.ts';
import { linksOf } from '../links/view.ts';
import { type Actor, audit } from '../store/audit.ts';
import type { KeyConfigurationRow } from '../store/system-tables.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { lockTenant, requireTenant } from './lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from './pages.ts';
import { requireRevision } from './revisions.ts';

/** Where keys go that are registered without naming another. */
export const DEFAULT_CONFIGURATION = 'default';

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

export interface ConfigurationId {
  readonly tenant: string;
  readonly name: string;
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

/**
 * For a key that has just been registered, in that transaction: it joins the configuration, and is its primary key when
 * it is the first. The default configuration is made when it is needed. Errors: KEY_CONFIGURATION_UNKNOWN.
 */
export async function adoptKey(
  trx: Trx,
  key: { readonly tenant: string; readonly alias: string; readonly keyConfiguration?: string },
): Promise<void> {
  const { tenant, alias, keyConfiguration: name = DEFAULT_CONFIGURATION } = key;
  if (name === DEFAULT_CONFIGURATION) await insertConfiguration(trx, { tenant, name, description: '' });
  await putKey(trx, { tenant, name }, alias);
}

/** The key that the tenant is being linked to becomes the primary of its configuration. */
export async function makePrimary(trx: Trx, tenant: string, alias: string): Promise<void> {
  const row = await trx
    .selectFrom('key_configuration_keys')
    .select('configuration')
    .where('tenant', '=', tenant)
    .where('alias', '=', alias)
    .executeTakeFirst();
  if (row !== undefined) await setPrimary(trx, { tenant, name: row.configuration }, alias);
}

/** The primary key that the regions of the tenant are linked to, all of them; undefined where they are not. */
export async function keyInUse(trx: Trx, tenant: string): Promise<string | undefined> {
  const { regions } = await linksOf(trx, tenant);
  const keys = new Set(
    regions.map(({ state, key }) => (state === 'active' || state === 'rotating' ? key : null)),
  );
  const [key] = keys;
  return keys.size === 1 && key !== null ? key : undefined;
}

/** Throws KEY_CONFIGURATION_UNKNOWN. */
export async function requireConfiguration(
  trx: Trx,
  { tenant, name }: ConfigurationId,
): Promise<Selectable<KeyConfigurationRow>> {
  const row = await trx
    .selectFrom('key_configurations')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .executeTakeFirst();
  if (row === undefined)
    throw new CmkError('KEY_CONFIGURATION_UNKNOWN', `${tenant} has no key configuration ${name}`);
  return row;
}

/** Returns whether it is new. */
async function insertConfiguration(
  trx: Trx,
  configuration: ConfigurationId & { readonly description: string },
): Promise<boolean> {
  const { count } = await trx
    .selectFrom('key_configurations')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('tenant', '=', configuration.tenant)
    .where('name', '!=', configuration.name)
    .executeTakeFirstOrThrow();
  if (Number(count) >= MAX_KEY_CONFIGURATIONS_PER_TENANT)
    throw new CmkError(
      'LIMIT_REACHED',
      `a tenant has at most ${MAX_KEY_CONFIGURATIONS_PER_TENANT} key configurations`,
    );
  const inserted = await trx
    .insertInto('key_configurations')
    .values({ ...configuration, primary_key: null })
    .onConflict((conflict) => conflict.doNothing())
    .returning('name')
    .executeTakeFirst();
  return inserted !== undefined;
}

/** The first key of a configuration is its primary key. Errors: KEY_CONFIGURATION_UNKNOWN, KEY_UNKNOWN, KEY_CONFIGURATION_IN_USE. */
async function putKey(trx: Trx, id: ConfigurationId, alias: string): Promise<void> {
  const { tenant, name } = id;
  const { primary_key } = await requireConfiguration(trx, id);
  const key = await trx
    .selectFrom('l1_keys')
    .select('alias')
    .where('tenant', '=', tenant)
    .where('alias', '=', alias)
    .executeTakeFirst();
  if (key === undefined) throw new CmkError('KEY_UNKNOWN', `${tenant} has no key ${alias}`);
  await leaveOther(trx, id, alias);
  await trx
    .insertInto('key_configuration_keys')
    .values({ tenant, alias, configuration: name })
    .onConflict((conflict) => conflict.columns(['tenant', 'alias']).doUpdateSet({ configuration: name }))
    .execute();
  if (primary_key === null) await setPrimary(trx, id, alias);
}

/** A key leaves the configuration that it was in: as its primary only where no system would be left without one. */
async function leaveOther(trx: Trx, { tenant, name }: ConfigurationId, alias: string): Promise<void> {
  const other = await trx
    .selectFrom('key_configurations')
    .select('name')
    .where('tenant', '=', tenant)
    .where('primary_key', '=', alias)
    .where('name', '!=', name)
    .executeTakeFirst();
  if (other === undefined) return;
  await refuseWhileSystems(trx, { tenant, name: other.name }, alias);
  await setPrimary(trx, { tenant, name: other.name }, null);
}

async function refuseWhileSystems(trx: Trx, { tenant, name }: ConfigurationId, alias: string): Promise<void> {
  const system = await trx
    .selectFrom('systems')
    .select('name')
    .where('tenant', '=', tenant)
    .where('configuration', '=', name)
    .limit(1)
    .executeTakeFirst();
  if (system !== undefined)
    throw new CmkError(
      'KEY_CONFIGURATION_IN_USE',
      `${alias} is the primary key of ${name}, to which the system ${system.name} is linked`,
    );
}

async function dropOthers(trx: Trx, id: ConfigurationId, keep: readonly string[]): Promise<void> {
  const { tenant, name } = id;
  const { primary_key } = await requireConfiguration(trx, id);
  if (primary_key !== null && !keep.includes(primary_key)) {
    await refuseWhileSystems(trx, id, primary_key);
    if (primary_key === (await keyInUse(trx, tenant)))
      throw new CmkError('KEY_CONFIGURATION_IN_USE', `${tenant} is linked to its key ${primary_key}`);
    await setPrimary(trx, id, keep[0] ?? null);
  }
  let others = trx
    .deleteFrom('key_configuration_keys')
    .where('tenant', '=', tenant)
    .where('configuration', '=', name);
  if (keep.length > 0) others = others.where('alias', 'not in', [...keep]);
  await others.execute();
}

/** Errors: KEY_UNKNOWN when the key belongs to another configuration, or to none. */
async function setPrimary(trx: Trx, { tenant, name }: ConfigurationId, alias: string | null): Promise<void> {
  if (alias !== null) {
    const member = await trx
      .selectFrom('key_configuration_keys')
      .select('alias')
      .where('tenant', '=', tenant)
      .where('configuration', '=', name)
      .where('alias', '=', alias)
      .executeTakeFirst();
    if (member === undefined)
      throw new CmkError('KEY_UNKNOWN', `the key configuration ${name} of ${tenant} has no key ${alias}`);
  }
  await trx
    .updateTable('key_configurations')
    .set({ primary_key: alias })
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .execute();
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
    keys: keys
      .filter((key) => key.configuration === name)
      .map(({ alias, state }) => ({ alias, state })),
    systems: Number(systems.find((each) => each.configuration === name)?.count ?? 0),
    state: primary_key === null ? 'empty' : primary_key === inUse ? 'in-use' : 'prepared',
    createdAt: instant(created_at),
  }));
}
