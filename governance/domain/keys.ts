/** Keystores, and the L1 keys in them: references only, the material stays with the customer's provider. */
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { liesBelow } from '../keystores/confinement.ts';
import { type KeyState, KeystoreError, type KeystoreProvider } from '../keystores/provider.ts';
import { MAX_KEYS_PER_TENANT } from '../limits.ts';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import { asPlatform, asTenant, type Trx } from '../store/transactions.ts';
import { adoptKey } from './configuration-keys.ts';
import { lockTenant, requireTenant } from './lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from './pages.ts';

export interface KeystoreView {
  name: string;
  kind: string;
  config: { path: string };
  createdAt: string;
}
export interface KeyView {
  alias: string;
  keystore: string;
  reference: string;
  /** As the provider said at `checkedAt`. */
  state: string;
  stateSince: string;
  checkedAt: string;
  createdAt: string;
}

/** The same keystore again changes nothing. Throws KEYSTORE_PATH_REFUSED, ALREADY_EXISTS. */
export async function addKeystore(
  cmk: Cmk,
  who: Actor,
  keystore: { readonly name: string; readonly kind: 'software'; readonly config: { readonly path: string } },
): Promise<{ created: boolean }> {
  if (!(await liesBelow(cmk.keystoreDirectory, keystore.config.path)))
    throw new CmkError(
      'KEYSTORE_PATH_REFUSED',
      `keystore ${keystore.name} names a place that is not for keystores`,
    );
  return await asPlatform(cmk.db, async (trx) => {
    const inserted = await trx
      .insertInto('keystores')
      .values({ name: keystore.name, kind: keystore.kind, config: JSON.stringify(keystore.config) })
      .onConflict((conflict) => conflict.doNothing())
      .returning('name')
      .executeTakeFirst();
    if (inserted === undefined) {
      const present = await trx
        .selectFrom('keystores')
        .selectAll()
        .where('name', '=', keystore.name)
        .executeTakeFirstOrThrow();
      if (present.kind !== keystore.kind || present.config.path !== keystore.config.path)
        throw new CmkError('ALREADY_EXISTS', `keystore ${keystore.name} is registered differently`);
      return { created: false };
    }
    await audit(trx, who, {
      action: 'keystore.register',
      subject: `keystore:${keystore.name}`,
      outcome: 'accepted',
      detail: { kind: keystore.kind },
    });
    return { created: true };
  });
}

export async function listKeystores(cmk: Cmk, page: PageRequest): Promise<Page<KeystoreView>> {
  return await asPlatform(cmk.db, async (trx) => {
    let query = trx
      .selectFrom('keystores')
      .selectAll()
      .orderBy('name')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('name', '>', after);
    return toPage(
      await query.execute(),
      page,
      (row) => row.name,
      (row) => ({ name: row.name, kind: row.kind, config: row.config, createdAt: instant(row.created_at) }),
    );
  });
}

export interface NewKey {
  readonly alias: string;
  readonly keystore: string;
  /** How the provider calls an existing key; left out, CMK has the keystore make one. */
  readonly reference?: string;
  /** Which it joins (key-configurations.ts); the default one when left out. */
  readonly keyConfiguration?: string;
}

/** Asks the provider first, outside any transaction; only a key that can be used now is registered. */
export async function addKey(cmk: Cmk, who: Actor, tenant: string, key: NewKey): Promise<KeyView> {
  const provider = await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    await refuseTakenAlias(trx, tenant, key.alias);
    return await providerNamed(cmk, trx, key.keystore);
  });
  const reference = key.reference ?? (await makeKey(provider));
  const state = await provider.describe(reference);
  cmk.metrics.keystoreAnswer(state);
  if (state === 'UNREACHABLE' || state === 'UNKNOWN')
    throw new CmkError('KEYSTORE_UNAVAILABLE', `keystore ${key.keystore} answered ${state}`);
  if (state !== 'ENABLED') throw new CmkError('KEY_NOT_USABLE', `the key is ${state} at its keystore`);

  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    await refuseTakenAlias(trx, tenant, key.alias);
    const { count } = await trx
      .selectFrom('l1_keys')
      .select((eb) => eb.fn.countAll<string>().as('count'))
      .where('tenant', '=', tenant)
      .executeTakeFirstOrThrow();
    if (Number(count) >= MAX_KEYS_PER_TENANT)
      throw new CmkError('LIMIT_REACHED', `a tenant has at most ${MAX_KEYS_PER_TENANT} keys`);
    const row = await trx
      .insertInto('l1_keys')
      .values({ tenant, alias: key.alias, keystore: key.keystore, reference, state })
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) {
      const own = await trx
        .selectFrom('l1_keys')
        .select('alias')
        .where('tenant', '=', tenant)
        .where('keystore', '=', key.keystore)
        .where('reference', '=', reference)
        .executeTakeFirst();
      if (own !== undefined) throw new CmkError('ALREADY_EXISTS', `this key is registered as ${own.alias}`);
      throw new CmkError('KEY_BELONGS_TO_OTHER_TENANT', `the key of keystore ${key.keystore} is taken`);
    }
    const { keyConfiguration } = key;
    await adoptKey(trx, { tenant, alias: key.alias, ...(keyConfiguration && { keyConfiguration }) });
    await audit(trx, who, {
      tenant,
      action: 'key.register',
      subject: `key:${tenant}/${key.alias}`,
      outcome: 'accepted',
      detail: { keystore: key.keystore, reference, made: key.reference === undefined },
    });
    return viewOf(row);
  });
}

export async function listKeys(cmk: Cmk, tenant: string, page: PageRequest): Promise<Page<KeyView>> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('l1_keys')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('alias')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('alias', '>', after);
    return toPage(await query.execute(), page, (row) => row.alias, viewOf);
  });
}

/** An L1 key and the provider to call for it. */
export interface UsableKey {
  readonly alias: string;
  readonly reference: string;
  readonly provider: KeystoreProvider;
}

/** Throws KEY_UNKNOWN. Calls nothing: the provider is called after the transaction. */
export async function requireKey(cmk: Cmk, trx: Trx, tenant: string, alias: string): Promise<UsableKey> {
  const key = await trx
    .selectFrom('l1_keys')
    .select(['alias', 'reference', 'keystore'])
    .where('tenant', '=', tenant)
    .where('alias', '=', alias)
    .executeTakeFirst();
  if (key === undefined) throw new CmkError('KEY_UNKNOWN', `${tenant} has no key ${alias}`);
  return { alias, reference: key.reference, provider: await providerNamed(cmk, trx, key.keystore) };
}

/** Keeps what the provider said. `state_since` moves only when the state does. Returns whether it did. */
export async function recordKeyState(
  trx: Trx,
  tenant: string,
  alias: string,
  state: KeyState,
): Promise<boolean> {
  const now = new Date();
  const changed = await trx
    .updateTable('l1_keys')
    .set({ state, state_since: now, checked_at: now })
    .where('tenant', '=', tenant)
    .where('alias', '=', alias)
    .where('state', '!=', state)
    .executeTakeFirst();
  if (changed.numUpdatedRows > 0n) return true;
  await trx
    .updateTable('l1_keys')
    .set({ checked_at: now })
    .where('tenant', '=', tenant)
    .where('alias', '=', alias)
    .execute();
  return false;
}

async function refuseTakenAlias(trx: Trx, tenant: string, alias: string): Promise<void> {
  const taken = await trx
    .selectFrom('l1_keys')
    .select('alias')
    .where('tenant', '=', tenant)
    .where('alias', '=', alias)
    .executeTakeFirst();
  if (taken !== undefined) throw new CmkError('ALREADY_EXISTS', `${tenant} has a key ${alias}`);
}

async function providerNamed(cmk: Cmk, trx: Trx, name: string): Promise<KeystoreProvider> {
  const keystore = await trx.selectFrom('keystores').selectAll().where('name', '=', name).executeTakeFirst();
  if (keystore === undefined) throw new CmkError('KEYSTORE_UNKNOWN', `there is no keystore ${name}`);
  return cmk.keystores({ name, kind: keystore.kind, config: keystore.config });
}

async function makeKey(provider: KeystoreProvider): Promise<string> {
  if (provider.createKey === undefined)
    throw new CmkError(
      'KEY_NOT_USABLE',
      `a keystore of kind ${provider.kind} makes no keys for CMK; name a reference`,
    );
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

function viewOf(row: {
  alias: string;
  keystore: string;
  reference: string;
  state: string;
  state_since: Date;
  checked_at: Date;
  created_at: Date;
}): KeyView {
  return {
    alias: row.alias,
    keystore: row.keystore,
    reference: row.reference,
    state: row.state,
    stateSince: instant(row.state_since),
    checkedAt: instant(row.checked_at),
    createdAt: instant(row.created_at),
  };
}
