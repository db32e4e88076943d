// Messages with a good signature that cannot be stored: refused and counted, while everybody else's are taken in.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { Registry } from 'prom-client';
import { createLogger } from '../../platform/log.ts';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { createManager, type JsonValue, type Manager, type Rejection, type Transport } from '../index.ts';
import { REPORT_PREFETCH, STATUS_PREFETCH } from '../limits.ts';
import { type ReportMessage, type StatusMessage, signMessage } from '../messages.ts';
import { keyPair } from '../test-world.ts';
import { reportChannel, statusChannel } from '../transport.ts';
import { type OrbitalManagerTables, orbitalManagerMigrations } from './schema.ts';

const regions = { north: keyPair('north'), south: keyPair('south') };
type Target = keyof typeof regions;
const logger = createLogger({ name: 'poison-test', level: 'silent' });
const now = () => new Date().toISOString();

describe('what cannot be stored', () => {
  let db: Kysely<OrbitalManagerTables>;
  let manager: Manager<OrbitalManagerTables>;
  /** Resolves: acknowledged; rejects: the broker will repeat it. */
  const consumers = new Map<string, (frame: Uint8Array) => Promise<void>>();
  const transport: Transport = {
    publish: async () => {},
    async consume(channel, handler) {
      consumers.set(channel, handler);
      return { close: async () => {} };
    },
    healthy: () => true,
    close: async () => {},
  };
  const registry = new Registry();
  const rejections: Rejection[] = [];
  const reported: string[] = [];
  let trouble: Error | undefined;
  /** As governance does: jsonb refuses what json takes, and no date becomes one by being written down. */
  async function store(on: Kysely<OrbitalManagerTables>, said: JsonValue): Promise<void> {
    if (trouble !== undefined) throw trouble;
    const { until = now() } = said as { until?: string };
    const at = new Date(until).toISOString();
    await sql`select ${JSON.stringify(said)}::jsonb, ${at}::timestamptz`.execute(on);
  }

  before(async () => {
    const { url } = await testDatabase();
    db = createDatabase(createPool({ url, applicationName: 'test' }));
    await migrate(db, orbitalManagerMigrations, { table: 'orbital_migrations' });
    manager = createManager<OrbitalManagerTables>({
      db,
      transport,
      signer: keyPair('governance').signer,
      keysOf: (target) => (target in regions ? [regions[target as Target].trusted] : []),
      handlers: { APPLY: { onTaskDone: (trx, _task, result) => store(trx, result) } },
      onReport: async (source, report) => {
        await store(db, report);
        reported.push(source);
        return undefined;
      },
      onRejected: (rejection) => rejections.push(rejection),
      logger,
      registry,
    });
    await manager.start();
  });
  after(async () => {
    await manager?.stop();
    await db?.destroy();
  });
  afterEach(() => {
    rejections.length = 0;
    trouble = undefined;
  });

  async function taskOf(target: Target): Promise<{ jobId: string; taskId: string }> {
    const jobId = await db.transaction().execute((trx) =>
      manager.createJob(trx, {
        kind: 'APPLY',
        entity: `thing:${randomUUID()}`,
        lane: 'normal',
        correlationId: 'c',
        deadlineMs: null,
        tasks: [{ target, payload: null }],
      }),
    );
    return { jobId, taskId: (await manager.getJob(jobId))?.tasks[0]?.id ?? '' };
  }
  const deliver = async (channel: string, source: Target, body: StatusMessage | ReportMessage) => {
    const consumer = consumers.get(channel);
    assert.ok(consumer);
    await consumer(signMessage(regions[source].signer, body));
  };
  const answer = (target: Target, taskId: string, result: JsonValue) =>
    deliver(statusChannel(), target, {
      type: 'status',
      taskId,
      etag: 1,
      target,
      phase: 'done',
      result,
      correlationId: 'c',
      at: now(),
    });
  const report = (source: Target, said: JsonValue) =>
    deliver(reportChannel(), source, { type: 'report', source, at: now(), report: said });
  const stateOf = async (jobId: string) => (await manager.getJob(jobId))?.state;
  const poison: readonly JsonValue[] = [{ text: 'a \0' }, { until: '2026-13-01T00:00:00.000Z' }];

  test('in a status is refused, and the task waits for a better answer', async () => {
    const theirs = await taskOf('north');
    for (let i = 0; i < 2 * STATUS_PREFETCH; i++)
      for (const each of poison) await answer('north', theirs.taskId, each);
    assert.equal(await stateOf(theirs.jobId), 'pending');
    const honest = await taskOf('south');
    await answer('south', honest.taskId, { text: 'a' });
    assert.equal(await stateOf(honest.jobId), 'done');
    assert.equal(rejections.length, 4 * STATUS_PREFETCH);
    for (const { code, claims, keyId } of rejections)
      assert.deepEqual({ code, claims, keyId }, { code: 'INVALID_BODY', claims: 'north', keyId: 'north' });
    await answer('north', theirs.taskId, { text: 'b' });
    assert.equal(await stateOf(theirs.jobId), 'done');
    const { values = [] } =
      (await registry.getSingleMetric('okcm_orbital_messages_rejected_total')?.get()) ?? {};
    const counted = values.filter(({ labels }) => labels['code'] === 'INVALID_BODY');
    assert.equal(
      counted.reduce((sum, { value }) => sum + value, 0),
      4 * STATUS_PREFETCH,
    );
  });

  test('in the words of a failure is replaced, and failures are still listed by their code', async () => {
    for (const message of ['half a pair \ud800', 'the other \udc00 half', 'a \0']) {
      const { jobId, taskId } = await taskOf('north');
      await deliver(statusChannel(), 'north', {
        type: 'status',
        taskId,
        etag: 1,
        target: 'north',
        phase: 'failed',
        error: { code: 'SPOILT', message, retryable: false },
        correlationId: 'c',
        at: now(),
      });
      assert.equal(await stateOf(jobId), 'failed');
    }
    const { tasks } = await manager.listTasks({ errorCode: 'SPOILT' });
    assert.deepEqual(tasks.map(({ error }) => error?.message).sort(), [
      'a \ufffd',
      'half a pair \ufffd',
      'the other \ufffd half',
    ]);
    assert.deepEqual(rejections, []);
  });

  test('in a report is refused', async () => {
    for (let i = 0; i < 2 * REPORT_PREFETCH; i++) for (const each of poison) await report('north', each);
    await report('south', { text: 'a' });
    assert.deepEqual(reported, ['south']);
    assert.equal(rejections.length, 4 * REPORT_PREFETCH);
    assert.ok(rejections.every(({ code, claims }) => code === 'INVALID_BODY' && claims === 'north'));
  });

  test('is told from what cannot be stored now: that comes again', async () => {
    const { jobId, taskId } = await taskOf('north');
    trouble = Object.assign(new Error('the connection was lost'), { code: '57P01' });
    await assert.rejects(answer('north', taskId, {}), { code: '57P01' });
    await assert.rejects(report('north', {}), { code: '57P01' });
    trouble = undefined;
    await answer('north', taskId, {});
    assert.equal(await stateOf(jobId), 'done');
    assert.deepEqual(rejections, []);
  });
});
