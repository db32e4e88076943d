/** What was proposed before there were rules goes on under what its tenant's policy asked for then. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { orbitalManagerMigrations } from '../../orbital/index.ts';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { cmkMigrations } from '../store/migrations.ts';

test('a proposal from before the rules keeps its quorum, and gets an end', async () => {
  const database = await testDatabase();
  const owner = createDatabase<unknown>(
    createPool({ url: await database.roleUrl('upgrade_owner'), applicationName: 'owner', max: 1 }),
  );
  await withClient({ url: database.url }, (client) =>
    client.query(`ALTER DATABASE ${database.name} OWNER TO upgrade_owner`),
  );
  await migrate(owner, orbitalManagerMigrations, { table: 'orbital_migrations' });
  const before = Object.fromEntries(Object.entries(cmkMigrations).filter(([name]) => name < '0010'));
  await migrate(owner, before, { table: 'cmk_migrations' });
  const [pending, done] = [randomUUID(), randomUUID()];
  await withClient({ url: database.url }, async (client) => {
    await client.query(
      `INSERT INTO tenants (tenant, display_name, policy, quorum) VALUES ('acme', 'Acme', 'four-eyes', 2)`,
    );
    for (const [id, state] of [
      [pending, 'pending'],
      [done, 'executed'],
    ])
      await client.query(
        `INSERT INTO proposals (id, tenant, action, parameters, proposer, policy, quorum, state, correlation_id)
           VALUES ($1, 'acme', 'unlink', '{"reason": "x"}', 'ada', 'four-eyes', 2, $2, 'c')`,
        [id, state],
      );
  });
  await migrate(owner, cmkMigrations, { table: 'cmk_migrations' });
  await owner.destroy();
  const { rows } = await withClient({ url: database.url }, (client) =>
    client.query(
      `SELECT id, requirements, expires_at > now() + interval '6 days' AS lives FROM proposals ORDER BY state`,
    ),
  );
  assert.deepEqual(rows, [
    { id: done, requirements: [], lives: true },
    {
      id: pending,
      requirements: [{ rule: 'four-eyes', groups: [], approvals: 1, approvers: null }],
      lives: true,
    },
  ]);
});
