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
  db.selectFrom('thing').select(['id', 'name']).where('id', '=', id).executeTakeFirst();
async function findOften(db: Kysely<Tables>): Promise<void> {
  for (let i = 0; i < WORTH_IT_AFTER; i++) await find(db, 1);
}
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

test('a table may get another column, or another type of one, and nobody notices', async () => {
  const db = open();
  const findAll = (within: Kysely<Tables>) =>
    within.selectFrom('thing').selectAll().where('id', '=', 1).executeTakeFirst();
  await findOften(db);
  for (let i = 0; i < WORTH_IT_AFTER; i++) await findAll(db);
  await change('alter table thing add column size integer');
  const whole = { id: 1, name: 'one', size: null };
  assert.deepEqual(await inTransaction(db, findAll), whole);
  assert.deepEqual(await findAll(db), whole);
  await change('alter table thing drop column size, alter column name type varchar(20)');
  assert.deepEqual(await find(db, 2), { id: 2, name: 'two' });
  await findOften(db);
  await change('alter table thing alter column name type text');
  let runs = 0;
  const found = await inTransaction(db, (trx) => {
    runs += 1;
    return find(trx, 2);
  });
  assert.deepEqual(found, { id: 2, name: 'two' });
  assert.equal(runs, 2, 'the transaction was run again');
});

test('a name means one text, for every pool', async () => {
  const named = async (db: Kysely<Tables>): Promise<unknown> => {
    const { rows } = await sql`select name, statement from pg_prepared_statements order by name`.execute(db);
    return rows;
  };
  const [first, second] = [open(), open()];
  for (let i = 0; i < WORTH_IT_AFTER; i++) await sql`select ${i}::int as other`.execute(second);
  await findOften(first);
  await findOften(second);
  const [one, two] = [await named(first), await named(second)];
  assert.ok(Array.isArray(one) && Array.isArray(two));
  assert.equal(one.length, 1);
  assert.equal(two.length, 2);
  assert.deepEqual(
    two.filter(({ statement }) => statement.includes('thing')),
    one,
  );
});

test('what is prepared is planned for the values that it is asked with', async () => {
  const { rows } = await sql<{ mode: string }>`select current_setting('plan_cache_mode') as mode`.execute(
    open(),
  );
  assert.equal(rows[0]?.mode, 'force_custom_plan');
});

test('where what was prepared gets lost again and again, nothing is prepared any more', async () => {
  const db = open();
  await findOften(db);
  for (let i = 0; i < 3; i++) {
    assert.equal(await preparedOn(db), 1);
    await sql`deallocate all`.execute(db);
    assert.deepEqual(await find(db, 1), { id: 1, name: 'one' });
    await find(db, 2);
  }
  assert.equal(await preparedOn(db), 0);
});

test('a statement that is wrong fails each time with its own error', async () => {
  const db = open();
  for (let i = 0; i < 2 * WORTH_IT_AFTER; i++)
    await assert.rejects(sql`select ${1}::int / 0`.execute(db), { code: '22012' });
  for (let i = 0; i < 2 * WORTH_IT_AFTER; i++)
    await assert.rejects(sql`select ${1} from nowhere`.execute(db), { code: '42P01' });
});
