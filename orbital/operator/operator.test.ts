// What an operator owes to its database and its broker when handlers misbehave, cores meet and connections die.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { waitedMs } from '../../testkit/clocks.ts';
import { type TestDatabase, testDatabase } from '../../testkit/postgres.ts';
import { INBOX_RETENTION_MS } from '../limits.ts';
import type { Handlers } from '../test-world.ts';
import { eventually } from '../transports/transport.contract.ts';
import { purgeInbox } from './outbox.ts';
import type { OperatorDb } from './schema.ts';
import { answerTo, type Core, effectsOf, startCore, stopCores, taskOf, write } from './test-cores.test.ts';

describe('an operator', () => {
  let database: TestDatabase;
  let a: Core;
  let b: Core;
  const ended: string[] = [];
  const started: string[] = [];
  let held: Promise<void> = Promise.resolve();

  const handlers: Handlers = {
    // Heeds no signal, and has a statement of its own under way at every moment.
    WRITE_ON_AND_ON: async (_payload, { trx, entity }) => {
      try {
        for (;;) {
          await write(trx, entity, 'late');
          if (!started.includes(entity)) started.push(entity);
        }
      } finally {
        ended.push(entity);
      }
    },
    SLEEP_THEN_WRITE: async (_payload, { trx, entity }) => {
      started.push(entity);
      await delay(2_000);
      await write(trx, entity, 'late').finally(() => ended.push(entity));
      return { done: null };
    },
    // Sits in one statement; no signal reaches it there.
    SIT_IN_STATEMENT: async (_payload, { trx, entity }) => {
      started.push(entity);
      await sql`select pg_sleep(8)`.execute(trx).finally(() => ended.push(entity));
      return { done: null };
    },
    HOLD: async (_payload, { entity }) => {
      started.push(entity);
      await held;
      return { done: null };
    },
    STUMBLE_ONCE: async (_payload, { entity }) => {
      if (started.includes(entity)) return { done: null };
      started.push(entity);
      return { failed: { code: 'UNAVAILABLE', message: '', retryable: true } };
    },
    TELL_JOB: async (_payload, { trx, entity, jobId }) => {
      await write(trx, entity, jobId);
      return { done: null };
    },
    UNLINK: async (_payload, { trx, entity }) => {
      await write(trx, entity, 'closed');
      return { done: null };
    },
  };

  before(async () => {
    database = await testDatabase();
    a = await startCore(database.url, handlers);
    b = await startCore(database.url, handlers);
    await delay(100); // until both listen
  });
  after(async () => {
    await stopCores();
  });

  for (const kind of ['WRITE_ON_AND_ON', 'SLEEP_THEN_WRITE', 'SIT_IN_STATEMENT'])
    for (const where of ['the same core', 'another core of the region'])
      test(`${kind}: a cancelling task on ${where} does not wait for it, and nothing of it stays`, async () => {
        const entity = `link:${randomUUID()}`;
        const older = taskOf(kind, entity, 1);
        const delivery = a.deliver(older);
        await eventually('it runs', () => started.includes(entity));
        const newer = taskOf('UNLINK', entity, 2, 'urgent');
        const tookMs = await waitedMs(() => (where === 'the same core' ? a : b).deliver(newer));
        assert.ok(tookMs < 1_500, `took ${tookMs} ms`);
        await delivery;
        assert.equal(await answerTo(a, older), 'SUPERSEDED');
        assert.equal(await answerTo(a, newer), 'done');
        await eventually('the handler has ended', () => ended.includes(entity));
        assert.deepEqual(await effectsOf(a, entity), ['closed']);
      });

  test('a repeat of what is in hand is given back, not acknowledged', async () => {
    const entity = `link:${randomUUID()}`;
    const release = Promise.withResolvers<void>();
    held = release.promise;
    const task = taskOf('HOLD', entity, 1);
    const first = a.deliver(task);
    await eventually('it runs', () => started.includes(entity));
    await assert.rejects(a.deliver(task));
    release.resolve();
    await first;
    await a.deliver(task); // now there is an answer to repeat
  });

  test('what is done is done again for a retry only where something newer has changed the entity', async () => {
    const entity = `link:${randomUUID()}`;
    const first = taskOf('TELL_JOB', entity, 1);
    await a.deliver(first);
    await a.deliver({ ...first, entitySequence: 2, etag: 2 });
    assert.deepEqual(await effectsOf(a, entity), [first.jobId]);
    const refused = taskOf('NOBODY_KNOWS', entity, 3);
    await a.deliver(refused);
    await a.deliver({ ...first, entitySequence: 4, etag: 3 });
    assert.deepEqual(await effectsOf(a, entity), [first.jobId]);
    const newer = taskOf('UNLINK', entity, 5);
    await a.deliver(newer);
    await a.deliver({ ...first, entitySequence: 6, etag: 4 });
    assert.deepEqual(await effectsOf(a, entity), [first.jobId, 'closed', first.jobId]);
    await a.deliver({ ...first, entitySequence: 4, etag: 3 }); // late
    assert.equal((await effectsOf(a, entity)).length, 3);
  });

  test('what was done is not done again for a message that was kept until its record was purged', async () => {
    const entity = `keys:${randomUUID()}`;
    const task = taskOf('TELL_JOB', entity, 1);
    const failed = taskOf('STUMBLE_ONCE', `keys:${randomUUID()}`, 1);
    const halfDone = taskOf('STUMBLE_ONCE', `keys:${randomUUID()}`, 1);
    await a.deliver(task);
    await a.deliver(failed);
    await a.deliver(halfDone);
    // As if it had gone on for a while before it stumbled.
    await sql`update orbital_inbox_entities set applied_sequence = 1 where entity = ${halfDone.entity}`.execute(
      a.db,
    );
    await sql`
      update orbital_inbox set unsent = false, updated_at = now() - ${INBOX_RETENTION_MS + 1} * interval '1 millisecond'
        where task_id in (${task.taskId}, ${failed.taskId}, ${halfDone.taskId})`.execute(a.db);
    await purgeInbox(a.db as unknown as OperatorDb);
    assert.equal(await answerTo(a, task), undefined);
    // The other core, whose memory of frames does not know it.
    await b.deliver(task);
    assert.deepEqual(await effectsOf(a, entity), [task.jobId]);
    assert.equal(await answerTo(a, task), 'FORGOTTEN');
    await a.deliver({ ...task, etag: 2 });
    assert.equal((await effectsOf(a, entity)).length, 1, 'nor for a later execution, which was on its way');
    await a.deliver({ ...task, entitySequence: 2, etag: 3 });
    assert.equal((await effectsOf(a, entity)).length, 2, 'a retry is a wish of its own');
    await b.deliver({ ...failed, etag: 2 });
    assert.equal(await answerTo(a, failed), 'done');
    await b.deliver({ ...halfDone, etag: 2 });
    assert.equal(await answerTo(a, halfDone), 'done', 'what was not done to its end');
  });

  test('a handler learns the id of its job', async () => {
    const task = taskOf('TELL_JOB', `link:${randomUUID()}`, 1);
    await a.deliver(task);
    assert.deepEqual(await effectsOf(a, task.entity), [task.jobId]);
  });

  test('a task gets through although every open connection to the database has died silently', async () => {
    const url = new URL(database.url);
    const serverPort = Number(url.port);
    const sockets: Socket[] = [];
    const path = createServer((client) => {
      const server = connect(serverPort, url.hostname);
      client.pipe(server).pipe(client);
      for (const socket of [client, server]) sockets.push(socket.on('error', () => {}));
    });
    await new Promise<void>((resolve) => path.listen(0, '127.0.0.1', resolve));
    const address = path.address();
    assert.ok(typeof address === 'object' && address !== null);
    url.port = String(address.port);
    const core = await startCore(url.href, handlers);
    await Promise.all(Array.from({ length: 8 }, () => sql`select pg_sleep(0.2)`.execute(core.db)));
    for (const socket of sockets) socket.unpipe().pause();

    const task = taskOf('UNLINK', `link:${randomUUID()}`, 1, 'urgent');
    const startedAt = performance.now();
    for (let acknowledged = false; !acknowledged; ) {
      acknowledged = await core.deliver(task).then(
        () => true,
        () => delay(500, false),
      );
      if (acknowledged) assert.equal(await answerTo(a, task), 'done', 'acknowledged but not done');
      assert.ok(performance.now() - startedAt < 15_000, 'the connections were never replaced');
    }
    assert.deepEqual(await effectsOf(a, task.entity), ['closed']);
    for (const socket of sockets) socket.destroy();
    path.close();
  });
});
