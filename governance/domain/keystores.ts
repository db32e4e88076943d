/** Keystores: where customers' L1 keys lie, and how CMK reaches them. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import {
  addressProblem,
  bringsCredential,
  filesOf,
  type KeystoreKind,
  withoutFiles,
} from '../keystores/configs.ts';
import { liesBelow } from '../keystores/confinement.ts';
import type { KeystoreProvider } from '../keystores/provider.ts';
import { asPlatform, asTenant, type Trx } from '../store/transactions.ts';
import { requireTenant } from './lookups.ts';
import { cursorOf, instant, limitOf, type Page, type PageRequest, toPage } from './pages.ts';

export interface KeystoreView {
  name: string;
  kind: string;
  config: Record<string, unknown>;
  /** Whose it is; null: every tenant may have keys in it. */
  tenant: string | null;
  createdAt: string;
}

export interface NewKeystore {
  readonly name: string;
  readonly kind: KeystoreKind;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tenant?: string;
}

/**
 * The same keystore again changes nothing. Calls nobody: whether it can be reached shows with its first key.
 * Errors: KEYSTORE_PATH_REFUSED, INVALID_REQUEST, TENANT_UNKNOWN, ALREADY_EXISTS.
 */
export async function addKeystore(
  cmk: Cmk,
  who: Actor,
  { name, kind, config, tenant }: NewKeystore,
): Promise<{ created: boolean }> {
  // A tenant's keystore names files of the tenant's alone: another's credential would be lent to it otherwise.
  const directory = tenant === undefined ? cmk.keystoreDirectory : join(cmk.keystoreDirectory, tenant);
  for (const path of filesOf(config))
    if (!(await liesBelow(directory, path)))
      throw new CmkError('KEYSTORE_PATH_REFUSED', `keystore ${name} names a place that is not for it`);
  // A library is code that would run as CMK: none is loaded that the configuration of the process does not name.
  if (typeof config['module'] === 'string' && !cmk.pkcs11Modules.includes(config['module']))
    throw new CmkError('KEYSTORE_PATH_REFUSED', `keystore ${name} names a library that is not allowed`);
  if (tenant !== undefined && !bringsCredential(kind, config))
    throw new CmkError('INVALID_REQUEST', "body config: a tenant's keystore needs a credential of its own");
  const problem = addressProblem(kind, config, { loopback: tenant === undefined });
  if (problem !== undefined) throw new CmkError('INVALID_REQUEST', `body config: ${problem}`);
  const register = async (trx: Trx): Promise<{ created: boolean }> => {
    if (tenant !== undefined) await requireTenant(trx, tenant);
    const owner = tenant ?? null;
    const inserted = await trx
      .insertInto('keystores')
      .values({ name, kind, config: JSON.stringify(config), tenant: owner })
      .onConflict((conflict) => conflict.doNothing())
      .returning('name')
      .executeTakeFirst();
    if (inserted === undefined) {
      // Another tenant's is not seen from here, and its name is taken all the same.
      const present = await trx
        .selectFrom('keystores')
        .selectAll()
        .where('name', '=', name)
        .executeTakeFirst();
      if (
        present?.kind !== kind ||
        present.tenant !== owner ||
        !isDeepStrictEqual(present.config, { ...config })
      )
        throw new CmkError('ALREADY_EXISTS', `keystore ${name} is registered differently`);
      return { created: false };
    }
    await audit(trx, who, {
      ...(tenant !== undefined && { tenant }),
      action: 'keystore.register',
      subject: `keystore:${name}`,
      outcome: 'accepted',
      detail: { kind },
    });
    return { created: true };
  };
  return tenant === undefined ? await asPlatform(cmk.db, register) : await asTenant(cmk.db, tenant, register);
}

/** Those that are everybody's; with a tenant also its own. Throws TENANT_UNKNOWN. */
export async function listKeystores(
  cmk: Cmk,
  page: PageRequest,
  tenant?: string,
): Promise<Page<KeystoreView>> {
  const list = async (trx: Trx): Promise<Page<KeystoreView>> => {
    if (tenant !== undefined) await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('keystores')
      .selectAll()
      .where((eb) =>
        tenant === undefined
          ? eb('tenant', 'is', null)
          : eb.or([eb('tenant', 'is', null), eb('tenant', '=', tenant)]),
      )
      .orderBy('name')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) query = query.where('name', '>', after);
    return toPage(
      await query.execute(),
      page,
      (row) => row.name,
      (row) => ({
        name: row.name,
        kind: row.kind,
        // Where the platform keeps its credentials is nobody else's business.
        config: tenant !== undefined && row.tenant === null ? withoutFiles(row.config) : row.config,
        tenant: row.tenant,
        createdAt: instant(row.created_at),
      }),
    );
  };
  return tenant === undefined ? await asPlatform(cmk.db, list) : await asTenant(cmk.db, tenant, list);
}

/** Of those that the transaction's tenant may use. Throws KEYSTORE_UNKNOWN. Calls nothing. */
export async function providerNamed(cmk: Cmk, trx: Trx, name: string): Promise<KeystoreProvider> {
  const keystore = await trx.selectFrom('keystores').selectAll().where('name', '=', name).executeTakeFirst();
  if (keystore === undefined) throw new CmkError('KEYSTORE_UNKNOWN', `there is no keystore ${name}`);
  return cmk.keystores({ name, kind: keystore.kind, config: keystore.config });
}
