/** What an installation already has, after the tables for keystores have come. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { cmkMigrations } from './migrations.ts';

test('keys that could not be asked are enabled with a warning; what was said of others stays', async () => {
  const database = await testDatabase();
  const ownerUrl = await database.roleUrl('migration_owner');
  await withClient({ url: database.url }, (client) =>
    client.query(`ALTER DATABASE ${database.name} OWNER TO migration_owner`),
  );
  const owner = createDatabase<unknown>(createPool({ url: ownerUrl, applicationName: 'owner' }));
  try {
    const before = Object.entries(cmkMigrations).filter(([name]) => name < '0010');
    await migrate(owner, Object.fromEntries(before), { table: 'cmk_migrations' });
    await withClient({ url: database.url }, (client) =>
      client.query(`
        INSERT INTO tenants (tenant, display_name, policy, quorum) VALUES ('acme', 'acme', 'four-eyes', 2);
        INSERT INTO keystores (name, kind, config) VALUES ('soft', 'software', '{"path": "/x"}');
        INSERT INTO l1_keys (tenant, alias, keystore, reference, state) VALUES
          ('acme', 'away', 'soft', '1', 'UNREACHABLE'), ('acme', 'good', 'soft', '2', 'ENABLED'),
          ('acme', 'off', 'soft', '3', 'DISABLED');`),
    );
    await migrate(owner, cmkMigrations, { table: 'cmk_migrations' });
    const { rows } = await withClient({ url: database.url }, (client) =>
      client.query(
        `SELECT alias, state, warning, warning_since = state_since AS since, enabled_at IS NOT NULL AS was_good,
                origin FROM l1_keys ORDER BY alias`,
      ),
    );
    const origin = 'reference';
    assert.deepEqual(rows, [
      { alias: 'away', state: 'ENABLED', warning: 'UNREACHABLE', since: true, was_good: false, origin },
      { alias: 'good', state: 'ENABLED', warning: null, since: null, was_good: true, origin },
      { alias: 'off', state: 'DISABLED', warning: null, since: null, was_good: false, origin },
    ]);
  } finally {
    await owner.destroy();
  }
});
