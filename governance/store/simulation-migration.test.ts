/** What an installation already has, after it takes a word to put something on a target of drills. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { cmkMigrations } from './migrations.ts';

test('targets that came into use before anybody had to say so are withdrawn; the others stay', async () => {
  const database = await testDatabase();
  const ownerUrl = await database.roleUrl('drill_owner');
  await withClient({ url: database.url }, (client) =>
    client.query(`ALTER DATABASE ${database.name} OWNER TO drill_owner`),
  );
  const owner = createDatabase<unknown>(createPool({ url: ownerUrl, applicationName: 'owner' }));
  try {
    const before = Object.entries(cmkMigrations).filter(([name]) => name < '0070');
    await migrate(owner, Object.fromEntries(before), { table: 'cmk_migrations' });
    await withClient({ url: database.url }, (client) =>
      client.query(`
        INSERT INTO tenants (tenant, display_name, policy, quorum)
          SELECT t, t, 'four-eyes', 2 FROM unnest('{used,idle}'::text[]) t;
        INSERT INTO services (tenant, name)
          SELECT t, s FROM unnest('{used,idle}'::text[]) t, unnest('{a,b}'::text[]) s;
        INSERT INTO identities (fingerprint, role, tenant, name) VALUES (repeat('0', 64), 'application', 'used', 'shop');
        INSERT INTO applications (tenant, name, services, fingerprint, certificate)
          VALUES ('used', 'shop', '{a}', repeat('0', 64), '');
        INSERT INTO drill_targets (id, tenant, service, designated_by)
          SELECT gen_random_uuid(), t, s, 'ada' FROM unnest('{used,idle}'::text[]) t, unnest('{"",a,b}'::text[]) s;`),
    );
    await migrate(owner, cmkMigrations, { table: 'cmk_migrations' });
    const { rows } = await withClient({ url: database.url }, (client) =>
      client.query(`SELECT tenant || '/' || service AS target FROM drill_targets
                      WHERE withdrawn_at IS NULL ORDER BY 1`),
    );
    assert.deepEqual(
      rows.map(({ target }) => target),
      ['idle/', 'idle/a', 'idle/b', 'used/b'],
    );
  } finally {
    await owner.destroy();
  }
});
