// What a region has done and holds no record of any more: what it learns of that from the time before it took notes of it, and from
// cores of that time that work on beside the new one.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { type TestDatabase, testDatabase } from '../../testkit/postgres.ts';
import { type OrbitalOperatorTables, orbitalOperatorMigrations } from './schema.ts';

const TABLE = { table: 'orbital_operator_migrations' };
const BEFORE = '0004_orbital_done_sequence';

describe('what is done and forgotten', () => {
  let database: TestDatabase;
  let db: Kysely<OrbitalOperatorTables>;

  before(async () => {
    database = await testDatabase();
    db = createDatabase(createPool({ url: database.url, applicationName: 'test' }));
    const earlier = Object.entries(orbitalOperatorMigrations).filter(([name]) => name <= BEFORE);
    assert.equal((await migrate(db, Object.fromEntries(earlier), TABLE)).at(-1), BEFORE);
    await fence('refused', 0);
    await fence('recorded', 3);
    await record('recorded', 3, 'done');
    await fence('purged', 4);
    await fence('half-way', 5);
    await record('half-way', 5, 'failed', { code: 'UNAVAILABLE', message: '', retryable: true });
    await fence('asked-again', 6);
    await record('asked-again', 6, 'failed', { code: 'FORGOTTEN', message: '', retryable: false });
    await migrate(db, orbitalOperatorMigrations, TABLE);
  });
  after(() => db.destroy());

  const fence = (entity: string, applied: number) =>
    sql`insert into orbital_inbox_entities values (${entity}, ${applied}, ${applied})`.execute(db);
  const record = (entity: string, sequence: number, phase: 'done' | 'failed', error?: object) =>
    sql`insert into orbital_inbox (task_id, kind, entity, entity_sequence, etag, phase, error, correlation_id, unsent)
          values (${randomUUID()}, 'APPLY', ${entity}, ${sequence}, 1, ${phase}, ${error ?? null}, 'c', false)`.execute(
      db,
    );
  const noted = async (): Promise<Record<string, number>> => {
    const { rows } = await sql<{ entity: string; sequence: string }>`
      select entity, sequence from orbital_inbox_forgotten order by entity`.execute(db);
    return Object.fromEntries(rows.map(({ entity, sequence }) => [entity, Number(sequence)]));
  };

  test('of the time before: what has changed an entity and has no record of it', async () => {
    assert.deepEqual(await noted(), { 'asked-again': 6, purged: 4 });
  });

  test('a core of before purges beside this one: what was done is noted, the latest of each entity', async () => {
    await record('recorded', 7, 'done');
    await record('purged', 2, 'done');
    await record('refused', 8, 'failed');
    await sql`delete from orbital_inbox`.execute(db);
    assert.deepEqual(await noted(), { 'asked-again': 6, purged: 4, recorded: 7 });
  });
});
