// How tasks flow out of the database: each target within what it may leave unanswered, each entity in its order, and at a
// cost that does not depend on how many wait. Regions are played by hand, so that they answer what and when a test says.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { createLogger } from '../../platform/log.ts';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { until } from '../../testkit/until.ts';
import { createManager, type JobSpec, type Manager, type Transport, TransportError } from '../index.ts';
import {
  DISPATCH_BATCH,
  MEASURE_AT_LEAST_EVERY_MS,
  MEASURE_SHARE,
  NORMAL_IN_FLIGHT,
  TARGET_PAUSE_MS,
} from '../limits.ts';
import { type StatusMessage, signMessage, type TaskMessage } from '../messages.ts';
import { keyPair } from '../test-world.ts';
import { statusChannel } from '../transport.ts';
import { claimStatement, nextDueStatement } from './claims.ts';
import { measureLevels } from './levels.ts';
import { type OrbitalManagerTables, orbitalManagerMigrations } from './schema.ts';

const WAIT_MS = 15_000;
const governance = keyPair('governance');
const regions = { north: keyPair('north'), south: keyPair('south') };
type Target = keyof typeof regions;
const logger = createLogger({ name: 'flow-test', level: 'silent' });

describe('the flow of tasks', () => {
  let db: Kysely<OrbitalManagerTables>;
  let manager: Manager<OrbitalManagerTables>;
  let refuse: (target: string) => boolean = () => false;
  let tried = 0;
  let sent: TaskMessage[] = [];
  let statuses: ((frame: Uint8Array) => Promise<void>) | undefined;

  const transport: Transport = {
    async publish(_channel, frame) {
      const { body } = JSON.parse(Buffer.from(frame).toString()) as { body: string };
      const task = JSON.parse(Buffer.from(body, 'base64url').toString()) as TaskMessage;
      if (refuse(task.target)) {
        tried++;
        throw new TransportError('CHANNEL_FULL');
      }
      sent.push(task);
    },
    async consume(channel, handler) {
      if (channel === statusChannel()) statuses = handler;
      return { close: async () => {} };
    },
    healthy: () => true,
    close: async () => {},
  };

  before(async () => {
    const { url } = await testDatabase();
    db = createDatabase(createPool({ url, applicationName: 'test', max: 16, connectionTimeoutMs: 60_000 }));
    await migrate(db, orbitalManagerMigrations, { table: 'orbital_migrations' });
    manager = createManager<OrbitalManagerTables>({
      db,
      transport,
      signer: governance.signer,
      keysOf: (target) => (target in regions ? [regions[target as Target].trusted] : []),
      handlers: {},
      logger,
      listenOn: { url },
    });
    await manager.start();
  });
  after(async () => {
    await manager?.stop();
    await db?.destroy();
  });
  afterEach(async () => {
    refuse = () => false;
    // Nothing of one test is to be sent again in the next.
    await sql`truncate orbital_tasks, orbital_jobs, orbital_entities`.execute(db);
    sent = [];
  });

  const create = (changes: Partial<JobSpec> & { readonly targets?: readonly Target[] } = {}) => {
    const { targets = ['north'], ...spec } = changes;
    return db.transaction().execute((trx) =>
      manager.createJob(trx, {
        kind: 'FIRST',
        entity: `thing:${randomUUID()}`,
        lane: 'normal',
        correlationId: 'c',
        deadlineMs: null,
        tasks: targets.map((target) => ({ target, payload: null })),
        ...spec,
      }),
    );
  };
  const answer = async (task: TaskMessage, phase: StatusMessage['phase'] = 'done'): Promise<void> => {
    const { taskId, etag, target, correlationId } = task;
    const at = new Date().toISOString();
    const status = { type: 'status', taskId, etag, target, phase, correlationId, at } as const;
    await statuses?.(signMessage(regions[target as Target].signer, status));
  };
  const sentOf = (jobId: string): TaskMessage | undefined => sent.find((task) => task.jobId === jobId);
  const distinct = (target: Target): number =>
    new Set(sent.filter((task) => task.target === target).map((task) => task.taskId)).size;
  const someMinutesAway = async (jobId: string): Promise<boolean> => {
    const { rows } = await sql<{ away: boolean }>`
      select next_attempt_at > now() + interval '2 minutes' as away from orbital_tasks
        where job_id = ${jobId}`.execute(db);
    return rows[0]?.away === true;
  };

  test('a target gets no more than it may leave unanswered, holds up no other, and answers make room', async () => {
    const many = Array.from({ length: NORMAL_IN_FLIGHT + 40 }, () => create());
    await Promise.all(many);
    await until('the window is full', () => distinct('north') >= NORMAL_IN_FLIGHT, WAIT_MS);
    const south = await Promise.all(Array.from({ length: 5 }, () => create({ targets: ['south'] })));
    await until('the other target gets its own', () => south.every((id) => sentOf(id)), WAIT_MS);
    assert.equal(distinct('north'), NORMAL_IN_FLIGHT);

    const answered = [...new Map(sent.map((task) => [task.taskId, task])).values()]
      .filter((task) => task.target === 'north')
      .slice(0, 10);
    for (const task of answered) await answer(task);
    await until('as many more go', () => distinct('north') >= NORMAL_IN_FLIGHT + 10, WAIT_MS);
    await create({ targets: ['south'] });
    await until('one more round', () => distinct('south') === 6, WAIT_MS);
    assert.equal(distinct('north'), NORMAL_IN_FLIGHT + 10);
    // One that the region wants to be asked again about has been answered, and makes room, too.
    const [again] = sent.filter((task) => task.target === 'north' && !answered.includes(task));
    assert.ok(again);
    await answer(again, 'failed'); // without an error: retryable
    await until('another goes', () => distinct('north') > NORMAL_IN_FLIGHT + 10, WAIT_MS);
  });

  test('what is resent comes before what was never sent', async () => {
    const first = await create();
    await until('it is sent', () => sentOf(first) !== undefined);
    await Promise.all(Array.from({ length: NORMAL_IN_FLIGHT + 40 }, () => create()));
    await until('it is sent again', () => sent.filter((task) => task.jobId === first).length > 1, WAIT_MS);
    assert.ok(distinct('north') <= NORMAL_IN_FLIGHT + 1);
  });

  for (const [how, end] of [
    ['is done', (task: TaskMessage) => answer(task)],
    [
      'is cancelled',
      (task: TaskMessage) => db.transaction().execute((trx) => manager.cancelJob(trx, task.jobId)),
    ],
    [
      'has missed its deadline',
      (task: TaskMessage) =>
        sql`update orbital_tasks set deadline_at = now() where id = ${task.taskId}`.execute(db),
    ],
  ] as const)
    test(`a task that waits for an older one of its entity is put aside, and goes when that ${how}`, async () => {
      const entity = `thing:${randomUUID()}`;
      const older = await create({ entity });
      const younger = await create({ entity, kind: 'SECOND' });
      const elsewhere = await create({ entity, kind: 'THIRD', targets: ['south'] });
      await until('it is put aside', () => someMinutesAway(younger), WAIT_MS);
      await until('its turn elsewhere has come', () => sentOf(elsewhere) !== undefined, WAIT_MS);
      assert.equal(sentOf(younger), undefined);
      const task = sentOf(older);
      assert.ok(task);
      await end(task);
      await until('it goes', () => sentOf(younger) !== undefined, WAIT_MS);
    });

  test('no end is missed by a claim under way: of 20 entities with four jobs each, all go in their order', async () => {
    const kinds = ['FIRST', 'SECOND', 'THIRD', 'FOURTH'];
    const entities = Array.from({ length: 20 }, (_, index) => `many:${index}`);
    const made = entities.map(async (entity) => {
      for (const kind of kinds) await create({ entity, kind, targets: ['north', 'south'] });
    });
    const answered = new Set<string>();
    const play = async (): Promise<boolean> => {
      const fresh = sent.filter(({ taskId }) => !answered.has(taskId));
      for (const { taskId } of fresh) answered.add(taskId);
      await Promise.all(fresh.map((task) => answer(task)));
      return answered.size === entities.length * kinds.length * 2;
    };
    await Promise.all(made);
    await until('all are answered', play, 2 * WAIT_MS);
    for (const target of ['north', 'south'])
      for (const entity of entities) {
        const order = sent.filter((task) => task.entity === entity && task.target === target);
        assert.deepEqual([...new Set(order.map((task) => task.kind))], kinds);
      }
  });

  test('a target whose channel is full is left alone for a while, and the others go on', async () => {
    refuse = (target) => target === 'north';
    tried = 0;
    const startedAt = performance.now();
    const north = await Promise.all(Array.from({ length: 100 }, () => create()));
    await until('it is tried', () => tried > 0, WAIT_MS);
    const south = await Promise.all(Array.from({ length: 20 }, () => create({ targets: ['south'] })));
    await until('the others go', () => south.every((id) => sentOf(id)), WAIT_MS);
    const turns = Math.ceil((performance.now() - startedAt) / TARGET_PAUSE_MS) + 1;
    assert.ok(tried <= turns * DISPATCH_BATCH, `${tried} tries in ${turns} turns`);
    refuse = () => false;
    await until('it is tried again', () => north.some((id) => sentOf(id)), WAIT_MS);
  });

  test('what a claim costs does not depend on how many wait', async () => {
    const [few, many] = [await costWith(1_000), await costWith(20_000)];
    for (const what of ['claim', 'next'] as const)
      assert.ok(
        many[what] <= 2 * few[what] + 50,
        `${what}: ${few[what]} blocks with 1,000 tasks, ${many[what]} with 20,000`,
      );
  });

  /** Blocks that the statements read, with as many tasks in two regions: unsent, sent, put aside, and waiting in line. */
  async function costWith(tasks: number): Promise<{ claim: number; next: number }> {
    await manager.stop();
    try {
      await sql`truncate orbital_tasks, orbital_jobs, orbital_entities`.execute(db);
      await fill(tasks);
      return await db.transaction().execute(async (trx) => {
        const claim = await blocksOf(trx, claimStatement('normal', []));
        const next = await blocksOf(trx, nextDueStatement('normal'));
        return { claim, next };
      });
    } finally {
      await manager.start();
    }
  }

  test('counting what waits takes no more than its share of the time, until alerts would be late', async () => {
    const countMs = 100;
    const taking = (ms: number) => async (): Promise<readonly string[]> => {
      await delay(ms);
      return ['north'];
    };
    const metrics = { levels: () => undefined };
    // A timer may be up to a millisecond early.
    assert.ok((await measureLevels(db, metrics, taking(countMs))) >= (countMs - 1) * MEASURE_SHARE);
    // Whoever starts on a busy machine counts slowly once, and nobody looks at its numbers in vain for a minute.
    const onceMs = MEASURE_AT_LEAST_EVERY_MS / MEASURE_SHARE + 20;
    assert.equal(await measureLevels(db, metrics, taking(onceMs)), MEASURE_AT_LEAST_EVERY_MS);
  });

  async function blocksOf(
    trx: Kysely<OrbitalManagerTables>,
    statement: RawBuilder<unknown>,
  ): Promise<number> {
    const { rows } = await sql<{ 'QUERY PLAN': { Plan: Record<string, number> }[] }>`
      explain (analyze, buffers, format json) ${statement}`.execute(trx);
    const plan = rows[0]?.['QUERY PLAN'][0]?.Plan;
    assert.ok(plan);
    return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
  }

  /** Written as createJob and claims would have, in a moment. */
  async function fill(tasks: number): Promise<void> {
    await sql`insert into orbital_entities select 'e:' || n, 1 from generate_series(1, ${tasks}::int) n`.execute(
      db,
    );
    await sql`
      insert into orbital_jobs (id, kind, entity, entity_sequence, lane, cancels_older, correlation_id)
        select gen_random_uuid(), 'FIRST', 'e:' || n, 1, 'normal', false, 'c'
          from generate_series(1, ${tasks}::int) n`.execute(db);
    await sql`
      insert into orbital_tasks (id, job_id, kind, entity, entity_sequence, target, lane, payload, correlation_id,
                                 resends, next_attempt_at)
        select gen_random_uuid(), j.id, j.kind, case when n % 7 = 0 then 'e:7' else j.entity end,
               case when n % 7 = 0 then n else 1 end, case when n % 2 = 0 then 'north' else 'south' end, 'normal',
               '{}', 'c', case when n % 5 = 0 then n % 9 else 0 end,
               now() + (case when n % 3 = 0 then 1 else -1 end) * (n % 600) * interval '1 second'
          from (select *, row_number() over (order by position) as n from orbital_jobs) j`.execute(db);
  }
});
