/** L1 keys: references only, the material stays with the customer's provider. */

import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { KeystoreError, type KeystoreProvider } from '../keystores/provider.ts';
import { MAX_KEYS_PER_TENANT } from '../limits.ts';
import type { Key } from '../store/schema.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { adoptKey, requirePlace } from './configuration-keys.ts';
import { requireUsable } from './key-access.ts';
import { type StateView, stateView } from './key-states.ts';
import { providerNamed } from './keystores.ts';
import { lockTenant, requireTenant } from './lookups.ts';
import { cursorOf, instant, instantOrNull, limitOf, type Page, type PageRequest, toPage } from './pages.ts';

export interface KeyView extends StateView {
  alias: string;
  keystore: string;
  /** The provider's own name of the key. */
  reference: string;
  /** What the customer called it, where that is an alias or a short name of it. */
  named: string | null;
  origin: Key['origin'];
  /** Of the key, at its provider. */
  version: string | null;
  /** Where it belongs to (key-configurations.ts); null while its material has not come. */
  keyConfiguration: string | null;
  /** Of that configuration. */
  primary: boolean;
  /** When CMK last had the key wrap and unwrap something. */
  provedAt: string | null;
  createdAt: string;
}

export interface NewKey {
  readonly alias: string;
  readonly keystore: string;
  /** How the provider calls an existing key; left out, CMK has the keystore make one. */
  readonly reference?: string;
  /** Which it joins (key-configurations.ts); the default one when left out. */
  readonly keyConfiguration?: string;
}

/**
 * Asks the provider first, outside any transaction; only a key that can be used now, and that CMK has shown to be allowed
 * to use, is registered. What would refuse it is looked at before that, too: nobody removes a key that was made in vain. The
 * first of its configuration is its primary key.
 */
export async function addKey(cmk: Cmk, who: Actor, tenant: string, key: NewKey): Promise<KeyView> {
  const provider = await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    await requireRoom(trx, tenant, key.alias, key.keyConfiguration);
    return await providerNamed(cmk, trx, key.keystore);
  });
  const wanted = key.reference ?? (await makeKey(provider));
  const { reference, state, version } = await requireUsable(cmk, provider, wanted);
  const now = new Date();
  return await asTenant(cmk.db, tenant, async (trx) => {
    await insertKey(trx, {
      tenant,
      alias: key.alias,
      keystore: key.keystore,
      reference,
      named: wanted === reference ? null : wanted,
      origin: key.reference === undefined ? 'created' : 'reference',
      version,
      state,
      state_since: now,
      enabled_at: now,
      proved_at: now,
    });
    const { keyConfiguration } = key;
    await adoptKey(trx, { tenant, alias: key.alias, ...(keyConfiguration && { keyConfiguration }) });
    await audit(trx, who, {
      tenant,
      action: 'key.register',
      subject: `key:${tenant}/${key.alias}`,
      outcome: 'accepted',
      detail: { keystore: key.keystore, reference, made: key.reference === undefined },
    });
    return await viewKey(trx, tenant, key.alias);
  });
}

/** Whether there is room for one more key. Errors: ALREADY_EXISTS, LIMIT_REACHED, KEY_CONFIGURATION_UNKNOWN. */
export async function requireRoom(
  trx: Trx,
  tenant: string,
  alias: string,
  configuration?: string,
): Promise<void> {
  await refuseTakenAlias(trx, tenant, alias);
  await requirePlace(trx, tenant, configuration);
  const { count } = await trx
    .selectFrom('l1_keys')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  if (Number(count) >= MAX_KEYS_PER_TENANT)
    throw new CmkError('LIMIT_REACHED', `a tenant has at most ${MAX_KEYS_PER_TENANT} keys`);
}

type NewKeyRow = Pick<Key, 'tenant' | 'alias' | 'keystore' | 'reference' | 'origin' | 'state'> &
  Partial<Pick<Key, 'named' | 'version' | 'state_since' | 'enabled_at' | 'proved_at'>>;

/** Locks the tenant. Errors: ALREADY_EXISTS, LIMIT_REACHED, KEY_BELONGS_TO_OTHER_TENANT. */
export async function insertKey(trx: Trx, key: NewKeyRow): Promise<Key> {
  const { tenant, keystore, reference } = key;
  await lockTenant(trx, tenant);
  await requireRoom(trx, tenant, key.alias);
  const row = await trx
    .insertInto('l1_keys')
    .values(key)
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst();
  if (row !== undefined) return row;
  const own = await trx
    .selectFrom('l1_keys')
    .select('alias')
    .where('tenant', '=', tenant)
    .where('reference', '=', reference)
    .executeTakeFirst();
  if (own !== undefined) throw new CmkError('ALREADY_EXISTS', `this key is registered as ${own.alias}`);
  throw new CmkError('KEY_BELONGS_TO_OTHER_TENANT', `the key of keystore ${keystore} is taken`);
}

export async function listKeys(cmk: Cmk, tenant: string, page: PageRequest): Promise<Page<KeyView>> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = keysWithPlace(trx)
      .where('l1_keys.tenant', '=', tenant)
      .orderBy('l1_keys.alias')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('l1_keys.alias', '>', after);
    return toPage(await query.execute(), page, (row) => row.alias, viewOf);
  });
}

/** Throws TENANT_UNKNOWN, KEY_UNKNOWN. */
export async function getKey(cmk: Cmk, tenant: string, alias: string): Promise<KeyView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    return await viewKey(trx, tenant, alias);
  });
}

export const viewKey = async (trx: Trx, tenant: string, alias: string): Promise<KeyView> =>
  viewOf(await findKey(trx, tenant, alias));

/** An L1 key and the provider to call for it. */
export interface UsableKey {
  readonly alias: string;
  readonly keystore: string;
  readonly reference: string;
  readonly provider: KeystoreProvider;
}

/** Throws KEY_UNKNOWN. Calls nothing: the provider is called after the transaction. */
export async function requireKey(cmk: Cmk, trx: Trx, tenant: string, alias: string): Promise<UsableKey> {
  const { keystore, reference } = await findKey(trx, tenant, alias);
  return { alias, keystore, reference, provider: await providerNamed(cmk, trx, keystore) };
}

async function findKey(trx: Trx, tenant: string, alias: string): Promise<PlacedKey> {
  const row = await keysWithPlace(trx)
    .where('l1_keys.tenant', '=', tenant)
    .where('l1_keys.alias', '=', alias)
    .executeTakeFirst();
  if (row === undefined) throw new CmkError('KEY_UNKNOWN', `${tenant} has no key ${alias}`);
  return row;
}

type PlacedKey = Key & { readonly configuration: string | null; readonly primary_key: string | null };

/** Keys, each with the configuration that it is in and the primary key of that. */
const keysWithPlace = (trx: Trx) =>
  trx
    .selectFrom('l1_keys')
    .leftJoin('key_configuration_keys as place', (join) =>
      join.onRef('place.tenant', '=', 'l1_keys.tenant').onRef('place.alias', '=', 'l1_keys.alias'),
    )
    .leftJoin('key_configurations', (join) =>
      join
        .onRef('key_configurations.tenant', '=', 'place.tenant')
        .onRef('key_configurations.name', '=', 'place.configuration'),
    )
    .selectAll('l1_keys')
    .select(['place.configuration', 'key_configurations.primary_key']);

async function refuseTakenAlias(trx: Trx, tenant: string, alias: string): Promise<void> {
  const taken = await trx
    .selectFrom('l1_keys')
    .select('alias')
    .where('tenant', '=', tenant)
    .where('alias', '=', alias)
    .executeTakeFirst();
  if (taken !== undefined) throw new CmkError('ALREADY_EXISTS', `${tenant} has a key ${alias}`);
}

async function makeKey(provider: KeystoreProvider): Promise<string> {
  if (provider.createKey === undefined)
    throw new CmkError('KEYSTORE_CANNOT', `a keystore of kind ${provider.kind} makes no keys for CMK`);
  try {
    return await provider.createKey();
  } catch (error) {
    if (error instanceof KeystoreError)
      throw new CmkError('KEYSTORE_UNAVAILABLE', `the keystore made no key: ${error.message}`, {
        cause: error,
      });
    throw error;
  }
}

const viewOf = (row: PlacedKey): KeyView => ({
  alias: row.alias,
  keystore: row.keystore,
  reference: row.reference,
  named: row.named,
  origin: row.origin,
  version: row.version,
  keyConfiguration: row.configuration,
  primary: row.primary_key === row.alias,
  ...stateView(row),
  provedAt: instantOrNull(row.proved_at),
  createdAt: instant(row.created_at),
});
