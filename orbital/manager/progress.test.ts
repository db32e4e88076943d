// What a region's word leaves in governance's rows, where the word is odd.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Kysely } from 'kysely';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { STATUS_SEQUENCE_AHEAD_MS } from '../limits.ts';
import type { StatusMessage } from '../messages.ts';
import { createJob } from './jobs.ts';
import { Progressor } from './progress.ts';
import { listTasks } from './queries.ts';
import { type OrbitalManagerTables, orbitalManagerMigrations } from './schema.ts';

describe('a status', () => {
  let db: Kysely<OrbitalManagerTables>;
  let progressor: Progressor<OrbitalManagerTables>;
  before(async () => {
    const { url } = await testDatabase();
    db = createDatabase(createPool({ url, applicationName: 'test' }));
    await migrate(db, orbitalManagerMigrations, { table: 'orbital_migrations' });
    progressor = new Progressor(db, {});
  });
  after(() => db.destroy());

  let made = 0;
  async function createTask(entity = `link:t${++made}`, kind = 'LINK') {
    const jobId = await db.transaction().execute((trx) =>
      createJob(trx, {
        kind,
        entity,
        lane: 'normal',
        correlationId: 'c',
        deadlineMs: null,
        tasks: [{ target: 'north', payload: null }],
      }),
    );
    return taskOf(jobId);
  }
  async function taskOf(jobId: string) {
    const task = await db
      .selectFrom('orbital_tasks')
      .select(['id', 'job_id', 'entity', 'entity_sequence'])
      .where('job_id', '=', jobId)
      .executeTakeFirstOrThrow();
    return { ...task, sequence: Number(task.entity_sequence) };
  }
  const statusOf = (task: { id: string }, said: Partial<StatusMessage>): StatusMessage => ({
    type: 'status',
    taskId: task.id,
    etag: 1,
    target: 'north',
    phase: 'processing',
    correlationId: 'c',
    at: new Date().toISOString(),
    ...said,
  });

  test('of a wish that governance has forgotten puts the next wish behind it', async () => {
    const task = await createTask();
    const known = Date.now() + STATUS_SEQUENCE_AHEAD_MS - 60_000;
    const { step } = await progressor.onStatus(statusOf(task, { entitySequence: known }));
    assert.equal(step, 'continues');
    assert.equal((await taskOf(task.job_id)).sequence, known);
    const next = await createTask(task.entity, 'RENEW');
    assert.ok(next.sequence > known, `${next.sequence} after ${known}`);
  });

  test('of a wish that there cannot be changes nothing', async () => {
    const task = await createTask();
    const entitySequence = Number.MAX_SAFE_INTEGER;
    for (const phase of ['processing', 'done', 'failed'] as const)
      assert.deepEqual(await progressor.onStatus(statusOf(task, { entitySequence, phase })), {
        step: 'rejected',
        code: 'SEQUENCE_AHEAD',
      });
    assert.deepEqual(await taskOf(task.job_id), task);
    const next = await createTask(task.entity, 'RENEW');
    assert.ok(next.sequence < Date.now() + 60_000);
  });

  for (const [what, letter, refusal, migration] of [
    ['a NUL', '\0', '22P05', '0004_orbital_legible_errors'],
    ['half a surrogate pair', '\ud83d', '22P02', '0006_orbital_wellformed_errors'],
  ] as const)
    test(`with ${what} in its error spoils no list of tasks, be it new or from before`, async () => {
      const code = `SPOILT_${migration.slice(0, 4)}`;
      const error = { code, message: `never ${letter} again 🔑, \\u0000`, retryable: false };
      const fresh = await createTask();
      await progressor.onStatus(statusOf(fresh, { phase: 'failed', error }));
      const failed = async () => {
        const { tasks } = await listTasks(db, { errorCode: code });
        return new Map(tasks.map((task) => [task.id, task.error?.message]));
      };
      assert.deepEqual([...(await failed())], [[fresh.id, 'never \ufffd again 🔑, \\u0000']]);

      const old = await createTask();
      await db
        .updateTable('orbital_tasks')
        .set({ state: 'failed', error: JSON.stringify(error) })
        .where('id', '=', old.id)
        .execute();
      await assert.rejects(failed(), { code: refusal });
      // As it was when this version came.
      const mend = orbitalManagerMigrations[migration];
      assert.ok(mend !== undefined);
      await mend.up(db);
      assert.deepEqual([...(await failed()).keys()].sort(), [fresh.id, old.id].sort());
      assert.match((await failed()).get(old.id) ?? '', /^never \ufffd again 🔑, /);
    });
});
