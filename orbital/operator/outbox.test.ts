/** The line of answers, against a database that takes its time. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { sql } from 'kysely';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { until } from '../../testkit/until.ts';
import { keyPair } from '../test-world.ts';
import type { Transport } from '../transport.ts';
import { createOutbox } from './outbox.ts';
import { type OrbitalOperatorTables, orbitalOperatorMigrations } from './schema.ts';

test('an answer that the broker takes while the line is looked at is not published again', async () => {
  const database = await testDatabase();
  const db = createDatabase<OrbitalOperatorTables>(
    createPool({ url: database.url, applicationName: 'outbox', max: 4 }),
  );
  try {
    await migrate(db, orbitalOperatorMigrations, { table: 'orbital_operator_migrations' });
    const answer = await db
      .insertInto('orbital_inbox')
      .values({
        task_id: randomUUID(),
        kind: 'APPLY',
        entity: 'tenant:acme',
        entity_sequence: 1,
        etag: 1,
        phase: 'done',
        result: null,
        error: null,
        working_state: null,
        retry_after_ms: null,
        correlation_id: 'c',
        unsent: true,
        updated_at: sql<Date>`now() - interval '1 minute'`,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    let published = 0;
    const taken = Promise.withResolvers<void>();
    const transport: Transport = {
      publish: async () => {
        published += 1;
        await taken.promise;
      },
      consume: async () => ({ close: async () => {} }),
      close: async () => {},
      healthy: () => true,
    };
    const outbox = createOutbox({ db, transport, signer: keyPair('north').signer, region: 'north' });
    const first = outbox.publish(answer);
    // Whoever wants to see or mark rows waits until this transaction ends.
    const locked = Promise.withResolvers<void>();
    const unlocked = Promise.withResolvers<void>();
    const lock = db.transaction().execute(async (trx) => {
      await sql`lock table orbital_inbox in access exclusive mode`.execute(trx);
      locked.resolve();
      await unlocked.promise;
    });
    await locked.promise;
    const look = outbox.flush();
    await until('the look waits for the lock', async () => {
      const { rows } = await sql<{
        n: number;
      }>`select count(*)::int as n from pg_locks where not granted`.execute(db);
      return (rows[0]?.n ?? 0) > 0;
    });
    taken.resolve();
    await first;
    unlocked.resolve();
    await lock;
    await look;
    assert.equal(published, 1);
    await outbox.settle();
    assert.equal(await outbox.flush().then(() => published), 1);
  } finally {
    await db.destroy();
    await database.drop();
  }
});
