// The one contract over every home of keys, and what PostgreSQL must do besides; openbao.test.ts has OpenBao's own.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { parseTenantId, type TenantId } from '../../../contracts/index.ts';
import { createDatabase, createPool } from '../../../platform/postgres.ts';
import { withClient } from '../../../platform/postgres-admin.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { startOpenBaoKv, type TestOpenBaoKv } from '../../../testkit/openbao-kv.ts';
import { type TestDatabase, testDatabase } from '../../../testkit/postgres.ts';
import { migrateKeychain } from '../migrations.ts';
import type { KeychainTables } from '../tables.ts';
import { createKeyStore } from './index.ts';
import { change, type Home, key, keyStoreContract, newTenant, refused, write } from './key-store.contract.ts';
import { L2 } from './key-store.ts';
import { MemoryKeyStore } from './memory.ts';

const PARTITIONS = 32;
const region = { cluster: 'test', region: 'eu-west-1' };
const closers: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const close of closers) await close();
});

interface Database {
  readonly db: Kysely<KeychainTables>;
  readonly database: TestDatabase;
  prepare(tenant: TenantId): Promise<void>;
}

/** As a core has it: its role owns the schema and is no superuser, whom row-level security would not bind. */
async function ownedDatabase(): Promise<Database> {
  const database = await testDatabase();
  const url = await database.roleUrl('region_core');
  await withClient({ url: database.url }, (client) =>
    client.query(`grant create on database ${database.name} to region_core`),
  );
  const db = createDatabase<KeychainTables>(createPool({ url, applicationName: 'stores-test', max: 8 }));
  closers.push(() => db.destroy());
  await migrateKeychain(db);
  const prepare = async (tenant: TenantId): Promise<void> => {
    await db.insertInto('keychain.link_heads').values({ tenant, closed_at: null }).execute();
  };
  return { db, database, prepare };
}

const postgres = (): Promise<Home & Database> =>
  ownedDatabase().then((database) => ({ ...database, store: createKeyStore(undefined, region) }));

async function openbao(): Promise<Home & { engine: TestOpenBaoKv }> {
  const { db } = await ownedDatabase();
  const engine = await startOpenBaoKv();
  closers.push(() => engine.close());
  engine.mount('kv');
  const tokenFile = join(temporaryDirectory('bao'), 'token');
  await writeFile(tokenFile, engine.rootToken, { mode: 0o600 });
  const options = { kind: 'openbao', layout: 'shared', url: engine.url, mount: 'kv', tokenFile } as const;
  const store = createKeyStore({ ...options, timeoutMs: 5_000 }, region);
  return { db, store, engine, prepare: async () => {} };
}

keyStoreContract('PostgreSQL', postgres);
keyStoreContract('OpenBao', openbao);
keyStoreContract('memory', async () => {
  const { db } = await ownedDatabase();
  return { db, store: new MemoryKeyStore(), prepare: async () => {} };
});

describe('PostgreSQL as a home of keys, besides', () => {
  let home: Home & Database;
  const [acme, rival] = [parseTenantId('acme'), parseTenantId('rival')];
  const put = [key(L2, 1), key('pay', 1)];

  before(async () => {
    home = await postgres();
    for (const tenant of [acme, rival]) {
      await home.prepare(tenant);
      await write(home, tenant, change(1, { put }));
    }
  });

  const confined = <T>(
    tenant: TenantId | null,
    run: (tx: Kysely<KeychainTables>) => Promise<T>,
  ): Promise<T> =>
    home.db.transaction().execute(async (tx) => {
      if (tenant !== null) await sql`select set_config('keychain.tenant', ${tenant}, true)`.execute(tx);
      return await run(tx);
    });
  const tenantsSeen = (tenant: TenantId | null) =>
    confined(tenant, async (tx) => ({
      tenants: (await tx.selectFrom('keychain.tenants').select('tenant').execute()).map((row) => row.tenant),
      keys: (await tx.selectFrom('keychain.keys').select('tenant').execute()).map((row) => row.tenant),
    }));

  test('the role that these tests run as is bound by row-level security, and owns the tables', async () => {
    const { rows } = await sql<{ super: boolean; bypass: boolean; owner: boolean }>`
      select r.rolsuper as super, r.rolbypassrls as bypass, c.relowner = r.oid as owner
      from pg_roles r, pg_class c where r.rolname = current_user and c.oid = 'keychain.keys'::regclass`.execute(
      home.db,
    );
    assert.deepEqual(rows, [{ super: false, bypass: false, owner: true }]);
  });

  test('a query without where sees the tenant that was named, and none when none was', async () => {
    assert.deepEqual(await tenantsSeen(acme), { tenants: ['acme'], keys: ['acme', 'acme'] });
    assert.deepEqual(await tenantsSeen(rival), { tenants: ['rival'], keys: ['rival', 'rival'] });
    assert.deepEqual(await tenantsSeen(null), { tenants: [], keys: [] });
    assert.deepEqual(await tenantsSeen(parseTenantId('nobody')), { tenants: [], keys: [] });
  });

  test('what one transaction named, the next on the same connection has forgotten', async () => {
    await home.db.connection().execute(async (connection) => {
      await home.store.read(connection, acme, [L2]);
      const { rows } = await sql<{ n: number }>`select count(*)::int as n from keychain.keys`.execute(
        connection,
      );
      assert.deepEqual(rows, [{ n: 0 }]);
    });
  });

  test('nor does it change or remove anything of another tenant, or write in its name', async () => {
    const before = await home.store.read(home.db, rival, [L2, 'pay']);
    const wrapped = Buffer.from('mine');
    for (const tenant of [acme, null]) {
      const touched = await confined(tenant, async (tx) => {
        const updated = await tx
          .updateTable('keychain.keys')
          .set({ wrapped })
          .where('tenant', '=', rival)
          .execute();
        const removed = await tx.deleteFrom('keychain.keys').where('tenant', '=', rival).execute();
        const lost = await tx.deleteFrom('keychain.tenants').where('tenant', '=', rival).execute();
        return [updated[0]?.numUpdatedRows, removed[0]?.numDeletedRows, lost[0]?.numDeletedRows].map(Number);
      });
      assert.deepEqual(touched, [0, 0, 0]);
      const row = { tenant: rival, service: 'mine', version: 1, wrapped };
      await assert.rejects(
        confined(tenant, (tx) => tx.insertInto('keychain.keys').values(row).execute()),
        /row-level security/,
      );
      await assert.rejects(
        confined(acme, (tx) => tx.updateTable('keychain.keys').set({ tenant: rival }).execute()),
        /row-level security/,
      );
    }
    assert.deepEqual(await home.store.read(home.db, rival, [L2, 'pay']), before);
  });

  test('nor does a partition that is named itself show more', async () => {
    const counted = await confined(acme, async (tx) => {
      let rows = 0;
      for (let part = 0; part < PARTITIONS; part++) {
        const { rows: found } = await sql<{ n: number }>`
          select count(*)::int as n from ${sql.table(`keychain.keys_${part}`)}`.execute(tx);
        rows += found[0]?.n ?? 0;
      }
      return rows;
    });
    assert.equal(counted, 0);
  });

  test('a write ends with the transaction that it is part of', async () => {
    const tenant = await newTenant(home);
    const l2 = key(L2, 1);
    await write(home, tenant, change(1, { put: [l2] }));
    const before = await home.store.read(home.db, tenant, [L2, 'pay']);
    const failing = home.db.transaction().execute(async (tx) => {
      await home.store.write(tx, tenant, change(2, { put, remove: [l2] }));
      assert.equal((await home.store.read(tx, tenant, [L2]))?.counter, 2);
      throw new Error('undone');
    });
    await assert.rejects(failing, /undone/);
    assert.deepEqual(await home.store.read(home.db, tenant, [L2, 'pay']), before);
  });

  test('a tenant without a head has no keys', async () => {
    await assert.rejects(write(home, parseTenantId('headless'), change(1)), /foreign key/);
  });

  test('a conflict leaves the rest of the transaction to its caller', async () => {
    const tenant = await newTenant(home);
    await write(home, tenant, change(1));
    await home.db.transaction().execute(async (tx) => {
      await assert.rejects(home.store.write(tx, tenant, change(1)), refused('CONFLICT'));
      await home.store.write(tx, tenant, change(2));
    });
    assert.equal((await home.store.read(home.db, tenant, []))?.counter, 2);
  });

  test('32 partitions of each table hold a thousand tenants among them', async () => {
    const names = Array.from({ length: 1_000 }, (_, i) => parseTenantId(`spread-${i}`));
    const heads = names.map((tenant) => ({ tenant, closed_at: null }));
    await home.db.insertInto('keychain.link_heads').values(heads).execute();
    await home.db.transaction().execute(async (tx) => {
      for (const tenant of names) await home.store.write(tx, tenant, change(1, { put: [key(L2, 1)] }));
    });
    await withClient({ url: home.database.url }, async (superuser) => {
      for (const table of ['tenants', 'keys']) {
        const { rows } = await superuser.query<{ n: number }>(
          `select count(*)::int as n from keychain.${table} where tenant like 'spread-%' group by tableoid`,
        );
        const counts = rows.map(({ n }) => n);
        assert.equal(counts.length, PARTITIONS, table);
        assert.equal(
          counts.reduce((sum, n) => sum + n),
          names.length,
        );
        // 31 each, if it were even; a lopsided hash would show.
        assert.ok(Math.min(...counts) >= 10 && Math.max(...counts) <= 60, `${table}: ${counts}`);
      }
    });
    for (const tenant of names.slice(0, 50)) {
      assert.equal((await home.store.read(home.db, tenant, [L2]))?.keys.length, 1);
    }
  });
});

describe('a home of its own, in a transaction of PostgreSQL', () => {
  test('keeps what it was told, though the transaction fails', async () => {
    const home = await openbao();
    const tenant = await newTenant(home);
    const failing = home.db.transaction().execute(async (tx) => {
      await home.store.write(tx, tenant, change(1, { put: [key(L2, 1)] }));
      throw new Error('undone');
    });
    await assert.rejects(failing, /undone/);
    assert.equal((await home.store.read(home.db, tenant, [L2]))?.keys.length, 1);
  });
});
