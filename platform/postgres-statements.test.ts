import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { type TestDatabase, testDatabase } from '../testkit/postgres.ts';
import { createDatabase, createPool, inTransaction } from './postgres.ts';
import { withClient } from './postgres-admin.ts';
import { MAX_STATEMENTS, WORTH_IT_AFTER } from './postgres-statements.ts';

interface Tables {
  thing: { id: number; name: string };
}

let database: TestDatabase;
const opened: Kysely<Tables>[] = [];

/** One connection, so that what is prepared is there the next time. */
function open(): Kysely<Tables> {
  const db = createDatabase<Tables>(createPool({ url: database.url, applicationName: 'test', max: 1 }));
  opened.push(db);
  return db;
}
const change = (statement: string): Promise<unknown> =>
  withClient({ url: database.url }, (client) => client.query(statement));
const find = (db: Kysely<Tables>, id: number) =>
  db.selectFrom('thing').selectAll().where('id', '=', id).executeTakeFirst();
async function preparedOn(db: Kysely<Tables>): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from pg_prepared_statements`.execute(
    db,
  );
  return rows[0]?.n ?? Number.NaN;
}

before(async () => {
  database = await testDatabase();
  await change('create table thing (id integer primary key, name text not null)');
  await change("insert into thing values (1, 'one'), (2, 'two')");
});
after(async () => {
  await Promise.all(opened.map((db) => db.destroy()));
});

test('what is asked for again and again is prepared, and answered alike', async () => {
  const db = open();
  for (let i = 1; i < WORTH_IT_AFTER; i++) await find(db, 1);
  assert.equal(await preparedOn(db), 0);
  for (const [id, name] of [
    [1, 'one'],
    [2, 'two'],
    [1, 'one'],
  ] as const)
    assert.deepEqual(await find(db, id), { id, name });
  assert.equal(await find(db, 3), undefined);
  assert.equal(await preparedOn(db), 1);
});

test('no connection keeps more than it may, whatever is asked for', async () => {
  const db = open();
  for (let i = 0; i < MAX_STATEMENTS + 20; i++)
    for (let again = 0; again < WORTH_IT_AFTER; again++)
      await sql`select ${i}::int as ${sql.ref(`c${i}`)}`.execute(db);
  assert.equal(await preparedOn(db), MAX_STATEMENTS);
});

test('a statement whose table has changed is prepared anew, also within a transaction', async () => {
  const db = open();
  for (let i = 0; i < WORTH_IT_AFTER; i++) await find(db, 1);
  await change('alter table thing add column size integer');
  for (let i = 0; i < 2; i++) assert.deepEqual(await find(db, 1), { id: 1, name: 'one', size: null });
  await change('alter table thing drop column size');
  let runs = 0;
  const found = await inTransaction(db, (trx) => {
    runs += 1;
    return find(trx, 2);
  });
  assert.deepEqual(found, { id: 2, name: 'two' });
  assert.equal(runs, 2, 'the transaction was run again');
  assert.deepEqual(await find(db, 1), { id: 1, name: 'one' });
});

test('where what was prepared is not known, nothing is prepared any more', async () => {
  const db = open();
  for (let i = 0; i < WORTH_IT_AFTER; i++) await find(db, 1);
  await sql`deallocate all`.execute(db);
  assert.deepEqual(await find(db, 1), { id: 1, name: 'one' });
  for (let i = 0; i < WORTH_IT_AFTER; i++) await find(db, 2);
  assert.equal(await preparedOn(db), 0);
});

test('a statement that is wrong fails each time with its own error', async () => {
  const db = open();
  for (let i = 0; i < 2 * WORTH_IT_AFTER; i++)
    await assert.rejects(sql`select ${1}::int / 0`.execute(db), { code: '22012' });
  for (let i = 0; i < 2 * WORTH_IT_AFTER; i++)
    await assert.rejects(sql`select ${1} from nowhere`.execute(db), { code: '42P01' });
});
