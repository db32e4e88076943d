// What nobody asks for any more is forgotten, its entity too, and the next wish of that comes after all that there were.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { createLogger } from '../../platform/log.ts';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { JOB_RETENTION_MS } from '../limits.ts';
import { managerMetrics } from '../observe.ts';
import { createJob, retryJob } from './jobs.ts';
import { Progressor } from './progress.ts';
import { type OrbitalManagerTables, orbitalManagerMigrations } from './schema.ts';
import { createSweeper } from './sweeper.ts';

let db: Kysely<OrbitalManagerTables>;
before(async () => {
  const { url } = await testDatabase();
  db = createDatabase(createPool({ url, applicationName: 'test' }));
  await migrate(db, orbitalManagerMigrations, { table: 'orbital_migrations' });
});
after(() => db?.destroy());

/** A sweeper purges when it sweeps first. */
const purge = (): Promise<number> =>
  createSweeper({
    db,
    progressor: new Progressor(db, {}),
    logger: createLogger({ name: 'purge-test', level: 'silent' }),
    metrics: managerMetrics(undefined, { healthy: () => true }),
  })();

const wish = (entity: string) =>
  ({
    kind: 'REMOVE',
    entity,
    lane: 'normal',
    correlationId: 'c',
    deadlineMs: null,
    tasks: [{ target: 'north', payload: null }],
    cancelsOlder: true,
  }) as const;
const ask = (entity: string): Promise<string> =>
  db.transaction().execute((trx) => createJob(trx, wish(entity)));
const sequenceOf = async (job: string): Promise<number> => {
  const { entity_sequence } = await db
    .selectFrom('orbital_jobs')
    .select('entity_sequence')
    .where('id', '=', job)
    .executeTakeFirstOrThrow();
  return Number(entity_sequence);
};
const entities = async (): Promise<string[]> =>
  (await db.selectFrom('orbital_entities').select('entity').orderBy('entity').execute()).map(
    ({ entity }) => entity,
  );
/** As if its newest wish were a day older than what is kept, by a sequence; its jobs settled then, or not there any more. */
async function age(entity: string, jobs: 'settled' | 'gone' | 'live'): Promise<number> {
  const then = Date.now() - JOB_RETENTION_MS - 24 * 3_600_000;
  await sql`update orbital_entities set last_sequence = ${then} where entity = ${entity}`.execute(db);
  if (jobs === 'gone') await sql`delete from orbital_jobs where entity = ${entity}`.execute(db);
  if (jobs === 'settled')
    await sql`
      update orbital_jobs set state = 'done', settled_at = to_timestamp(${then} / 1000.0) where entity = ${entity}`.execute(
      db,
    );
  return then;
}

test('an entity is forgotten with its last job, not before, and its next wish comes after what it was told', async () => {
  for (const entity of ['fresh', 'gone', 'live', 'settled']) await ask(entity);
  await age('live', 'live');
  const told = await age('gone', 'gone');
  await age('settled', 'settled');
  await sql`delete from orbital_jobs where entity = 'fresh'`.execute(db);
  await purge();
  assert.deepEqual(await entities(), ['fresh', 'live']);
  const before = Date.now();
  for (const entity of ['gone', 'settled']) {
    const sequence = await sequenceOf(await ask(entity));
    assert.ok(sequence > told && sequence >= before - 60_000, `${sequence}`);
  }
});

test('a wish that is being made keeps its entity, and one that comes during the purge makes it anew', async () => {
  await ask('under-way');
  await age('under-way', 'gone');
  let made = '';
  await db.transaction().execute(async (trx) => {
    made = await createJob(trx, wish('under-way'));
    await purge();
  });
  assert.ok((await entities()).includes('under-way'));
  assert.ok((await sequenceOf(made)) > 0);

  await ask('late');
  await age('late', 'gone');
  let late: Promise<string> | undefined;
  await db.transaction().execute(async (trx) => {
    await trx.deleteFrom('orbital_entities').where('entity', '=', 'late').execute();
    late = ask('late');
    await sql`select pg_sleep(0.2)`.execute(trx);
  });
  assert.ok((await sequenceOf((await late) ?? '')) > Date.now() - 3_600_000);
});

test('a job that is being retried is kept, and one that a purge has taken is retried no more', async () => {
  const old = async (entity: string): Promise<string> => {
    const job = await ask(entity);
    await age(entity, 'settled');
    await sql`update orbital_jobs set state = 'failed' where id = ${job}`.execute(db);
    await sql`update orbital_tasks set state = 'failed' where job_id = ${job}`.execute(db);
    return job;
  };
  const kept = await old('kept');
  let purged: Promise<number> | undefined;
  await db.transaction().execute(async (trx) => {
    await retryJob(trx, kept);
    purged = purge();
    await sql`select pg_sleep(0.2)`.execute(trx);
  });
  await purged;
  const { rows } = await sql`select from orbital_tasks where job_id = ${kept} and state = 'pending'`.execute(
    db,
  );
  assert.equal(rows.length, 1);

  const taken = await old('taken');
  let retried: Promise<void> | undefined;
  await db.transaction().execute(async (trx) => {
    await trx.deleteFrom('orbital_jobs').where('id', '=', taken).execute();
    retried = db.transaction().execute((other) => retryJob(other, taken));
    retried.catch(() => undefined);
    await sql`select pg_sleep(0.2)`.execute(trx);
  });
  await assert.rejects(async () => await retried, { code: 'ORBITAL_JOB_NOT_FOUND' });
});

test('wishes and purges at once: none is lost, and no purge fails', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `race-${index}`);
  for (let round = 0; round < 5; round++) {
    for (const name of names) if (round === 0) await ask(name);
    await sql`delete from orbital_jobs where entity like 'race-%'`.execute(db);
    await sql`update orbital_entities set last_sequence = 1 where entity like 'race-%'`.execute(db);
    const [jobs] = await Promise.all([Promise.all(names.map(ask)), purge(), purge()]);
    const { rows } = await sql<{ id: string }>`
      select id from orbital_jobs j join orbital_entities e on e.entity = j.entity and e.last_sequence = j.entity_sequence
        where j.entity like 'race-%' and e.last_sequence > 1000000`.execute(db);
    assert.deepEqual(rows.map(({ id }) => id).sort(), [...jobs].sort());
  }
});
