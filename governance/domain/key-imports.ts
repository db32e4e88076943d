/**
 * Bringing one's own key: the provider says how material has to be wrapped, the customer wraps it (with their own tools, or
 * `okcm key import`), and the wrapped form goes through CMK to the provider. CMK never holds what could open it.
 */
import type { Selectable } from 'kysely';
import { type ImportAlgorithm, importAlgorithms } from '../../platform/key-wrap.ts';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import type { ImportParameters, ImportTicket, KeyFacts, KeystoreProvider } from '../keystores/provider.ts';
import { KeystoreError, MAX_REFERENCE_LENGTH, MAX_TICKET_LENGTH, PASSING } from '../keystores/provider.ts';
import { MAX_OPEN_IMPORTS_PER_TENANT } from '../limits.ts';
import type { KeyImportRow } from '../store/keystore-tables.ts';
import type { Key } from '../store/schema.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { adoptKey } from './configuration-keys.ts';
import { proveAccess, refusalOf, unusable } from './key-access.ts';
import { insertKey, type KeyView, requireKey, requireRoom, viewKey } from './keys.ts';
import { providerNamed } from './keystores.ts';
import { lockTenant, requireTenant } from './lookups.ts';
import { instant } from './pages.ts';

export interface ImportView {
  alias: string;
  keystore: string;
  reference: string;
  algorithm: ImportAlgorithm;
  material: KeyImportRow['material'];
  /** RSA, SubjectPublicKeyInfo PEM. */
  publicKey: string;
  /** Nothing that is uploaded later is taken. */
  expiresAt: string;
}

/**
 * A key without material, and how to wrap what shall become it. An import that is open is answered as it is; one that has
 * expired is begun anew.
 * Errors: TENANT_UNKNOWN, KEYSTORE_UNKNOWN, KEYSTORE_CANNOT, KEYSTORE_UNAVAILABLE, ALREADY_EXISTS, LIMIT_REACHED.
 */
export async function beginImport(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  { alias, keystore }: { readonly alias: string; readonly keystore: string },
): Promise<ImportView> {
  const id = { tenant, alias, keystore };
  const { open, provider } = await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    return { open: await openImport(trx, id), provider: await providerNamed(cmk, trx, keystore) };
  });
  if (open !== undefined) return open;
  if (provider.beginImport === undefined)
    throw new CmkError('KEYSTORE_CANNOT', `a keystore of kind ${provider.kind} takes no key material`);
  const begun = await provider.beginImport().catch((error: unknown) => {
    throw refusalOf(error);
  });
  refuseOversized(begun);
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const other = await openImport(trx, id);
    // Somebody was faster: two would wrap for two keys, and one of them in vain.
    if (other !== undefined) return other;
    await keepImport(trx, who, id, begun);
    await audit(trx, who, {
      tenant,
      action: 'key.import.begin',
      subject: `key:${tenant}/${alias}`,
      outcome: 'accepted',
      detail: { keystore, reference: begun.reference, expiresAt: begun.expiresAt.toISOString() },
    });
    return viewOf({ alias, keystore, reference: begun.reference }, await requireImport(trx, tenant, alias));
  });
}

/** Errors: TENANT_UNKNOWN, IMPORT_UNKNOWN. */
export async function getImport(cmk: Cmk, tenant: string, alias: string): Promise<ImportView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    const begun = await requireImport(trx, tenant, alias);
    return viewOf(await viewKey(trx, tenant, alias), begun);
  });
}

/**
 * Hands the wrapped form to the provider, proves that the key can be used, and only then calls it usable: it joins the
 * default key configuration, as its primary key when it is the first. Asked again after an answer that got lost, it goes on where it was.
 * Errors: IMPORT_UNKNOWN, IMPORT_EXPIRED, IMPORT_REFUSED, KEYSTORE_UNAVAILABLE, KEY_NOT_USABLE.
 */
export async function finishImport(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  alias: string,
  wrapped: Buffer,
): Promise<KeyView> {
  const { key, ticket } = await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    const begun = await requireImport(trx, tenant, alias);
    if (begun.expires_at <= new Date())
      throw new CmkError('IMPORT_EXPIRED', `the import of ${alias} ended at ${instant(begun.expires_at)}`);
    const usable = await requireKey(cmk, trx, tenant, alias);
    const algorithm = algorithmOf(begun);
    return { key: usable, ticket: { reference: usable.reference, algorithm, ticket: begun.ticket } };
  });
  const facts = await upload(key.provider, ticket, wrapped);
  cmk.metrics.keystoreAnswer(facts.state);
  if (facts.state !== 'ENABLED') throw unusable(facts.state);
  await proveAccess(key.provider, facts.reference).catch((error: unknown) => {
    throw refusalOf(error);
  });
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    await requireImport(trx, tenant, alias);
    const now = new Date();
    await trx
      .updateTable('l1_keys')
      .set({
        state: 'ENABLED',
        state_since: now,
        checked_at: now,
        enabled_at: now,
        proved_at: now,
        warning: null,
        warning_since: null,
        probe_failures: 0,
        reference: facts.reference,
        version: facts.version,
      })
      .where('tenant', '=', tenant)
      .where('alias', '=', alias)
      .execute();
    await adoptKey(trx, { tenant, alias });
    await trx
      .updateTable('l1_key_imports')
      .set({ finished_at: now })
      .where('tenant', '=', tenant)
      .where('alias', '=', alias)
      .execute();
    await audit(trx, who, {
      tenant,
      action: 'key.import',
      subject: `key:${tenant}/${alias}`,
      outcome: 'succeeded',
      detail: { keystore: key.keystore, reference: facts.reference },
    });
    return await viewKey(trx, tenant, alias);
  });
}

/** Looks first: what an earlier upload has brought there already is not sent again. */
async function upload(provider: KeystoreProvider, ticket: ImportTicket, wrapped: Buffer): Promise<KeyFacts> {
  const { finishImport } = provider;
  if (finishImport === undefined)
    throw new CmkError('KEYSTORE_CANNOT', `a keystore of kind ${provider.kind} takes no key material`);
  if ((await provider.describe(ticket.reference)) !== 'ENABLED')
    try {
      await finishImport(ticket, wrapped);
    } catch (error) {
      // What the provider does not understand is the upload: everything else about the call is as it gave it out.
      if (error instanceof KeystoreError && (error.state === 'UNKNOWN' || !PASSING.has(error.state)))
        throw new CmkError('IMPORT_REFUSED', `the keystore did not take the material: ${error.message}`, {
          cause: error,
        });
      throw refusalOf(error);
    }
  return await provider.inspect(ticket.reference).catch((error: unknown) => {
    throw refusalOf(error);
  });
}

/**
 * The import of that key, where it has been begun and can still be finished. Else there is room to begin it: an alias may be
 * taken by the same import, which has expired, and by nothing else. Errors: ALREADY_EXISTS, LIMIT_REACHED.
 */
async function openImport(
  trx: Trx,
  { tenant, alias, keystore }: Pick<Key, 'tenant' | 'alias' | 'keystore'>,
): Promise<ImportView | undefined> {
  const open = await trx
    .selectFrom('l1_key_imports')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('finished_at', 'is', null)
    .execute();
  const begun = open.find((each) => each.alias === alias);
  if (begun === undefined) await requireRoom(trx, tenant, alias);
  else {
    const key = await viewKey(trx, tenant, alias);
    if (key.keystore !== keystore) throw new CmkError('ALREADY_EXISTS', `${tenant} has a key ${alias}`);
    if (begun.expires_at > new Date()) return viewOf(key, begun);
  }
  if (open.filter((each) => each.expires_at > new Date()).length >= MAX_OPEN_IMPORTS_PER_TENANT)
    throw new CmkError('LIMIT_REACHED', `a tenant has at most ${MAX_OPEN_IMPORTS_PER_TENANT} open imports`);
  return undefined;
}

async function keepImport(
  trx: Trx,
  who: Actor,
  { tenant, alias, keystore }: Pick<Key, 'tenant' | 'alias' | 'keystore'>,
  begun: ImportParameters,
): Promise<void> {
  const { reference } = begun;
  const again = await trx
    .updateTable('l1_keys')
    .set({ reference, state_since: new Date() })
    .where('tenant', '=', tenant)
    .where('alias', '=', alias)
    .executeTakeFirst();
  if (again.numUpdatedRows === 0n)
    await insertKey(trx, { tenant, alias, keystore, reference, origin: 'imported', state: 'PENDING_IMPORT' });
  const columns = {
    algorithm: begun.algorithm,
    material: begun.material,
    public_key: begun.publicKey,
    ticket: begun.ticket,
    expires_at: begun.expiresAt,
    created_by: who.actor,
  };
  await trx
    .insertInto('l1_key_imports')
    .values({ tenant, alias, ...columns })
    .onConflict((conflict) => conflict.columns(['tenant', 'alias']).doUpdateSet(columns))
    .execute();
}

/** Throws IMPORT_UNKNOWN. */
async function requireImport(trx: Trx, tenant: string, alias: string): Promise<Selectable<KeyImportRow>> {
  const row = await trx
    .selectFrom('l1_key_imports')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('alias', '=', alias)
    .where('finished_at', 'is', null)
    .executeTakeFirst();
  if (row === undefined) throw new CmkError('IMPORT_UNKNOWN', `no import of ${alias} is open`);
  return row;
}

function refuseOversized({ reference, ticket, publicKey }: ImportParameters): void {
  if (
    reference.length > MAX_REFERENCE_LENGTH ||
    ticket.length > MAX_TICKET_LENGTH ||
    publicKey.length > MAX_TICKET_LENGTH
  )
    throw new CmkError('KEYSTORE_UNAVAILABLE', 'the keystore answered with more than an import can have');
}

function algorithmOf(begun: Selectable<KeyImportRow>): ImportAlgorithm {
  const known = importAlgorithms.find((each) => each === begun.algorithm);
  if (known === undefined) throw new Error(`nobody knows how to wrap by ${begun.algorithm}`);
  return known;
}

const viewOf = (
  { alias, keystore, reference }: { alias: string; keystore: string; reference: string },
  begun: Selectable<KeyImportRow>,
): ImportView => ({
  alias,
  keystore,
  reference,
  algorithm: algorithmOf(begun),
  material: begun.material,
  publicKey: begun.public_key,
  expiresAt: instant(begun.expires_at),
});
