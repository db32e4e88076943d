/** Row-level security under the serving role, and the audit chain, against a real PostgreSQL. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { orbitalManagerMigrations } from '../../orbital/index.ts';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { type TestDatabase, testDatabase } from '../../testkit/postgres.ts';
import { audit } from '../audit/record.ts';
import { cmkMigrations, grantToAppRole } from './migrations.ts';
import { withReach } from './reach.ts';
import type { CmkDatabase } from './schema.ts';
import { asPlatform, asSystem, asTenant, type Db, type Trx } from './transactions.ts';

let database: TestDatabase;
let db: Db;
const who = { actor: 'ada', correlationId: 'test' };
const policy = { rotate_after_s: 86_400, set_by: 'ada' };
const question = {
  inventory: null,
  answered_at: null,
  asked_at: new Date(),
  pending: true,
  error: null,
  job: '00000000-0000-4000-8000-000000000000',
};

before(async () => {
  database = await testDatabase();
  const ownerUrl = await database.roleUrl('isolation_owner');
  await withClient({ url: database.url }, (client) =>
    client.query(`ALTER DATABASE ${database.name} OWNER TO isolation_owner`),
  );
  const owner = createDatabase<unknown>(createPool({ url: ownerUrl, applicationName: 'owner' }));
  await migrate(owner, orbitalManagerMigrations, { table: 'orbital_migrations' });
  await migrate(owner, cmkMigrations, { table: 'cmk_migrations' });
  const appUrl = await database.roleUrl('isolation_app');
  await grantToAppRole(owner, 'isolation_app');
  await owner.destroy();
  db = createDatabase<CmkDatabase>(createPool({ url: appUrl, applicationName: 'app' }));
  await asPlatform(db, (trx) =>
    trx
      .insertInto('regions')
      .values({ name: 'north', key_id: 'k', public_key: 'p', endpoints: '{}', last_report: null })
      .execute(),
  );
  for (const tenant of ['acme', 'rival'])
    await asTenant(db, tenant, async (trx) => {
      await trx
        .insertInto('tenants')
        .values({ tenant, display_name: tenant, policy: 'four-eyes', quorum: 2 })
        .execute();
      await trx.insertInto('services').values({ tenant, name: 'payments' }).execute();
      await trx
        .insertInto('tenant_regions')
        .values({ tenant, region: 'north', state: 'active', l2_version: 1, error: null })
        .execute();
      await trx
        .insertInto('rotation_policies')
        .values({ tenant, service: '', ...policy })
        .execute();
      await trx
        .insertInto('rotation_policy_regions')
        .values({ tenant, service: '', region: 'north', state: 'active', error: null })
        .execute();
      await trx
        .insertInto('key_inventories')
        .values({ tenant, region: 'north', ...question })
        .execute();
      for (const action of ['one', 'two', 'three'])
        await audit(trx, who, { tenant, action, subject: 'test', outcome: 'accepted' });
    });
});
after(() => db.destroy());

/** What is wrong with the tables that have a `tenant` column; a schema change that forgets one shows here. */
const unprotected = async (): Promise<{ looked: number; wrong: string[] }> => {
  const { rows } = await withClient({ url: database.url }, (client) =>
    client.query(`
      SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS held,
             EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant_isolation'
                       AND p.polcmd = '*' AND p.polpermissive) AS isolated,
             EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'reach'
                       AND p.polcmd = '*' AND NOT p.polpermissive) AS reached,
             (SELECT count(*)::int FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive) AS permissive
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
        WHERE c.relkind = 'r' AND EXISTS (
          SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped)`),
  );
  const wrong = rows.filter((row) => !row.held || !row.isolated || !row.reached || row.permissive !== 1);
  return { looked: rows.length, wrong: wrong.map((row) => String(row.name)) };
};

test('every table with a tenant column is held to the tenant and to the reach of who asks', async () => {
  const { looked, wrong } = await unprotected();
  assert.ok(looked >= 22, `only ${looked} tables have a tenant column`);
  assert.deepEqual(wrong, []);
});

for (const [what, change] of [
  ['a new table without any policy', 'CREATE TABLE forgotten (tenant text, secret text)'],
  [
    'a policy that shows all',
    'CREATE TABLE forgotten (tenant text, secret text); ALTER TABLE forgotten ENABLE ROW LEVEL SECURITY; ALTER TABLE forgotten FORCE ROW LEVEL SECURITY; CREATE POLICY open_door ON forgotten USING (true)',
  ],
  ['one policy too many', 'CREATE POLICY open_door ON services USING (true)'],
  ['a table that its owner escapes', 'ALTER TABLE services NO FORCE ROW LEVEL SECURITY'],
] as const)
  test(`a schema change is found out: ${what}`, async () => {
    await withClient({ url: database.url }, (client) => client.query(change));
    assert.equal((await unprotected()).wrong.length, 1);
    await withClient({ url: database.url }, (client) =>
      client.query(
        'DROP TABLE IF EXISTS forgotten; DROP POLICY IF EXISTS open_door ON services; ALTER TABLE services FORCE ROW LEVEL SECURITY',
      ),
    );
    assert.deepEqual((await unprotected()).wrong, []);
  });

const members = <T>(tenants: string[], work: () => Promise<T>): Promise<T> =>
  withReach({ kind: 'members', tenants }, work);
const operators = <T>(work: () => Promise<T>): Promise<T> => withReach({ kind: 'operator' }, work);
const tenantsOf = (trx: Trx) => trx.selectFrom('services').select('tenant').orderBy('tenant').execute();

test('a request reaches no further than whoever makes it, also where the code asks for every tenant', async () => {
  await members(['acme'], async () => {
    assert.deepEqual(await asPlatform(db, tenantsOf), [{ tenant: 'acme' }]);
    assert.deepEqual(await asTenant(db, 'rival', tenantsOf), []);
    await assert.rejects(
      asTenant(db, 'rival', (trx) =>
        trx.insertInto('services').values({ tenant: 'rival', name: 'stolen' }).execute(),
      ),
      /row-level security/,
    );
    assert.deepEqual(await asSystem(db, tenantsOf), [{ tenant: 'acme' }, { tenant: 'rival' }]);
  });
  await members(['acme', 'rival'], async () => assert.equal((await asPlatform(db, tenantsOf)).length, 2));
  await members([], async () => assert.deepEqual(await asPlatform(db, tenantsOf), []));
  assert.equal((await asPlatform(db, tenantsOf)).length, 2);
});

test('who runs the platform sees tenants, and nothing of their keys, rules or decisions', async () => {
  await operators(async () => {
    const tenants = await asPlatform(db, (trx) => trx.selectFrom('tenants').select('tenant').execute());
    assert.equal(tenants.length, 2);
    for (const table of [
      'rotation_policies',
      'key_inventories',
      'services',
      'l1_keys',
      'proposals',
    ] as const) {
      const rows = await asTenant(db, 'acme', (trx) => trx.selectFrom(table).select('tenant').execute());
      assert.deepEqual(rows, [], table);
    }
    const changed = await asTenant(db, 'acme', (trx) =>
      trx.updateTable('rotation_policies').set({ rotate_after_s: 0 }).executeTakeFirst(),
    );
    assert.equal(changed.numUpdatedRows, 0n);
    await assert.rejects(
      asTenant(db, 'acme', (trx) =>
        trx
          .insertInto('rotation_policies')
          .values({ tenant: 'acme', service: 'x', ...policy })
          .execute(),
      ),
      /row-level security/,
    );
  });
});

test('everybody’s deeds go into the chain that they belong in; read is only one’s own', async () => {
  const event = { action: 'reach', subject: 'test', outcome: 'refused' } as const;
  const chains = (trx: Trx) =>
    trx.selectFrom('audit_events').select('tenant').distinct().orderBy('tenant').execute();
  await members(['acme'], () => asPlatform(db, (trx) => audit(trx, who, event)));
  await operators(() => asTenant(db, 'acme', (trx) => audit(trx, who, { tenant: 'acme', ...event })));
  assert.deepEqual(await members(['acme'], () => asPlatform(db, chains)), [{ tenant: 'acme' }]);
  assert.deepEqual(await operators(() => asPlatform(db, chains)), [{ tenant: '_platform' }]);
  await assert.rejects(
    members(['acme'], () => asPlatform(db, (trx) => audit(trx, who, { tenant: 'rival', ...event }))),
    /row-level security/,
  );
  // Back to what the tests below count on.
  await withClient({ url: database.url }, (client) =>
    client.query(`DELETE FROM audit_events WHERE action = 'reach' AND tenant = 'acme';
      UPDATE audit_heads h SET sequence = e.sequence, hash = e.hash FROM audit_events e
        WHERE h.tenant = 'acme' AND e.tenant = 'acme' AND e.sequence = 3`),
  );
});

test('the serving role owns nothing and cannot step around row-level security', async () => {
  const { rows } = await withClient({ url: database.url }, (client) =>
    client.query(`
      SELECT rolsuper OR rolbypassrls AS mighty,
             (SELECT count(*)::int FROM pg_class WHERE relowner = r.oid) AS owned
        FROM pg_roles r WHERE rolname = 'isolation_app'`),
  );
  assert.deepEqual(rows, [{ mighty: false, owned: 0 }]);
});

test("another tenant's rows cannot be seen, changed, removed or made", async () => {
  await asTenant(db, 'acme', async (trx) => {
    assert.deepEqual(await trx.selectFrom('services').select('tenant').execute(), [{ tenant: 'acme' }]);
    const changed = await trx
      .updateTable('tenants')
      .set({ quorum: 1 })
      .where('tenant', '=', 'rival')
      .executeTakeFirst();
    assert.equal(changed.numUpdatedRows, 0n);
    const removed = await trx.deleteFrom('services').where('tenant', '=', 'rival').executeTakeFirst();
    assert.equal(removed.numDeletedRows, 0n);
  });
  await assert.rejects(
    asTenant(db, 'acme', (trx) =>
      trx.insertInto('services').values({ tenant: 'rival', name: 'stolen' }).execute(),
    ),
    /row-level security/,
  );
  await assert.rejects(
    asTenant(db, 'acme', (trx) => trx.updateTable('services').set({ tenant: 'rival' }).execute()),
    /row-level security/,
  );
});

for (const [table, change] of [
  ['rotation_policies', { rotate_after_s: 0 }],
  ['rotation_policy_regions', { state: 'failed' as const }],
  ['key_inventories', { pending: false }],
] as const)
  test(`${table}: of one tenant, nobody else's`, async () => {
    await asTenant(db, 'acme', async (trx) => {
      const rows = await trx.selectFrom(table).select('tenant').execute();
      assert.deepEqual(rows, [{ tenant: 'acme' }]);
      const changed = await trx
        .updateTable(table)
        .set(change)
        .where('tenant', '=', 'rival')
        .executeTakeFirst();
      assert.equal(changed.numUpdatedRows, 0n);
      const removed = await trx.deleteFrom(table).where('tenant', '=', 'rival').executeTakeFirst();
      assert.equal(removed.numDeletedRows, 0n);
    });
    await assert.rejects(
      asTenant(db, 'acme', (trx) => trx.updateTable(table).set({ tenant: 'rival' }).execute()),
      /row-level security/,
    );
    assert.deepEqual(await db.selectFrom(table).select('tenant').execute(), []);
  });

test('a transaction that names no tenant sees nothing, also on a connection that named one before', async () => {
  await asTenant(db, 'acme', (trx) => trx.selectFrom('tenants').select('tenant').execute());
  for (let i = 0; i < 5; i++) assert.deepEqual(await db.selectFrom('tenants').select('tenant').execute(), []);
  const all = await asPlatform(db, (trx) =>
    trx.selectFrom('tenants').select('tenant').orderBy('tenant').execute(),
  );
  assert.deepEqual(
    all.map((row) => row.tenant),
    ['acme', 'rival'],
  );
});

test('the serving role can add audit events, and neither change nor remove them', async () => {
  await assert.rejects(
    asTenant(db, 'acme', (trx) => trx.updateTable('audit_events').set({ actor: 'nobody' }).execute()),
    /permission denied/,
  );
  await assert.rejects(
    asTenant(db, 'acme', (trx) => trx.deleteFrom('audit_events').execute()),
    /permission denied/,
  );
});
