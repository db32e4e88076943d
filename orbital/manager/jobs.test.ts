// Jobs as their callers see them: the outbox, conflicts, cancelling, retrying, limits, lists.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { SWEEP_BATCH } from '../limits.ts';
import { JobConflictError } from './errors.ts';
import { cancelJob, createJob, type JobSpec, retryJob } from './jobs.ts';
import { cancelTelling, Progressor } from './progress.ts';
import { getJob, listJobs, readOverview } from './queries.ts';
import { type OrbitalManagerTables, orbitalManagerMigrations } from './schema.ts';

describe('jobs', () => {
  let db: Kysely<OrbitalManagerTables>;
  before(async () => {
    const { url } = await testDatabase();
    db = createDatabase(createPool({ url, applicationName: 'test' }));
    await migrate(db, orbitalManagerMigrations, { table: 'orbital_migrations' });
  });
  after(() => db.destroy());

  let made = 0;
  const spec = (changes: Partial<JobSpec> = {}): JobSpec => ({
    kind: 'LINK',
    entity: `link:t${++made}`,
    lane: 'normal',
    correlationId: 'c',
    deadlineMs: 60_000,
    tasks: [{ target: 'north', payload: { a: 1 } }],
    ...changes,
  });
  const create = (job: JobSpec) => db.transaction().execute((trx) => createJob(trx, job));
  const stateOf = async (id: string) => (await getJob(db, id))?.state;

  test('a job exists exactly if its transaction commits', async () => {
    const job = spec();
    let id = '';
    await assert.rejects(
      db.transaction().execute(async (trx) => {
        id = await createJob(trx, job);
        throw new Error('changed my mind');
      }),
      /changed my mind/,
    );
    assert.equal(await getJob(db, id), undefined);
    id = await create(job);
    assert.deepEqual(
      (await getJob(db, id))?.tasks.map(({ target, state, payload }) => ({ target, state, payload })),
      [{ target: 'north', state: 'pending', payload: { a: 1 } }],
    );
  });

  test('one live job per entity and kind; another kind or entity is free', async () => {
    const job = spec();
    const first = await create(job);
    await assert.rejects(
      create(job),
      (error) => error instanceof JobConflictError && error.liveJobId === first,
    );
    await create({ ...job, kind: 'RENEW' });
    await create(spec());
    // Two at once: one wins, the other learns who.
    const race = spec();
    const results = await Promise.allSettled([create(race), create(race), create(race)]);
    assert.equal(results.filter((each) => each.status === 'fulfilled').length, 1);
    for (const each of results)
      if (each.status === 'rejected') assert.ok(each.reason instanceof JobConflictError);
  });

  test('cancelsOlder cancels every live job of the entity, also of its own kind, and no other entity', async () => {
    const other = await create(spec());
    const job = spec();
    const older = [await create(job), await create({ ...job, kind: 'RENEW' })];
    const first = await create({ ...job, kind: 'UNLINK', cancelsOlder: true });
    for (const id of older) {
      assert.equal(await stateOf(id), 'cancelled');
      assert.equal((await getJob(db, id))?.tasks[0]?.state, 'cancelled');
    }
    const second = await create({ ...job, kind: 'UNLINK', cancelsOlder: true });
    assert.equal(await stateOf(first), 'cancelled');
    assert.equal(await stateOf(second), 'pending');
    assert.equal(await stateOf(other), 'pending');
  });

  test('sequences of an entity only grow, under concurrency and after a retry', async () => {
    const job = spec();
    const ids = await Promise.all(Array.from({ length: 8 }, (_, i) => create({ ...job, kind: `KIND_${i}` })));
    const sequences = async () =>
      (
        await db
          .selectFrom('orbital_jobs')
          .select(['id', 'entity_sequence'])
          .where('entity', '=', job.entity)
          .execute()
      ).map((row) => [row.id, Number(row.entity_sequence)] as const);
    const before = new Map(await sequences());
    assert.equal(new Set(before.values()).size, 8);
    const [first] = ids;
    assert.ok(first);
    await db.transaction().execute((trx) => cancelJob(trx, first));
    await db.transaction().execute((trx) => retryJob(trx, first));
    const now = new Map(await sequences());
    assert.ok((now.get(first) ?? 0) > Math.max(...before.values()));
    const [task] = await db.selectFrom('orbital_tasks').selectAll().where('job_id', '=', first).execute();
    assert.equal(task?.etag, 2, 'another execution is asked for');
    assert.equal(Number(task?.entity_sequence), now.get(first));
  });

  test('cancel and retry only where it makes sense', async () => {
    const id = await create(spec());
    const retry = () => db.transaction().execute((trx) => retryJob(trx, id));
    const cancel = () => db.transaction().execute((trx) => cancelJob(trx, id));
    await assert.rejects(retry(), { code: 'ORBITAL_JOB_STATE' });
    await cancel();
    await assert.rejects(cancel(), { code: 'ORBITAL_JOB_STATE' });
    await retry();
    assert.equal(await stateOf(id), 'pending');
    const unknown = '00000000-0000-4000-8000-000000000000';
    await assert.rejects(
      db.transaction().execute((trx) => cancelJob(trx, unknown)),
      { code: 'ORBITAL_JOB_NOT_FOUND' },
    );
  });

  test('a job of which only some tasks are retried is done no sooner than all of them', async () => {
    const tasks = ['north', 'south'].map((target) => ({ target, payload: null }));
    const id = await create(spec({ tasks }));
    await db.transaction().execute((trx) => cancelJob(trx, id));
    await db.transaction().execute((trx) => retryJob(trx, id, ['north']));
    const { tasks: seen = [] } = (await getJob(db, id)) ?? {};
    const progressor = new Progressor<OrbitalManagerTables>(db, {});
    const { step } = await progressor.onStatus({
      type: 'status',
      taskId: seen.find(({ target }) => target === 'north')?.id ?? '',
      etag: 2,
      target: 'north',
      phase: 'done',
      correlationId: 'c',
      at: new Date().toISOString(),
    });
    assert.equal(step, 'ended');
    assert.equal(await stateOf(id), 'failed', 'south was never done');
    await db.transaction().execute((trx) => retryJob(trx, id));
    assert.equal(await stateOf(id), 'processing');
  });

  test('a cancelling job cancels again when it is retried, and tells so', async () => {
    const told: string[] = [];
    const jobs = cancelTelling<OrbitalManagerTables>({
      LINK: { onTaskCancelled: async (_trx, task) => void told.push(task.jobId) },
    });
    const job = spec();
    const unlink = await create({ ...job, kind: 'UNLINK', cancelsOlder: true });
    await db.transaction().execute((trx) => cancelJob(trx, unlink));
    const link = await create(job);
    await db.transaction().execute((trx) => jobs.retryJob(trx, unlink));
    assert.deepEqual(told, [link]);
    assert.equal(await stateOf(link), 'cancelled');
    assert.equal(await stateOf(unlink), 'pending');
  });

  test('a job beyond the limits is refused', async () => {
    const task = { target: 'north', payload: null };
    for (const changes of [
      { kind: 'link' },
      { entity: '' },
      { correlationId: 'two words' },
      { deadlineMs: 0 },
      { tasks: [] },
      { tasks: [task, task] },
      { tasks: [{ target: 'North', payload: null }] },
      { tasks: [{ target: 'north', payload: 'x'.repeat(40_000) }] },
    ])
      await assert.rejects(
        create(spec(changes)),
        { code: 'ORBITAL_INVALID_JOB' },
        JSON.stringify(changes).slice(0, 80),
      );
  });

  test('lists are newest first, filtered, in pages without gaps or repeats', async () => {
    const entity = 'link:listed';
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.push(await create(spec({ entity, kind: `K${i}` })));
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await listJobs(db, { entity }, { limit: 3, ...(after === undefined ? {} : { after }) });
      seen.push(...page.jobs.map((job) => job.id));
      after = page.next;
    } while (after !== undefined);
    assert.deepEqual(seen, ids.toReversed());
    assert.deepEqual(
      (await listJobs(db, { entity, kind: 'K3' })).jobs.map((job) => job.id),
      [ids[3]],
    );
    assert.deepEqual((await listJobs(db, { entity, state: 'done' })).jobs, []);
    await assert.rejects(listJobs(db, {}, { after: "1' or true" }), RangeError);
  });

  test('a job keeps the id that its creator chose, which can be used once', async () => {
    const jobId = randomUUID();
    assert.equal(await create(spec({ jobId })), jobId);
    await assert.rejects(create(spec({ jobId })), { code: 'ORBITAL_INVALID_JOB' });
    await assert.rejects(create(spec({ jobId: 'mine' })), { code: 'ORBITAL_INVALID_JOB' });
  });

  test('whoever cancels a task tells so in the same transaction', async () => {
    const told: string[] = [];
    const jobs = cancelTelling<OrbitalManagerTables>({
      LINK: { onTaskCancelled: async (_trx, task) => void told.push(task.id) },
    });
    const entity = `link:${randomUUID()}`;
    const taskOf = async (jobId: string) => (await getJob(db, jobId))?.tasks[0]?.id;
    const overtaken = await create(spec({ entity }));
    const unlink = spec({ entity, kind: 'UNLINK', cancelsOlder: true });
    await db.transaction().execute((trx) => jobs.createJob(trx, unlink));
    assert.deepEqual(told, [await taskOf(overtaken)]);
    const cancelled = await create(spec());
    await db.transaction().execute((trx) => jobs.cancelJob(trx, cancelled));
    assert.deepEqual(told, [await taskOf(overtaken), await taskOf(cancelled)]);
    const refusing = cancelTelling<OrbitalManagerTables>({
      LINK: { onTaskCancelled: () => Promise.reject(new Error('not this one')) },
    });
    const kept = await create(spec());
    await assert.rejects(
      db.transaction().execute((trx) => refusing.cancelJob(trx, kept)),
      /not this one/,
    );
    assert.equal(await stateOf(kept), 'pending');
  });

  test('the overview counts live tasks by target, with the age of the oldest, and jobs by what became of them', async () => {
    const fresh = createDatabase<OrbitalManagerTables>(
      createPool({ url: (await testDatabase()).url, applicationName: 'test' }),
    );
    await migrate(fresh, orbitalManagerMigrations, { table: 'orbital_migrations' });
    assert.deepEqual(await readOverview(fresh), { targets: [], jobs: { live: 0, failed: 0 } });
    const make = (changes: Partial<JobSpec>) =>
      fresh.transaction().execute((trx) => createJob(trx, spec(changes)));
    const targets = (...names: string[]) => ({ tasks: names.map((target) => ({ target, payload: null })) });
    await make(targets('north', 'south'));
    await make(targets('north'));
    const failed = await make(targets('south'));
    await fresh.updateTable('orbital_jobs').set({ state: 'failed' }).where('id', '=', failed).execute();
    await fresh.updateTable('orbital_tasks').set({ state: 'failed' }).where('job_id', '=', failed).execute();
    await fresh
      .updateTable('orbital_tasks')
      .set({ created_at: new Date(Date.now() - 60_000) })
      .where('target', '=', 'north')
      .execute();
    const seen = await readOverview(fresh);
    assert.deepEqual(
      seen.targets.map(({ target, liveTasks }) => [target, liveTasks]),
      [
        ['north', 2],
        ['south', 1],
      ],
    );
    assert.ok(
      (seen.targets[0]?.oldestAgeMs ?? 0) >= 59_000 && (seen.targets[1]?.oldestAgeMs ?? 1e9) < 30_000,
    );
    assert.deepEqual(seen.jobs, { live: 2, failed: 1 });
    await fresh.destroy();
  });

  test('tasks whose callback always throws do not keep others from ending at their deadline', async () => {
    const stuck: string[] = [];
    for (let i = 0; i < SWEEP_BATCH; i++) stuck.push(await create(spec({ kind: 'STUCK', deadlineMs: 1 })));
    await delay(20);
    const fine = await create(spec({ kind: 'FINE', deadlineMs: 1 }));
    await delay(20);
    const progressor = new Progressor<OrbitalManagerTables>(db, {
      STUCK: { onTaskFailed: () => Promise.reject(new Error('always')) },
    });
    let errors = 0;
    for (let sweep = 0; sweep < 2; sweep++) await progressor.expire(() => errors++);
    assert.equal(await stateOf(fine), 'failed');
    assert.ok(errors >= SWEEP_BATCH);
    assert.equal(await stateOf(stuck[0] ?? ''), 'pending');
  });

  test('a failing callback undoes the step, and the repeat ends the task once', async () => {
    const id = await create(spec());
    const [task] = await db.selectFrom('orbital_tasks').selectAll().where('job_id', '=', id).execute();
    assert.ok(task);
    let calls = 0;
    const settled: string[] = [];
    const progressor = new Progressor<OrbitalManagerTables>(db, {
      LINK: {
        onTaskDone: async () => {
          if (++calls === 1) throw new Error('constraint violated');
        },
        onJobSettled: async (_trx, job) => {
          settled.push(job.state);
        },
      },
    });
    const status = {
      type: 'status',
      taskId: task.id,
      etag: 1,
      target: 'north',
      phase: 'done',
      result: { text: '\u0000 and more' },
      correlationId: 'c',
      at: new Date().toISOString(),
    } as const;
    await assert.rejects(progressor.onStatus(status), /constraint violated/);
    assert.equal(await stateOf(id), 'pending');
    assert.equal((await progressor.onStatus({ ...status, target: 'south' })).step, 'rejected');
    assert.equal((await progressor.onStatus(status)).step, 'ended');
    assert.equal((await progressor.onStatus(status)).step, 'ignored');
    assert.equal(calls, 2);
    assert.deepEqual(settled, ['done']);
    assert.deepEqual((await getJob(db, id))?.tasks[0]?.result, { text: '\u0000 and more' });
  });
});
