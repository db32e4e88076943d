/**
 * Which L1 keys belong to a key configuration (key-configurations.ts), and which of them is its primary key. All run in the
 * caller's transaction, with the tenant locked.
 */
import type { Selectable } from 'kysely';
import { CmkError } from '../errors.ts';
import { MAX_KEY_CONFIGURATIONS_PER_TENANT } from '../limits.ts';
import { linksOf } from '../links/view.ts';
import type { KeyConfigurationRow } from '../store/system-tables.ts';
import type { Trx } from '../store/transactions.ts';

/** Where keys go that are registered without naming another. */
export const DEFAULT_CONFIGURATION = 'default';

export interface ConfigurationId {
  readonly tenant: string;
  readonly name: string;
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

/** Before a key is made at its provider: whether `adoptKey` would take it. Errors: as there, and LIMIT_REACHED. */
export async function requirePlace(trx: Trx, tenant: string, name = DEFAULT_CONFIGURATION): Promise<void> {
  if (name === DEFAULT_CONFIGURATION) await refuseTooMany(trx, { tenant, name });
  else await requireConfiguration(trx, { tenant, name });
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

/** Whether there is one of that name or not. */
async function refuseTooMany(trx: Trx, { tenant, name }: ConfigurationId): Promise<void> {
  const { count } = await trx
    .selectFrom('key_configurations')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('tenant', '=', tenant)
    .where('name', '!=', name)
    .executeTakeFirstOrThrow();
  if (Number(count) >= MAX_KEY_CONFIGURATIONS_PER_TENANT)
    throw new CmkError(
      'LIMIT_REACHED',
      `a tenant has at most ${MAX_KEY_CONFIGURATIONS_PER_TENANT} key configurations`,
    );
}

/** Returns whether it is new. */
export async function insertConfiguration(
  trx: Trx,
  configuration: ConfigurationId & { readonly description: string },
): Promise<boolean> {
  await refuseTooMany(trx, configuration);
  const inserted = await trx
    .insertInto('key_configurations')
    .values({ ...configuration, primary_key: null })
    .onConflict((conflict) => conflict.doNothing())
    .returning('name')
    .executeTakeFirst();
  return inserted !== undefined;
}

/** The first key of a configuration is its primary key. Errors: KEY_CONFIGURATION_UNKNOWN, KEY_UNKNOWN, KEY_CONFIGURATION_IN_USE. */
export async function putKey(trx: Trx, id: ConfigurationId, alias: string): Promise<void> {
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

/** Those that are not to be kept belong to no configuration afterwards. Errors: KEY_CONFIGURATION_IN_USE. */
export async function dropOthers(trx: Trx, id: ConfigurationId, keep: readonly string[]): Promise<void> {
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
export async function setPrimary(
  trx: Trx,
  { tenant, name }: ConfigurationId,
  alias: string | null,
): Promise<void> {
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
