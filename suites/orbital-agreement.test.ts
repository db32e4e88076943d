/**
 * What explored schedules say of Orbital is true of it only if its SQL does what they do: here both are led through the
 * same changes, statuses and messages, and must agree on every row and every answer after each.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { INBOX_RETENTION_MS } from '../orbital/limits.ts';
import { dispatch } from '../orbital/manager/dispatcher.ts';
import { OrbitalError } from '../orbital/manager/errors.ts';
import { cancelJob, createJob, retryJob } from '../orbital/manager/jobs.ts';
import { Progressor } from '../orbital/manager/progress.ts';
import { type OrbitalManagerTables, orbitalManagerMigrations } from '../orbital/manager/schema.ts';
import { lanes, type TaskError, type TaskMessage } from '../orbital/messages.ts';
import { managerMetrics } from '../orbital/observe.ts';
import { applyOnce, type HandlerOutcome } from '../orbital/operator/inbox.ts';
import { purgeInbox } from '../orbital/operator/outbox.ts';
import { type OrbitalOperatorTables, orbitalOperatorMigrations } from '../orbital/operator/schema.ts';
import type { Transport } from '../orbital/transport.ts';
import { createLogger } from '../platform/log.ts';
import { createDatabase, createPool, migrate } from '../platform/postgres.ts';
import { testDatabase } from '../testkit/postgres.ts';
import type { Outcome } from './orbital-schedules/hands.ts';
import { entities, type JobRow, type RegionName, type TaskRow, wishes } from './orbital-schedules/rows.ts';
import { World } from './orbital-schedules/world.ts';
import { Random } from './storm/random.ts';

const SEED = 20_112;
const logger = createLogger({ name: 'agreement', level: 'silent' });

describe('governance', () => {
  const CHANGES = 200;
  /** Both clocks move on with each change, so that sequences differ in the same order. */
  const APART_MS = 3;
  /** Ahead of any clock here. */
  const FAR_MS = 30 * 24 * 3_600_000;
  const TARGETS: readonly (readonly RegionName[])[] = [['north', 'south'], ['north'], ['south']];
  let db: Kysely<OrbitalManagerTables>;
  before(async () => {
    const { url } = await testDatabase();
    db = createDatabase(createPool({ url, applicationName: 'test' }));
    await migrate(db, orbitalManagerMigrations, { table: 'orbital_migrations' });
  });
  after(() => db.destroy());

  /** Names of the world, and ids of the database. */
  const idOf = new Map<string, string>();
  const id = (name: string): string => idOf.get(name) ?? assert.fail(`${name} has no row`);

  test('changes, statuses, deadlines and what is sent: PostgreSQL and the explored rows agree', async (t) => {
    const random = new Random(SEED);
    const world = new World();
    const { governance } = world;
    const progressor = new Progressor(db, {});
    const done = new Map<string, number>();
    const sent: string[] = [];
    const transport = { publish: async (_: string, frame: Uint8Array) => void sent.push(taskIn(frame)) };
    const options = {
      db,
      transport: { ...transport, healthy: () => true } as unknown as Transport,
      signer: { keyId: 'governance', privateKey: generateKeyPairSync('ed25519').privateKey },
      logger,
      metrics: managerMetrics(undefined, { healthy: () => true }),
    };
    const jobs = (): JobRow[] => [...governance.rows.jobs.values()];
    const tasks = (): TaskRow[] => [...governance.rows.tasks.values()];

    const changes: Readonly<Record<string, () => Promise<boolean>>> = {
      async create() {
        const wish = random.pick(wishes);
        const entity = random.pick(entities);
        const targets = random.pick(TARGETS);
        const deadlineMs = random.chance(0.2) ? 1 : null;
        const jobId = randomUUID();
        const agreed = await both(governance.createJob(wish, entity, targets, deadlineMs), () =>
          db.transaction().execute((trx) =>
            createJob(trx, {
              jobId,
              ...wish,
              entity,
              lane: 'normal',
              correlationId: 'c',
              deadlineMs,
              tasks: targets.map((target) => ({ target, payload: null })),
            }),
          ),
        );
        if (!agreed) return false;
        const job = jobs().at(-1);
        assert.ok(job);
        idOf.set(job.id, jobId);
        const rows = await db.selectFrom('orbital_tasks').selectAll().where('job_id', '=', jobId).execute();
        for (const task of governance.tasksOf(job.id))
          idOf.set(task.id, rows.find(({ target }) => target === task.target)?.id ?? '');
        return true;
      },
      async cancel() {
        const job = random.pick(jobs());
        return both(governance.cancelJob(job), () =>
          db.transaction().execute((trx) => cancelJob(trx, id(job.id))),
        );
      },
      async retry() {
        const job = random.pick(jobs());
        const targets = random.pick(TARGETS);
        return both(governance.retryJob(job, targets), () =>
          db.transaction().execute((trx) => retryJob(trx, id(job.id), targets)),
        );
      },
      async hear() {
        const task = random.pick(tasks());
        const row = await db
          .selectFrom('orbital_tasks')
          .select(['entity_sequence', 'etag'])
          .where('id', '=', id(task.id))
          .executeTakeFirstOrThrow();
        // Of the present execution, an older or a newer one; of the present wish, an older, a newer or an impossible one.
        const [wish, execution] = [random.pick([0, 0, 0, 0, -1, 1, FAR_MS]), random.pick([0, 0, 0, -1, 2])];
        const phase = random.pick(['done', 'processing', 'failed'] as const);
        const retryable = random.chance(0.5);
        const error: TaskError | null =
          phase === 'failed' ? { code: 'REFUSED', message: '', retryable } : null;
        const target = random.chance(0.9) ? task.target : task.target === 'north' ? 'south' : 'north';
        const etag = Math.max(1, task.etag + execution);
        governance.hear({
          type: 'status',
          task: task.id,
          target,
          phase,
          error,
          etag,
          sequence: task.sequence + wish,
        });
        await progressor.onStatus({
          type: 'status',
          taskId: id(task.id),
          target,
          phase,
          ...(error === null ? {} : { error }),
          etag,
          entitySequence: Number(row.entity_sequence) + wish,
          retryAfterMs: 60_000,
          correlationId: 'c',
          at: new Date().toISOString(),
        });
        return true;
      },
      async expire() {
        for (const task of tasks()) governance.expire(governance.rows.tasks.get(task.id) ?? task);
        await progressor.expire((error) => assert.fail(String(error)));
        return true;
      },
      async send() {
        sent.length = 0;
        for (const lane of lanes) await dispatch(options, lane);
        const sendable = governance.sendable();
        assert.deepEqual(sent.toSorted(), sendable.map((task) => id(task.id)).sort());
        for (const task of sendable) governance.send(task);
        if (sent.length > 0)
          await db
            .updateTable('orbital_tasks')
            .set({ next_attempt_at: sql<Date>`now() + interval '1 hour'` })
            .where('id', 'in', sent)
            .execute();
        return sent.length > 0;
      },
      async 'let everything fall due'() {
        world.nowMs += 100_000;
        await db.updateTable('orbital_tasks').set({ next_attempt_at: sql<Date>`now()` }).execute();
        return true;
      },
    };
    await changes['create']?.();
    for (let change = 0; change < CHANGES; change++) {
      await delay(APART_MS);
      world.nowMs += 10;
      const [name, perform] = random.weighted(
        Object.entries(changes).map((entry) => [entry, entry[0] === 'hear' ? 4 : 1] as const),
      );
      if (await perform()) done.set(name, (done.get(name) ?? 0) + 1);
      assert.deepEqual(await rowsOfDatabase(), rowsOfWorld(world), `after change ${change}, ${name}`);
    }
    t.diagnostic([...done].map(([name, times]) => `${name} ${times}`).join(', '));
    for (const name of Object.keys(changes)) assert.ok((done.get(name) ?? 0) > 0, `never: ${name}`);
  });

  /** Whether the change was made, on which both must agree. */
  async function both(made: boolean, perform: () => Promise<unknown>): Promise<boolean> {
    const reason = await perform().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (reason !== undefined && !(reason instanceof OrbitalError)) throw reason;
    assert.equal(reason === undefined, made, `the world says ${made}, PostgreSQL ${reason ?? true}`);
    return made;
  }

  interface Rows {
    readonly jobs: readonly { readonly id: string; readonly state: string }[];
    readonly tasks: readonly {
      readonly id: string;
      readonly state: string;
      readonly etag: number;
      readonly failures: number;
      readonly error: string | null;
    }[];
    /** Every job and task, by sequence. */
    readonly order: readonly string[];
  }
  const inOrder = (rows: readonly { readonly id: string; readonly sequence: number }[]): string[] =>
    rows
      .toSorted((one, other) => one.sequence - other.sequence || (one.id < other.id ? -1 : 1))
      .map((row) => row.id);
  const byId = <T extends { readonly id: string }>(rows: readonly T[]): T[] =>
    rows.toSorted((one, other) => (one.id < other.id ? -1 : 1));

  type Coded = Omit<Rows['tasks'][number], 'error'> & { readonly error: { readonly code: string } | null };
  /** What both sides have to agree in, in the same order. */
  const compared = (jobs: Rows['jobs'], tasks: readonly Coded[]): Omit<Rows, 'order'> => ({
    jobs: byId(jobs.map(({ id, state }) => ({ id, state }))),
    tasks: byId(
      tasks.map(({ id, state, etag, failures, error }) => ({
        id,
        state,
        etag,
        failures,
        error: error?.code ?? null,
      })),
    ),
  });

  function rowsOfWorld({ governance: { rows } }: World): Rows {
    const jobs = [...rows.jobs.values()].map((job) => ({ ...job, id: id(job.id) }));
    const tasks = [...rows.tasks.values()].map((task) => ({ ...task, id: id(task.id) }));
    return {
      ...compared(jobs, tasks),
      order: inOrder([...jobs, ...tasks]),
    };
  }
  async function rowsOfDatabase(): Promise<Rows> {
    const jobs = await db.selectFrom('orbital_jobs').selectAll().execute();
    const tasks = await db.selectFrom('orbital_tasks').selectAll().execute();
    for (const { state, settled_at } of jobs)
      assert.equal(settled_at === null, state === 'pending' || state === 'processing');
    return {
      ...compared(jobs, tasks),
      order: inOrder(
        [...jobs, ...tasks].map((row) => ({ id: row.id, sequence: Number(row.entity_sequence) })),
      ),
    };
  }
});

/** The id of the task in a signed message. */
function taskIn(frame: Uint8Array): string {
  const { body } = JSON.parse(Buffer.from(frame).toString()) as { body: string };
  return (JSON.parse(Buffer.from(body, 'base64url').toString()) as TaskMessage).taskId;
}

describe('a region', () => {
  const MESSAGES = 300;
  const TASKS = 3;
  const SEQUENCES = 6;
  const ETAGS = 3;
  const LONG_AGO_MS = 600_000;
  let db: Kysely<OrbitalOperatorTables>;
  before(async () => {
    const { url } = await testDatabase();
    db = createDatabase(createPool({ url, applicationName: 'test' }));
    await migrate(db, orbitalOperatorMigrations, { table: 'orbital_migrations' });
  });
  after(() => db.destroy());

  const outcomes: Readonly<Record<Outcome, HandlerOutcome>> = {
    done: { done: null },
    processing: { processing: null, retryAfterMs: 50 },
    stumbled: { failed: { code: 'UNAVAILABLE', message: '', retryable: true } },
    refused: { failed: { code: 'REFUSED', message: '', retryable: false } },
  };

  test('whatever comes in whatever order: PostgreSQL and the explored rows agree', async (t) => {
    const random = new Random(SEED);
    const seen = new Map<string, number>();
    // Several entities, one after the other: the fence of one soon refuses everything.
    for (let message = 0, entity = ''; message < MESSAGES; message++) {
      if (message % 15 === 0) entity = `e${message}`;
      const task = `${entity}/${random.int(TASKS)}`;
      const frame = {
        type: 'task' as const,
        target: 'north' as const,
        task,
        kind: 'LINK',
        entity,
        cancels: false,
        sequence: 1 + random.int(SEQUENCES),
        etag: 1 + random.int(ETAGS),
      };
      const overdue = random.chance(0.1);
      const outcome = random.pick(['done', 'done', 'processing', 'stumbled', 'refused'] as const);

      const deadlineAtMs = overdue ? world.nowMs - LONG_AGO_MS : null;
      const explored = handle({ ...frame, deadlineAtMs }, outcome);
      let ran = false;
      const { answer, repeated } = await applyOnce(db, messageOf(frame, overdue), async () => {
        ran = true;
        return outcomes[outcome];
      });
      const { phase, etag, error, entity_sequence } = answer;
      const sequence = Number(entity_sequence);
      assert.deepEqual({ ran, phase, etag, sequence, error: error?.code }, explored, `message ${message}`);
      const { north } = world.regions;
      const row = north.rows.inbox.get(task);
      if (row !== undefined && phase !== 'processing' && random.chance(0.2)) {
        north.forget(row);
        await sql`
          update orbital_inbox set unsent = false, updated_at = now() - ${INBOX_RETENTION_MS + 1} * interval '1 millisecond'
            where task_id = ${answer.task_id}`.execute(db);
        await purgeInbox(db);
      }
      const fence = await db
        .selectFrom('orbital_inbox_entities as fence')
        .leftJoin('orbital_inbox_forgotten as purged', 'purged.entity', 'fence.entity')
        .select(['highest_sequence', 'applied_sequence', 'purged.sequence as forgotten'])
        .where('fence.entity', '=', entity)
        .executeTakeFirstOrThrow();
      assert.deepEqual(
        {
          tried: Number(fence.highest_sequence),
          applied: Number(fence.applied_sequence),
          apart: 0,
          forgotten: Number(fence.forgotten ?? 0),
        },
        north.rows.fences.get(entity),
      );
      const what = ran ? 'ran' : repeated ? 'repeated' : (error?.code ?? phase);
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
    t.diagnostic([...seen].map(([what, times]) => `${what} ${times}`).join(', '));
    for (const what of ['ran', 'repeated', 'SUPERSEDED', 'FORGOTTEN', 'DEADLINE'])
      assert.ok(seen.has(what), what);
  });

  const world = new World();
  /** What the explored region answers, and whether a handler ran. */
  function handle(frame: Parameters<typeof world.regions.north.take>[1], outcome: Outcome) {
    const region = world.regions.north;
    const [core] = region.cores;
    assert.ok(core);
    world.turnPage();
    region.take(core, frame);
    for (let hand = core.hands[0]; hand !== undefined; hand = core.hands[0])
      region.advance(core, hand, outcome);
    const status = world.frames.pop();
    assert.ok(status?.type === 'status');
    const { phase, etag, sequence, error } = status;
    const ran = world.happenings.some(({ what }) => what === 'began');
    return { ran, phase, etag, sequence, error: error?.code };
  }

  const ids = new Map<string, string>();
  function messageOf(
    frame: { task: string; entity: string; sequence: number; etag: number },
    overdue: boolean,
  ): TaskMessage {
    const taskId = ids.get(frame.task) ?? randomUUID();
    ids.set(frame.task, taskId);
    return {
      type: 'task',
      messageId: randomUUID(),
      jobId: randomUUID(),
      taskId,
      kind: 'LINK',
      entity: frame.entity,
      entitySequence: frame.sequence,
      target: 'north',
      lane: 'normal',
      etag: frame.etag,
      attempt: 1,
      payload: null,
      correlationId: 'c',
      issuedAt: new Date().toISOString(),
      ...(overdue ? { deadlineAt: new Date(Date.now() - LONG_AGO_MS).toISOString() } : {}),
    };
  }
});
