/**
 * The region's PostgreSQL as the home of keys: rows beside the links and the core's objects, so that a change of keys,
 * its pushes and its audit event commit together. Tables are hash-partitioned by tenant, and row-level security shows
 * a transaction the one tenant that it named: a query that forgets its `where` finds nothing instead of everybody.
 */
import { sql } from 'kysely';
import type { TenantId } from '../../../contracts/index.ts';
import { KeychainError } from '../errors.ts';
import type { Db } from '../tables.ts';
import type { KeyName, KeyRecord, KeyStore, StoredRecords, TenantRecord } from './key-store.ts';

/** Rows of one statement: three parameters each, of which PostgreSQL takes 65,535. */
const MAX_ROWS_PER_STATEMENT = 4_096;

export const postgresKeyStore: KeyStore = {
  kind: 'postgresql',
  isTransactional: true,

  async read(db, tenant, services) {
    if (db.isTransaction) return await readRows(db, tenant, services);
    // One snapshot, so that manifest and records belong together whatever commits meanwhile.
    return await db
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute((tx) => readRows(tx, tenant, services));
  },

  async write(tx, tenant, { record, put, remove }) {
    await confine(tx, tenant);
    if (!(await writeTenant(tx, tenant, record))) throw new KeychainError('CONFLICT', tenant);
    await removeKeys(tx, tenant, remove);
    await putKeys(tx, tenant, put);
  },
};

/** From here to the end of the transaction, row-level security shows this tenant and no other. */
async function confine(tx: Db, tenant: TenantId): Promise<void> {
  await sql`select set_config('keychain.tenant', ${tenant}, true)`.execute(tx);
}

async function readRows(
  tx: Db,
  tenant: TenantId,
  services: readonly string[],
): Promise<StoredRecords | null> {
  await confine(tx, tenant);
  const row = await tx
    .selectFrom('keychain.tenants')
    .select(['regional_secret', 'manifest', 'manifest_counter'])
    .where('tenant', '=', tenant)
    .executeTakeFirst();
  if (row === undefined) return null;
  const keys =
    services.length === 0
      ? []
      : await tx
          .selectFrom('keychain.keys')
          .select(['service', 'version', 'wrapped'])
          .where('tenant', '=', tenant)
          .where('service', 'in', services)
          .execute();
  return {
    counter: row.manifest_counter,
    manifest: row.manifest,
    regionalSecret: row.regional_secret,
    keys,
  };
}

/** False: the counter is not the one that the writer has read. */
async function writeTenant(tx: Db, tenant: TenantId, record: TenantRecord): Promise<boolean> {
  const values = {
    manifest: record.manifest,
    manifest_counter: record.counter,
    regional_secret: record.regionalSecret,
  };
  const written =
    record.counter === 1
      ? await tx
          .insertInto('keychain.tenants')
          .values({ tenant, ...values })
          .onConflict((conflict) => conflict.doNothing())
          .returning('tenant')
          .executeTakeFirst()
      : await tx
          .updateTable('keychain.tenants')
          .set(values)
          .where('tenant', '=', tenant)
          .where('manifest_counter', '=', record.counter - 1)
          .returning('tenant')
          .executeTakeFirst();
  return written !== undefined;
}

async function removeKeys(tx: Db, tenant: TenantId, names: readonly KeyName[]): Promise<void> {
  for (const service of new Set(names.map((name) => name.service))) {
    const versions = names.filter((name) => name.service === service).map((name) => name.version);
    await tx
      .deleteFrom('keychain.keys')
      .where('tenant', '=', tenant)
      .where('service', '=', service)
      .where('version', 'in', versions)
      .execute();
  }
}

async function putKeys(tx: Db, tenant: TenantId, keys: readonly KeyRecord[]): Promise<void> {
  for (let at = 0; at < keys.length; at += MAX_ROWS_PER_STATEMENT) {
    const rows = keys.slice(at, at + MAX_ROWS_PER_STATEMENT).map((key) => ({ tenant, ...key }));
    await tx
      .insertInto('keychain.keys')
      .values(rows)
      .onConflict((conflict) =>
        conflict
          .columns(['tenant', 'service', 'version'])
          .doUpdateSet(({ ref }) => ({ wrapped: ref('excluded.wrapped') })),
      )
      .execute();
  }
}
