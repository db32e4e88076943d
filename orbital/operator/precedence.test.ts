// A cancelling task does not wait for a process that is frozen in the middle of a transaction, whatever that has locked.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { waitedMs } from '../../testkit/clocks.ts';
import { type TestDatabase, testDatabase } from '../../testkit/postgres.ts';
import { until } from '../../testkit/until.ts';
import { BLOCKER_IDLE_MS } from '../limits.ts';
import type { Handlers } from '../test-world.ts';
import { answerTo, type Core, effectsOf, startCore, stopCores, taskOf, write } from './test-cores.test.ts';

/** A frozen session is ended after that, plus a look at it; PostgreSQL by itself would take a minute. */
const WITHIN_MS = BLOCKER_IDLE_MS + 3_000;

describe('a cancelling task and whoever keeps it waiting', () => {
  let database: TestDatabase;
  let core: Core;
  let other: Core;
  const open: pg.Client[] = [];

  const handlers: Handlers = {
    UNLINK: async (_payload, { trx, entity }) => {
      await write(trx, entity, 'closed');
      return { done: null };
    },
    UNLINK_APART: async (_payload, { apart, entity }) => {
      await apart((own) => write(own, entity, 'closed'));
      return { done: null };
    },
    UNLINK_SLOWLY: async (_payload, { trx, entity }) => {
      begun += 1;
      await delay(BLOCKER_IDLE_MS + 1_500);
      await write(trx, entity, 'closed');
      return { done: null };
    },
  };

  let begun = 0;

  before(async () => {
    database = await testDatabase();
    core = await startCore(database.url, handlers);
    other = await startCore(database.url, handlers);
  });
  after(async () => {
    await Promise.all(open.map((client) => client.end().catch(() => undefined)));
    await stopCores();
  });

  /** Another process of the region, in the middle of a transaction; frozen, for all that the database can see. */
  async function inTransaction(...statements: readonly string[]): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: database.url });
    client.on('error', () => undefined);
    open.push(client);
    await client.connect();
    for (const statement of ['begin', ...statements]) await client.query(statement);
    return client;
  }
  const isEnded = async (client: pg.Client): Promise<boolean> =>
    client.query('select 1').then(
      () => false,
      () => true,
    );

  const OF_THE_ENTITY = "insert into orbital_inbox_entities (entity, highest_sequence) values ('ENTITY', 0)";
  const OF_EVERYBODY = 'lock table effects in access exclusive mode';
  const APART = "insert into orbital_inbox_apart (entity, sequence) values ('ENTITY', 1)";
  for (const [what, kind, statement] of [
    ['the row of its entity', 'UNLINK', OF_THE_ENTITY],
    ['what its handler needs', 'UNLINK', OF_EVERYBODY],
    ['what its handler needs to commit apart', 'UNLINK_APART', OF_EVERYBODY],
    ['the mark of what commits apart', 'UNLINK_APART', APART],
  ] as const)
    test(`${what}: a frozen session loses it`, async () => {
      const entity = `link:${randomUUID()}`;
      const frozen = await inTransaction(statement.replace('ENTITY', entity));
      const task = taskOf(kind, entity, 2, 'urgent');
      const tookMs = await waitedMs(() => core.deliver(task));
      assert.ok(tookMs < WITHIN_MS, `took ${tookMs} ms`);
      assert.equal(await answerTo(core, task), 'done');
      assert.deepEqual(await effectsOf(core, entity), ['closed']);
      assert.ok(await isEnded(frozen));
    });

  test('one that waits for a frozen one itself is no reason to wait for either', async () => {
    const entity = `link:${randomUUID()}`;
    const frozen = await inTransaction(OF_EVERYBODY);
    const waiting = await inTransaction(OF_THE_ENTITY.replace('ENTITY', entity));
    const waits = waiting
      .query('insert into effects values ($1, $2)', [entity, 'older'])
      .then(() => waiting.query('commit'));
    const task = taskOf('UNLINK', entity, 2, 'urgent');
    const tookMs = await waitedMs(() => core.deliver(task));
    assert.ok(tookMs < WITHIN_MS, `took ${tookMs} ms`);
    await waits;
    assert.ok(await isEnded(frozen));
    assert.deepEqual(
      await effectsOf(core, entity),
      ['older', 'closed'],
      'nothing of the one that went on is lost',
    );
  });

  test('a handler that waits for somebody else is alive, and its own task sent again does not end it', async () => {
    const task = taskOf('UNLINK_SLOWLY', `link:${randomUUID()}`, 2, 'urgent');
    const first = core.deliver(task);
    await until('it has begun', () => begun === 1);
    await Promise.all([first, other.deliver(task)]);
    assert.equal(begun, 1);
    assert.deepEqual(await effectsOf(core, task.entity), ['closed']);
  });

  test('who is at work is left alone, and so is one that keeps only other tasks waiting', async () => {
    const busy = `link:${randomUUID()}`;
    const atWork = await inTransaction(OF_THE_ENTITY.replace('ENTITY', busy));
    const sleep = atWork
      .query(`select pg_sleep(${(BLOCKER_IDLE_MS + 1_000) / 1000})`)
      .then(() => atWork.query('commit'));
    const elsewhere = `keys:${randomUUID()}`;
    const idle = await inTransaction(OF_THE_ENTITY.replace('ENTITY', elsewhere));
    const waits = core.deliver(taskOf('UNLINK', elsewhere, 2)).then(
      () => 'done',
      () => 'given back',
    );
    const task = taskOf('UNLINK', busy, 2, 'urgent');
    await core.deliver(task);
    await sleep;
    assert.equal(await answerTo(core, task), 'done');
    assert.equal(await isEnded(idle), false);
    assert.equal(await waits, 'given back');
  });
});
