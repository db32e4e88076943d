// The life of a job: from its commit through the regions to its end, each entity in its order.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { temporaryDirectory } from '../testkit/directories.ts';
import { freshPostgres, testDatabase } from '../testkit/postgres.ts';
import { POLL_INTERVAL_MS } from './limits.ts';
import { appliedIn, brokerUsers, createPlay, createWorld, type Region, type World } from './test-world.ts';
import { statusChannel } from './transport.ts';
import { prepareEmbeddedBroker } from './transports/embedded-setup.ts';
import { eventually } from './transports/transport.contract.ts';

describe('the life of a job', () => {
  const directory = temporaryDirectory('broker');
  const play = createPlay();
  let broker: Awaited<ReturnType<typeof freshPostgres>>;
  let world: World;
  let north: Region;
  let south: Region;
  const settled: string[] = [];

  before(async () => {
    broker = await freshPostgres({ directory });
    const queues = await testDatabase(broker);
    await prepareEmbeddedBroker(queues.url, brokerUsers);
    world = await createWorld({
      managerUrl: (await testDatabase()).url,
      broker: { port: broker.port, database: queues.name },
      handlers: {
        REFUSE: { onJobSettled: async (_trx, job) => void settled.push(`${job.id} ${job.state}`) },
      },
    });
    north = await world.addRegion('north', (await testDatabase()).url, play.handlers);
    south = await world.addRegion('south', (await testDatabase()).url, play.handlers);
  });
  after(async () => {
    await world?.close();
    await broker?.stop();
  });

  test('a job is done within moments of its commit, and its result comes back', async () => {
    const warm = await world.createJob({ kind: 'APPLY' });
    await world.ended(warm);
    const tookMs: number[] = [];
    let id = '';
    // By polls alone none of three would be: a job takes several, on both sides.
    for (let n = 0; n < 3; n++) {
      const startedAt = performance.now();
      id = await world.createJob({ kind: 'APPLY', targets: ['north', 'south'], payload: { n: 1 } });
      assert.equal(await world.ended(id), 'done');
      tookMs.push(performance.now() - startedAt);
    }
    assert.ok(Math.min(...tookMs) < 900, `faster than the poll: ${tookMs.join(', ')}`);
    const job = await world.manager.getJob(id);
    assert.deepEqual(
      job?.tasks.map((task) => [task.target, task.state, task.result]),
      ['north', 'south'].map((target) => [target, 'done', { echo: { n: 1 } }]),
    );
  });

  test('200 jobs all end once, each entity in its order', async () => {
    const entities = Array.from({ length: 20 }, (_, i) => `many:${i}`);
    const ids: string[] = [];
    for (let n = 0; n < 10; n++)
      for (const entity of entities)
        ids.push(
          await world.createJob({
            kind: `APPLY_${n}`,
            entity,
            payload: n,
            targets: n % 2 ? ['north'] : ['north', 'south'],
          }),
        );
    for (const id of ids) assert.equal(await world.ended(id), 'done');
    for (const entity of entities) {
      assert.deepEqual(
        await appliedIn(north, entity),
        Array.from({ length: 10 }, (_, n) => String(n)),
      );
      assert.deepEqual(await appliedIn(south, entity), ['0', '2', '4', '6', '8']);
    }
  });

  test('a younger task is not even sent while an older one of its entity lives in that region', async () => {
    const entity = `order:${randomUUID()}`;
    const held = Promise.withResolvers<void>();
    play.hold = held.promise;
    const older = await world.createJob({ kind: 'APPLY', entity, payload: 'older' });
    const younger = await world.createJob({
      kind: 'APPLY_1',
      entity,
      payload: 'younger',
      lane: 'urgent',
      targets: ['north', 'south'],
    });
    await eventually('the other region has it', () => play.applied.includes(`${entity} "younger"`));
    await delay(100);
    assert.deepEqual(
      (await world.manager.getJob(younger))?.tasks.map((task) => [task.target, task.attempt]),
      [
        ['north', 0],
        ['south', 1],
      ],
    );
    play.hold = undefined;
    held.resolve();
    for (const id of [older, younger]) assert.equal(await world.ended(id), 'done');
    assert.deepEqual(await appliedIn(north, entity), ['"older"', '"younger"']);
  });

  test('working state travels with the task until it is done', async () => {
    const id = await world.createJob({ kind: 'STEPS' });
    assert.equal(await world.ended(id), 'done');
    assert.deepEqual((await world.manager.getJob(id))?.tasks[0]?.result, { step: 4 });
  });

  test('a retryable failure is tried again; what a failed execution wrote is undone; a crash tells no details', async () => {
    const entity = `flaky:${randomUUID()}`;
    const id = await world.createJob({ kind: 'FLAKY', entity, payload: { failures: 2 } });
    const seen = new Set<string>();
    await eventually('it is done', async () => {
      const job = await world.manager.getJob(id);
      const error = job?.tasks[0]?.error;
      if (error) seen.add(`${error.code}: ${error.message}`);
      return job?.state === 'done';
    });
    assert.ok(seen.has('SEALED: unseal me'));
    assert.ok(![...seen].some((text) => text.includes('secret detail')), [...seen].join());
    assert.ok([...seen].some((text) => text.startsWith('UNAVAILABLE')));
    assert.deepEqual(await appliedIn(north, entity), ['flaky']);
  });

  test('a final failure fails the job once, and a retry asks the region again', async () => {
    const id = await world.createJob({ kind: 'REFUSE', targets: ['north', 'south'] });
    assert.equal(await world.ended(id), 'failed');
    const error = (await world.manager.getJob(id))?.tasks[1]?.error;
    assert.deepEqual(error, { code: 'EPOCH_CLOSED', message: 'never again', retryable: false });
    await world.db.transaction().execute((trx) => world.manager.retryJob(trx, id));
    assert.equal(await world.ended(id), 'failed');
    assert.deepEqual(settled, [`${id} failed`, `${id} failed`]);
  });

  test('a deadline ends what no region answers', async () => {
    const unknown = await world.createJob({ kind: 'NOBODY_KNOWS', deadlineMs: 5_000 });
    const nowhere = await world.createJob({ kind: 'APPLY', targets: ['atlantis'], deadlineMs: 300 });
    assert.equal(await world.ended(nowhere), 'failed');
    assert.equal((await world.manager.getJob(nowhere))?.tasks[0]?.error?.code, 'DEADLINE');
    assert.equal(await world.ended(unknown), 'failed');
    assert.match((await world.manager.getJob(unknown))?.tasks[0]?.error?.message ?? '', /UNKNOWN_KIND/);
  });

  test('what was published is marked as sent, so that it is not published again', async () => {
    const jobs = 100;
    let published = 0;
    const before = north.faults.delivered;
    north.faults.refuse = (channel) => {
      if (channel === statusChannel()) published += 1;
      return false;
    };
    const create = () => world.createJob({ kind: 'APPLY', targets: ['north'] });
    const ids = await Promise.all(Array.from({ length: jobs }, create));
    for (const id of ids) assert.equal(await world.ended(id), 'done');
    await eventually('all are marked', async () => {
      const { rows } = await sql`select from orbital_inbox where unsent limit 1`.execute(north.db);
      return rows.length === 0;
    });
    north.faults.refuse = undefined;
    // Each task that comes is answered, also one that comes again. Of what is published beside that, a mark that comes late on a busy
    // machine costs one; without marks every status would be.
    const asked = north.faults.delivered - before;
    assert.ok(published < asked + 0.5 * jobs, `${asked} tasks were answered ${published} times`);
  });

  test('what a slow broker takes its time over is published once all the same', async () => {
    let published = 0;
    const before = north.faults.delivered;
    north.faults.refuse = (channel) => {
      if (channel === statusChannel()) published += 1;
      return false;
    };
    north.faults.delayMs = 2.5 * POLL_INTERVAL_MS;
    const id = await world.createJob({ kind: 'APPLY', targets: ['north'] });
    assert.equal(await world.ended(id, 40_000), 'done'); // on a busy machine each way takes longer still
    north.faults.delayMs = 0;
    north.faults.refuse = undefined;
    // The manager may ask once more in the meantime, and is answered once more then.
    const asked = north.faults.delivered - before;
    assert.ok(published >= 1 && published <= asked, `${asked} tasks were answered ${published} times`);
  });

  test('a report reaches governance as what it is', async () => {
    await south.operator.sendReport({ seal: 'unsealed' });
    await eventually('it comes', () => world.reports.length > 0);
    assert.deepEqual(world.reports, [{ source: 'south', report: { seal: 'unsealed' } }]);
  });
});
