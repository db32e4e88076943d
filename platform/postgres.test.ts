import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Generated, type Kysely, sql } from 'kysely';
import type pg from 'pg';
import { waitedMs } from '../testkit/clocks.ts';
import { type TestDatabase, testDatabase, testPostgres } from '../testkit/postgres.ts';
import { startProxy } from '../testkit/proxy.ts';
import { sleep } from './backoff.ts';
import { createDatabase, createPool, inTransaction, type Migration, migrate } from './postgres.ts';
import { ensureDatabase, ensureRole, withClient } from './postgres-admin.ts';
import { listen } from './postgres-listen.ts';

interface Tables {
  counter: { id: Generated<number>; n: number };
}

const MIGRATIONS: Record<string, Migration> = {
  '001_counter': {
    up: async (db) => {
      await db.schema
        .createTable('counter')
        .addColumn('id', 'serial', (c) => c.primaryKey())
        .addColumn('n', 'integer', (c) => c.notNull())
        .execute();
    },
  },
  '002_first': {
    up: async (db: Kysely<Tables>) => {
      await db.insertInto('counter').values({ n: 0 }).execute();
    },
  },
};

let database: TestDatabase;
const opened: Kysely<unknown>[] = [];

function open<DB = Tables>(
  url: string,
  settings: { max?: number; statementTimeoutMs?: number; connectionTimeoutMs?: number } = {},
): { db: Kysely<DB>; pool: pg.Pool } {
  const pool = createPool({ url, applicationName: 'test', ...settings });
  const db = createDatabase<DB>(pool);
  opened.push(db as Kysely<unknown>);
  return { db, pool };
}

before(async () => {
  database = await testDatabase();
});
after(async () => {
  await Promise.all(opened.map((db) => db.destroy()));
});

test('several processes migrate at once: each migration runs once', async () => {
  const connections = [1, 2, 3, 4].map(() => open(database.url).db);
  const ran = await Promise.all(
    connections.map((db) => migrate(db, MIGRATIONS, { table: 'counter_migrations', schema: 'meta' })),
  );
  assert.deepEqual(ran.flat().sort(), ['001_counter', '002_first']);
  const rows = await connections[0]?.selectFrom('counter').selectAll().execute();
  assert.deepEqual(rows, [{ id: 1, n: 0 }]);
});

test('who has nothing to migrate waits for nobody; who is older than the database says so', async () => {
  const { db } = open(database.url);
  const options = { table: 'counter_migrations', schema: 'meta' };
  await inTransaction(open(database.url).db, async (tx) => {
    await sql`SELECT * FROM meta.counter_migrations_lock FOR UPDATE`.execute(tx);
    assert.deepEqual(await migrate(db, MIGRATIONS, options), []);
  });
  const { '002_first': _newer, ...older } = MIGRATIONS;
  await assert.rejects(migrate(db, older, options), { code: 'MIGRATION_FAILED', message: /002_first/ });
});

test('a failing migration leaves nothing behind and says its name', async () => {
  const { db } = open(database.url);
  const broken = {
    ...MIGRATIONS,
    '003_half': {
      up: async (d: Kysely<unknown>) => {
        await sql`CREATE TABLE half (n integer)`.execute(d);
        await sql`SELECT no_such_function()`.execute(d);
      },
    },
  };
  await assert.rejects(migrate(db, broken, { table: 'counter_migrations', schema: 'meta' }), {
    code: 'MIGRATION_FAILED',
    message: /003_half/,
  });
  const { rows } = await sql<{ half: string | null }>`SELECT to_regclass('half')::text AS half`.execute(db);
  assert.equal(rows[0]?.half, null);
});

test('a transaction is undone when it rejects', async () => {
  const { db } = open(database.url);
  await assert.rejects(
    inTransaction(db, async (tx) => {
      await tx.insertInto('counter').values({ n: 99 }).execute();
      throw new Error('changed my mind');
    }),
    /changed my mind/,
  );
  assert.deepEqual(await db.selectFrom('counter').selectAll().where('n', '=', 99).execute(), []);
});

test('serialization failures are retried, and only those', async () => {
  const { db } = open(database.url);
  let runs = 0;
  // All of them read before any of them writes.
  const allHaveRead = Promise.withResolvers<void>();
  const increment = () =>
    inTransaction(
      db,
      async (tx) => {
        const run = ++runs;
        const { n } = await tx
          .selectFrom('counter')
          .select('n')
          .where('id', '=', 1)
          .executeTakeFirstOrThrow();
        if (run === 3) allHaveRead.resolve();
        await allHaveRead.promise;
        await tx
          .updateTable('counter')
          .set({ n: n + 1 })
          .where('id', '=', 1)
          .execute();
      },
      { isolation: 'serializable', attempts: 20 },
    );
  await Promise.all([increment(), increment(), increment()]);
  const { n } = await db.selectFrom('counter').select('n').where('id', '=', 1).executeTakeFirstOrThrow();
  assert.equal(n, 3);
  assert.ok(runs > 3, 'no conflict happened: the test shows nothing');
  let attempts = 0;
  await assert.rejects(
    inTransaction(db, () => {
      attempts++;
      return Promise.reject(Object.assign(new Error('unique violation'), { code: '23505' }));
    }),
  );
  assert.equal(attempts, 1);
});

test('the pool is bounded in connections, in waiting and in statement time', async () => {
  const { db, pool } = open(database.url, { max: 2, connectionTimeoutMs: 1_000, statementTimeoutMs: 1_500 });
  // Connecting takes a busy machine its time, and is not what is looked at.
  const connect = () => Promise.allSettled([1, 2].map(() => sql`SELECT pg_sleep(0.1)`.execute(db)));
  while (pool.totalCount < 2 || pool.idleCount < 2) await connect();
  const slow = Promise.allSettled([1, 2].map(() => sql`SELECT pg_sleep(5)`.execute(db)));
  await assert.rejects(sql`SELECT 1`.execute(db), /timeout/);
  assert.equal(pool.totalCount, 2);
  for (const outcome of await slow)
    assert.match(outcome.status === 'rejected' ? String(outcome.reason) : '', /statement timeout/);
});

test('a server that ends our connections does not end our process, and the pool recovers', async () => {
  const { db, pool } = open(database.url);
  await sql`SELECT 1`.execute(db);
  const { url } = database;
  await withClient({ url }, (client) =>
    client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test'`),
  );
  await until(() => pool.totalCount === 0);
  assert.deepEqual((await sql`SELECT 1 AS one`.execute(db)).rows, [{ one: 1 }]);
});

test('a connection that breaks between two statements of a transaction fails that transaction only', async () => {
  const { db } = open(database.url);
  await assert.rejects(
    inTransaction(db, async (tx) => {
      const { rows } = await sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`.execute(tx);
      await withClient({ url: database.url }, (client) =>
        client.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]),
      );
      await sleep(100); // the news comes while nothing waits for it
      await sql`SELECT 1`.execute(tx);
    }),
  );
  assert.deepEqual((await sql`SELECT 1 AS one`.execute(db)).rows, [{ one: 1 }]);
});

test('a query that gets no answer fails in bounded time, and its connection is not used again', async (t) => {
  const server = await testPostgres();
  const proxy = await startProxy({ targetPort: server.port });
  t.after(() => proxy.close());
  const url = database.url.replace(`:${server.port}/`, `:${proxy.port}/`);
  // Connecting takes a busy machine its time, and is not what is looked at.
  const { db, pool } = open(url, { statementTimeoutMs: 500, connectionTimeoutMs: 2_500 });
  await Promise.all([1, 2, 3].map(() => sql`SELECT pg_sleep(0.1)`.execute(db)));
  assert.equal(pool.totalCount, 3);
  proxy.swallow();
  const tookMs = await waitedMs(() =>
    assert.rejects(
      inTransaction(db, (tx) => sql`SELECT 1`.execute(tx)),
      /timeout/,
    ),
  );
  assert.ok(tookMs < 4_500, 'one read timeout, not one more for the rollback');
  await assert.rejects(sql`SELECT 1`.execute(db)); // those of the same age are given up unasked
  assert.equal(pool.idleCount, 0);
  proxy.resume();
  assert.deepEqual((await sql`SELECT 1 AS one`.execute(db)).rows, [{ one: 1 }]);
});

test('listening goes on after the connection broke, and says so', async () => {
  const server = await testPostgres();
  const proxy = await startProxy({ targetPort: server.port });
  const url = database.url.replace(`:${server.port}/`, `:${proxy.port}/`);
  const heard: string[] = [];
  let connections = 0;
  const listener = listen(url, 'Odd "channel"', (payload) => heard.push(payload), {
    onConnected: () => connections++,
  });
  const notify = (payload: string) =>
    withClient({ url: database.url }, (client) =>
      client.query('SELECT pg_notify($1, $2)', ['Odd "channel"', payload]),
    );
  try {
    await listener.ready;
    await notify('one');
    await until(() => heard.length === 1);
    proxy.cutOnce();
    await until(() => connections === 2);
    await notify('two');
    await until(() => heard.length === 2);
    assert.deepEqual(heard, ['one', 'two']);
  } finally {
    await listener.stop();
    await proxy.close();
  }
});

test('stopping a listener that never got through ends it', async () => {
  const listener = listen('postgresql://u:p@127.0.0.1:1/none', 'c', () => {});
  await sleep(100);
  await listener.stop();
  await assert.rejects(listener.ready, /stopped listening/);
});

test('a role gets a password and no power; a database lets only its owner in', async () => {
  const server = await testPostgres();
  const admin = { url: server.url('postgres') };
  const password = `it's "odd" \\ %`;
  for (let round = 0; round < 2; round++) {
    await Promise.all([1, 2].map(() => ensureRole(admin, { name: 'Plain Owner', password })));
    await ensureRole(admin, { name: 'stranger', password });
    await ensureDatabase(admin, { name: 'plain', owner: 'Plain Owner' });
  }
  const owner = { url: server.url('plain', { user: 'Plain Owner', password }) };
  await withClient(owner, (client) => client.query('CREATE TABLE mine (n integer)'));
  await assert.rejects(
    withClient(owner, (client) => client.query('CREATE ROLE more')),
    /permission denied/,
  );
  await ensureRole(admin, { name: 'Plain Owner', password, connectionLimit: 1 });
  await withClient(owner, () => assert.rejects(withClient(owner, () => Promise.resolve())));
  const stranger = { url: server.url('plain', { user: 'stranger', password }) };
  await assert.rejects(
    withClient(stranger, (client) => client.query('SELECT 1')),
    /permission denied/,
  );
});

test('the server is sent a verifier, never the password', async () => {
  const server = await testPostgres();
  const password = `it's "odd" \\ %`;
  const url = new URL(server.url('postgres'));
  // A server that is told the password would store what this asks for; a verifier it stores as it is.
  url.searchParams.set('options', '-c password_encryption=md5');
  await ensureRole({ url: url.href }, { name: 'verified', password });
  const stored = await withClient({ url: server.url('postgres') }, (client) =>
    client.query<{ rolpassword: string }>(`SELECT rolpassword FROM pg_authid WHERE rolname = 'verified'`),
  );
  const [, iterations, salt] =
    /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(stored.rows[0]?.rolpassword ?? '') ?? [];
  assert.equal(iterations, '4096');
  assert.equal(Buffer.from(salt ?? '', 'base64').length, 16);
  await withClient({ url: server.url('postgres', { user: 'verified', password }) }, (client) =>
    client.query('SELECT 1'),
  );
  for (const refused of ['', 'naïve', 'two\nlines', 'x'.repeat(1025)]) {
    await assert.rejects(
      ensureRole({ url: server.url('postgres') }, { name: 'verified', password: refused }),
      { code: 'POSTGRES_PASSWORD_UNUSABLE' },
    );
  }
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}
