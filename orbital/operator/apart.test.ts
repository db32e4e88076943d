// What handlers commit apart from the transactions of their tasks, when those tasks are taken from them or sessions are lost.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { testDatabase } from '../../testkit/postgres.ts';
import type { Handlers } from '../test-world.ts';
import { eventually } from '../transports/transport.contract.ts';
import { answerTo, type Core, effectsOf, startCore, stopCores, taskOf, write } from './test-cores.test.ts';

describe('a commit apart', () => {
  let a: Core;
  let b: Core;
  const ended: string[] = [];
  const started: string[] = [];
  /** The sessions that hold the rows of entities. */
  const sessions = new Map<string, number>();
  let held: Promise<void> = Promise.resolve();

  async function noteSession(trx: Parameters<typeof write>[0], entity: string): Promise<void> {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
    sessions.set(entity, rows[0]?.pid ?? 0);
  }
  const loseSession = (entity: string) =>
    sql`select pg_terminate_backend(${sessions.get(entity)}, 1000)`.execute(b.db);

  const handlers: Handlers = {
    // Commits apart from the transaction of its task, and takes its time before it does.
    SLEEP_THEN_COMMIT_APART: async (_payload, { apart, entity }) => {
      started.push(entity);
      await delay(1_000);
      await apart((trx) => write(trx, entity, 'late')).finally(() => ended.push(entity));
      return { done: null };
    },
    HOLD_THEN_COMMIT_APART: async (_payload, { trx, apart, entity }) => {
      await noteSession(trx, entity);
      await held;
      await apart((own) => write(own, entity, 'older')).finally(() => ended.push(entity));
      return { done: null };
    },
    COMMIT_APART_WHILE_HELD: async (_payload, { trx, apart, entity }) => {
      await noteSession(trx, entity);
      await apart(async (own) => {
        await write(own, entity, 'older');
        started.push(entity);
        await held;
      });
      return { done: null };
    },
    COMMIT_APART_THEN_HOLD: async (_payload, { trx, apart, entity }) => {
      await noteSession(trx, entity);
      await apart((own) => write(own, entity, 'newer'));
      started.push(entity);
      await held;
      return { done: null };
    },
    WRITE: async (_payload, { trx, entity }) => {
      await write(trx, entity, 'newer');
      return { done: null };
    },
    COMMIT_APART: async (_payload, { apart, entity }) => {
      await apart((trx) => write(trx, entity, 'newer'));
      return { done: null };
    },
    UNLINK: async (_payload, { trx, entity }) => {
      await write(trx, entity, 'closed');
      return { done: null };
    },
  };

  before(async () => {
    const { url } = await testDatabase();
    a = await startCore(url, handlers);
    b = await startCore(url, handlers);
    await delay(100); // until both listen
  });
  after(stopCores);

  for (const where of ['the same core', 'another core of the region'])
    test(`comes to nothing once a cancelling task on ${where} has overtaken its own`, async () => {
      const entity = `link:${randomUUID()}`;
      const older = taskOf('SLEEP_THEN_COMMIT_APART', entity, 1);
      const delivery = a.deliver(older);
      await eventually('it runs', () => started.includes(entity));
      const newer = taskOf('UNLINK', entity, 2, 'urgent');
      await (where === 'the same core' ? a : b).deliver(newer);
      await delivery;
      assert.equal(await answerTo(a, older), 'SUPERSEDED');
      assert.equal(await answerTo(a, newer), 'done');
      await eventually('the handler has ended', () => ended.includes(entity));
      assert.deepEqual(await effectsOf(a, entity), ['closed']);
    });

  for (const newest of ['COMMIT_APART', 'WRITE'])
    test(`comes to nothing once its session was lost and a newer ${newest} is done`, async () => {
      const entity = `identity:${randomUUID()}`;
      const release = Promise.withResolvers<void>();
      held = release.promise;
      const older = taskOf('HOLD_THEN_COMMIT_APART', entity, 1);
      const delivery = a.deliver(older).catch(() => {});
      await eventually('it runs', () => sessions.has(entity));
      await loseSession(entity);
      const newer = taskOf(newest, entity, 2);
      await b.deliver(newer).finally(release.resolve);
      assert.equal(await answerTo(b, newer), 'done');
      await delivery;
      await eventually('the handler has ended', () => ended.includes(entity));
      assert.deepEqual(await effectsOf(b, entity), ['newer']);
      await a.deliver(older);
      assert.equal(await answerTo(b, older), 'SUPERSEDED');
    });

  test('waits for what an older handler of the entity is about to commit apart', async () => {
    const entity = `identity:${randomUUID()}`;
    const release = Promise.withResolvers<void>();
    held = release.promise;
    const delivery = a.deliver(taskOf('COMMIT_APART_WHILE_HELD', entity, 1)).catch(() => {});
    await eventually('it runs', () => started.includes(entity));
    await loseSession(entity);
    const newer = taskOf('COMMIT_APART', entity, 2);
    const second = b.deliver(newer);
    try {
      await delay(300);
      assert.equal(await answerTo(a, newer), undefined);
    } finally {
      release.resolve();
      await Promise.all([delivery, second]);
    }
    assert.deepEqual(await effectsOf(a, entity), ['older', 'newer']);
  });

  test('keeps older tasks from running, although its own was not answered', async () => {
    const entity = `identity:${randomUUID()}`;
    const release = Promise.withResolvers<void>();
    held = release.promise;
    const newer = taskOf('COMMIT_APART_THEN_HOLD', entity, 2);
    const delivery = a.deliver(newer).catch(() => {});
    await eventually('it has committed', () => started.includes(entity));
    await loseSession(entity);
    const older = taskOf('WRITE', entity, 1);
    await b.deliver(older).finally(release.resolve);
    await delivery;
    assert.equal(await answerTo(b, older), 'SUPERSEDED');
    assert.deepEqual(await effectsOf(b, entity), ['newer']);
  });
});
