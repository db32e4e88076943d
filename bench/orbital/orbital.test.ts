// What the bench of Orbital counts with, and the queue that its thousand regions share.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { sql } from 'kysely';
import { reportChannel, statusChannel, type Transport, taskChannel } from '../../orbital/index.ts';
import { signMessage, type TaskMessage } from '../../orbital/messages.ts';
import { until } from '../../testkit/until.ts';
import { startBroker } from './brokers.ts';
import { depthsUpTo } from './depths.ts';
import { timesApplied } from './fan-out.ts';
import { intoOne, manyNames, OutOfOne } from './many-regions.ts';
import { Plane } from './plane.ts';
import { makeKey, signerOf } from './processes.ts';
import { cpuSeconds, residentMemory } from './usage.ts';

const BURNT_SECONDS = 0.3;
const ALL_DONE_WITHIN_MS = 30_000;

test('processor time holds what ended children have used, and memory is what it is', () => {
  const before = cpuSeconds(process.pid);
  const burn = `const end = process.cpuUsage().user + ${BURNT_SECONDS * 1e6};
    while (process.cpuUsage().user < end);`;
  spawnSync(process.execPath, ['-e', burn]);
  assert.ok(cpuSeconds(process.pid) - before >= BURNT_SECONDS * 0.9);
  const { bytes, mostBytes } = residentMemory(process.pid);
  assert.ok(bytes > 1e7 && mostBytes >= bytes * 0.9);
});

test('depths are 100, 1,000 and so on, and the deepest', () => {
  assert.deepEqual(depthsUpTo(100_000), [100, 1_000, 10_000, 100_000]);
  assert.deepEqual(depthsUpTo(500), [100, 500]);
});

test('many regions share one queue, and each gets its own out of it', async () => {
  const published: string[] = [];
  const consumed = new Map<string, (message: Uint8Array) => Promise<void>>();
  const broker: Transport = {
    publish: async (channel) => void published.push(channel),
    consume: async (channel, handler) => {
      consumed.set(channel, handler);
      return { close: async () => {} };
    },
    healthy: () => true,
    close: async () => {},
  };
  const [first = '', second = ''] = manyNames(2);
  const governance = intoOne(broker);
  for (const channel of [
    taskChannel(first, 'urgent'),
    taskChannel(second, 'normal'),
    statusChannel(),
    reportChannel(),
  ])
    await governance.publish(channel, new Uint8Array());
  assert.deepEqual(published, [
    taskChannel('many', 'urgent'),
    taskChannel('many', 'normal'),
    statusChannel(),
    reportChannel(),
  ]);

  const queue = new OutOfOne(broker);
  const got: string[] = [];
  for (const region of [first, second])
    await queue.forRegion().consume(taskChannel(region, 'normal'), async () => void got.push(region));
  await queue.consume();
  const deliver = (target: string) =>
    consumed.get(taskChannel('many', 'normal'))?.(signMessage(signerOf(makeKey('k')), taskFor(target)));
  await deliver(second);
  await deliver(first);
  assert.deepEqual(got, [second, first]);
  await assert.rejects(async () => await deliver('nobody'), /for nobody/);
});

test('what is sent again to regions behind one queue is applied once by each', async () => {
  const broker = await startBroker('nats');
  const plane = await Plane.open(broker, 2);
  try {
    const jobId = await plane.createJob({ kind: 'BENCH', entity: 'one-for-all', lane: 'normal' });
    const allDone = () =>
      until('both have answered', async () => (await plane.ended(1)) === 1, ALL_DONE_WITHIN_MS);
    await plane.startManager();
    await allDone();
    await plane.killManager();
    // As a manager finds it that was killed before it had read the answers.
    await sql`update orbital_jobs set state = 'pending', settled_at = null`.execute(plane.db);
    await sql`update orbital_tasks set state = 'pending', next_attempt_at = now()`.execute(plane.db);
    await plane.startManager();
    await allDone();
    const { rows } = await sql`select from orbital_tasks where attempt > 1`.execute(plane.db);
    assert.equal(rows.length, 2, 'both were sent again');
    assert.deepEqual(await timesApplied(plane, jobId), [1, 1]);
  } finally {
    await plane.close();
    await broker.stop();
  }
});

const taskFor = (target: string): TaskMessage => ({
  type: 'task',
  messageId: '00000000-0000-4000-8000-000000000001',
  jobId: '00000000-0000-4000-8000-000000000002',
  taskId: '00000000-0000-4000-8000-000000000003',
  kind: 'BENCH',
  entity: 'one',
  entitySequence: 1,
  target,
  lane: 'normal',
  etag: 1,
  attempt: 1,
  payload: null,
  correlationId: 'c',
  issuedAt: '2026-01-01T00:00:00.000Z',
});
