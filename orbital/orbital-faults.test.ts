// Whatever breaks or lies on the way: every change is applied once, in order, and only if governance asked for it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { waitedMs } from '../testkit/clocks.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { freshPostgres, testDatabase } from '../testkit/postgres.ts';
import { statusChannel, taskChannel } from './index.ts';
import { signMessage, type TaskMessage } from './messages.ts';
import {
  appliedIn,
  brokerUsers,
  createPlay,
  createWorld,
  keyPair,
  type Region,
  type World,
} from './test-world.ts';
import { prepareEmbeddedBroker } from './transports/embedded-setup.ts';
import { eventually } from './transports/transport.contract.ts';

describe('orbital under faults', () => {
  const directory = temporaryDirectory('broker');
  const play = createPlay();
  let broker: Awaited<ReturnType<typeof freshPostgres>>;
  let world: World;
  let north: Region;
  let south: Region;

  before(async () => {
    broker = await freshPostgres({ directory });
    const queues = await testDatabase(broker);
    await prepareEmbeddedBroker(queues.url, brokerUsers);
    world = await createWorld({
      managerUrl: (await testDatabase()).url,
      broker: { port: broker.port, database: queues.name },
    });
    north = await world.addRegion('north', (await testDatabase()).url, play.handlers);
    south = await world.addRegion('south', (await testDatabase()).url, play.handlers);
  });
  after(async () => {
    await world?.close();
    await broker?.stop();
  });

  const highest = async (region: Region, entity: string): Promise<number> => {
    const { rows } = await sql<{ n: string }>`
      select highest_sequence as n from orbital_inbox_entities where entity = ${entity}`.execute(region.db);
    return Number(rows[0]?.n);
  };
  const taskFor = (changes: Partial<TaskMessage>): TaskMessage => ({
    type: 'task',
    messageId: randomUUID(),
    jobId: randomUUID(),
    taskId: randomUUID(),
    kind: 'APPLY',
    entity: `forged:${randomUUID()}`,
    entitySequence: 1,
    target: 'north',
    lane: 'normal',
    etag: 1,
    attempt: 1,
    payload: 'forged',
    correlationId: 'c',
    issuedAt: new Date().toISOString(),
    ...changes,
  });

  test('a lost answer is sent again and the change is not applied again', async () => {
    const entity = `lost:${randomUUID()}`;
    north.faults.refuse = (channel) => channel === statusChannel();
    const id = await world.createJob({ kind: 'APPLY', entity, payload: 'once' });
    await eventually('it is applied', async () => (await appliedIn(north, entity)).length === 1);
    await delay(2_500); // redeliveries and at least one resend of the manager
    assert.equal((await world.manager.getJob(id))?.state, 'pending');
    north.faults.refuse = undefined;
    assert.equal(await world.ended(id), 'done');
    assert.deepEqual(await appliedIn(north, entity), ['"once"']);
    assert.equal(play.applied.filter((each) => each.startsWith(entity)).length, 1);
  });

  test('a repeated message is answered from the record', async () => {
    const entity = `repeat:${randomUUID()}`;
    const frame = signMessage(world.signer, taskFor({ entity, payload: 'x' }));
    for (let i = 0; i < 4; i++)
      await world.transport.publish(taskChannel('north', i % 2 ? 'urgent' : 'normal'), frame);
    await eventually('it is applied', async () => (await appliedIn(north, entity)).length > 0);
    await delay(300);
    assert.deepEqual(await appliedIn(north, entity), ['"x"']);
  });

  test('a cancelling job overtakes what it cancels, also while that runs, and a late message revives nothing', async () => {
    const entity = `link:${randomUUID()}`;
    const hanging = await world.createJob({ kind: 'HANG', entity });
    const waiting = await world.createJob({ kind: 'APPLY', entity, payload: 'never' });
    await eventually('it hangs', () => play.applied.includes(`${entity} hangs`));
    const tookMs = await waitedMs(async () => {
      const unlink = await world.createJob({
        kind: 'APPLY_1',
        entity,
        payload: 'unlinked',
        lane: 'urgent',
        cancelsOlder: true,
        deadlineMs: null,
      });
      assert.equal(await world.ended(unlink), 'done');
    });
    assert.ok(tookMs < 1_500, `took ${tookMs} ms`);
    for (const id of [hanging, waiting]) assert.equal((await world.manager.getJob(id))?.state, 'cancelled');

    const late = taskFor({ entity, entitySequence: (await highest(north, entity)) - 1, payload: 'late' });
    await world.transport.publish(taskChannel('north', 'normal'), signMessage(world.signer, late));
    await eventually('it is refused', async () => {
      const { rows } = await sql<{ error: { code: string } | null }>`
        select error from orbital_inbox where task_id = ${late.taskId}`.execute(north.db);
      return rows[0]?.error?.code === 'SUPERSEDED';
    });
    assert.deepEqual(await appliedIn(north, entity), ['"unlinked"']);
  });

  test('tasks that governance did not sign, or that are for another region, are thrown away and counted', async () => {
    const stranger = keyPair('governance-1');
    const send = (frame: Uint8Array) => world.transport.publish(taskChannel('north', 'urgent'), frame);
    const forged = taskFor({});
    await send(signMessage(stranger.signer, forged));
    await send(signMessage(south.signer, forged));
    await send(signMessage(world.signer, { ...forged, target: 'south' }));
    await send(Buffer.from('garbage'));
    // The broker may bring what an earlier test has sent once more.
    const refused = () => north.rejections.map(({ code }) => code).filter((code) => code !== 'REPLAYED');
    await eventually('all are refused', () => refused().length === 4);
    assert.deepEqual(refused().sort(), ['BAD_SIGNATURE', 'MALFORMED', 'UNKNOWN_KEY', 'WRONG_AUDIENCE']);
    assert.deepEqual(await appliedIn(north, forged.entity), []);
  });

  test('what was recorded and comes again is refused as that, on both sides', async () => {
    const task = taskFor({ payload: 'once' });
    const frame = signMessage(world.signer, task);
    const send = () => world.transport.publish(taskChannel('north', 'normal'), frame);
    north.rejections.length = 0;
    await send();
    await eventually('it is applied', async () => (await appliedIn(north, task.entity)).length === 1);
    // As long as the first is in hand, a second is the broker's repetition of it.
    await eventually('it is refused', async () => {
      await send();
      return north.rejections.length > 0;
    });
    const [{ code, claims, keyId } = {}] = north.rejections;
    assert.deepEqual({ code, claims, keyId }, { code: 'REPLAYED', claims: 'north', keyId: 'governance-1' });
    assert.deepEqual(await appliedIn(north, task.entity), ['"once"']);

    const id = await world.createJob({ kind: 'APPLY', targets: ['north'] });
    const taskId = (await world.manager.getJob(id))?.tasks[0]?.id ?? '';
    assert.equal(await world.ended(id), 'done');
    world.rejections.length = 0;
    const status = signMessage(north.signer, {
      type: 'status',
      taskId,
      etag: 1,
      target: 'north',
      phase: 'done',
      result: null,
      correlationId: 'c',
      at: new Date().toISOString(),
    });
    await eventually('a later one is refused', async () => {
      await north.transport.publish(statusChannel(), status);
      return world.rejections.some((each) => each.code === 'REPLAYED' && each.claims === 'north');
    });
  });

  test('a region can speak only for itself and only about its own tasks', async () => {
    let release = (): void => {};
    play.hold = new Promise((resolve) => {
      release = resolve;
    });
    const id = await world.createJob({ kind: 'APPLY', targets: ['north'] });
    const taskId = (await world.manager.getJob(id))?.tasks[0]?.id ?? '';
    const claim = (target: string, of = taskId) =>
      ({
        type: 'status',
        taskId: of,
        etag: 1,
        target,
        phase: 'done',
        result: 'forged',
        correlationId: 'c',
        at: new Date().toISOString(),
      }) as const;
    world.rejections.length = 0;
    await south.transport.publish(statusChannel(), signMessage(south.signer, claim('north')));
    await south.transport.publish(statusChannel(), signMessage(south.signer, claim('south')));
    await south.transport.publish(statusChannel(), signMessage(south.signer, claim('south', randomUUID())));
    await south.transport.publish(statusChannel(), signMessage(keyPair('south-1').signer, claim('south')));
    await eventually('all are refused', () => world.rejections.length === 4);
    assert.deepEqual(world.rejections.map((each) => each.code).sort(), [
      'BAD_SIGNATURE',
      'TARGET_MISMATCH',
      'UNKNOWN_KEY',
      'UNKNOWN_TASK',
    ]);
    assert.match(
      await world.registry.metrics(),
      /messages_rejected_total\{code="TARGET_MISMATCH",region="(unknown|south)"\} 1/,
    );
    assert.equal((await world.manager.getJob(id))?.state, 'pending');
    release();
    play.hold = undefined;
    assert.equal(await world.ended(id), 'done');
    assert.notEqual((await world.manager.getJob(id))?.tasks[0]?.result, 'forged');
  });

  test('a wish that there cannot be closes its entity for nobody, on neither side', async () => {
    const entity = `ahead:${randomUUID()}`;
    let release = (): void => {};
    play.hold = new Promise((resolve) => {
      release = resolve;
    });
    const id = await world.createJob({ kind: 'APPLY', entity, payload: 'held', targets: ['north'] });
    const taskId = (await world.manager.getJob(id))?.tasks[0]?.id ?? '';
    world.rejections.length = 0;
    const forged = signMessage(north.signer, {
      type: 'status',
      taskId,
      entitySequence: Number.MAX_SAFE_INTEGER,
      etag: 1,
      target: 'north',
      phase: 'processing',
      workingState: null,
      retryAfterMs: 0,
      correlationId: 'c',
      at: new Date().toISOString(),
    });
    await north.transport.publish(statusChannel(), forged);
    await eventually('governance refuses it', () => world.rejections.length > 0);
    const [{ code, claims, keyId } = {}] = world.rejections;
    assert.deepEqual({ code, claims, keyId }, { code: 'SEQUENCE_AHEAD', claims: 'north', keyId: 'north-1' });

    north.rejections.length = 0;
    const ahead = taskFor({ entity, entitySequence: Date.now() + 20 * 60_000, cancels: true });
    await world.transport.publish(taskChannel('north', 'urgent'), signMessage(world.signer, ahead));
    await eventually('the region refuses it', () => north.rejections.length > 0);
    assert.deepEqual(
      north.rejections.map((each) => each.code),
      ['SEQUENCE_AHEAD'],
    );
    release();
    play.hold = undefined;
    assert.equal(await world.ended(id), 'done');
    const later = await world.createJob({ kind: 'APPLY', entity, payload: 'later', targets: ['north'] });
    assert.equal(await world.ended(later), 'done');
    assert.deepEqual(await appliedIn(north, entity), ['"held"', '"later"']);
    assert.ok((await highest(north, entity)) <= Date.now() + 60_000);
  });

  test('with the broker away nothing is lost, and all goes on when it is back', async () => {
    const entity = `outage:${randomUUID()}`;
    let release = (): void => {};
    play.hold = new Promise((resolve) => {
      release = resolve;
    });
    const inHand = await world.createJob({ kind: 'APPLY', entity, payload: 'in hand' });
    await eventually('it is in hand', () => play.applied.some((each) => each.startsWith(entity)));
    await broker.kill();
    release();
    play.hold = undefined;
    const meanwhile = await Promise.all(
      [1, 2, 3].map((n) => world.createJob({ kind: 'APPLY', payload: n, targets: ['north', 'south'] })),
    );
    await eventually(
      'the answer waits in the region',
      async () => (await appliedIn(north, entity)).length === 1,
    );
    await delay(500);
    broker = await freshPostgres({ directory, port: broker.port });
    const tookMs = await waitedMs(async () => {
      for (const id of [inHand, ...meanwhile]) assert.equal(await world.ended(id), 'done');
    });
    assert.ok(tookMs < 4_000, `took ${tookMs} ms`);
    assert.deepEqual(await appliedIn(north, entity), ['"in hand"']);
  });
});
