/** Cores of one region over one database, to which a test hands tasks as the broker would. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { createLogger } from '../../platform/log.ts';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { createOperator, type Operator, orbitalOperatorMigrations, type Transport } from '../index.ts';
import { type Lane, signMessage, type TaskMessage } from '../messages.ts';
import { type Handlers, keyPair } from '../test-world.ts';

const governance = keyPair('governance');
const logger = createLogger({ name: 'operator-test', level: 'silent' });
const REGION = 'north';

export interface Core {
  readonly db: Kysely<Record<never, never>>;
  readonly operator: Operator;
  /** Hands a task over as the broker would; resolves when it is acknowledged, rejects when it is given back. */
  deliver(task: TaskMessage): Promise<void>;
}
const cores: Core[] = [];

/** Of all tests of the file. */
export async function stopCores(): Promise<void> {
  await Promise.all(cores.map(({ operator }) => operator.stop()));
  await Promise.all(cores.map(({ db }) => db.destroy()));
}

export async function startCore(url: string, handlers: Handlers): Promise<Core> {
  const consumers = new Map<string, (message: Uint8Array) => Promise<void>>();
  const transport: Transport = {
    publish: async () => {},
    consume: async (channel, handler) => {
      consumers.set(channel, handler);
      return { close: async () => {} };
    },
    close: async () => {},
    healthy: () => false, // keeps the outbox from touching the database while a test breaks it
  };
  const db = createDatabase<Record<never, never>>(createPool({ url, applicationName: 'core', max: 16 }));
  await migrate(db, orbitalOperatorMigrations, { table: 'orbital_operator_migrations' });
  await sql`create table if not exists effects (entity text, what text)`.execute(db);
  const operator = createOperator({
    db,
    transport,
    region: REGION,
    trustedKeys: [governance.trusted],
    signer: keyPair('north').signer,
    handlers,
    logger,
    listenOn: { url },
  });
  await operator.start();
  const core: Core = {
    db,
    operator,
    deliver: async (task) => {
      const consumer = consumers.get(`okcm.tasks.${REGION}.${task.lane}`);
      assert.ok(consumer);
      await consumer(signMessage(governance.signer, task));
    },
  };
  cores.push(core);
  return core;
}

export const taskOf = (
  kind: string,
  entity: string,
  sequence: number,
  lane: Lane = 'normal',
): TaskMessage => ({
  type: 'task',
  messageId: randomUUID(),
  jobId: randomUUID(),
  taskId: randomUUID(),
  kind,
  entity,
  entitySequence: sequence,
  target: REGION,
  lane,
  etag: 1,
  attempt: 1,
  payload: {},
  correlationId: 'c',
  issuedAt: new Date().toISOString(),
  ...(lane === 'urgent' ? { cancels: true } : {}),
});

export async function effectsOf(core: Core, entity: string): Promise<string[]> {
  const { rows } = await sql<{ what: string }>`select what from effects where entity = ${entity}`.execute(
    core.db,
  );
  return rows.map((row) => row.what);
}
export async function answerTo(core: Core, { taskId }: TaskMessage): Promise<string | undefined> {
  const { rows } = await sql<{ answer: string }>`
    select coalesce(error->>'code', phase) as answer from orbital_inbox where task_id = ${taskId}`.execute(
    core.db,
  );
  return rows[0]?.answer;
}

/** What a test's handlers have done to an entity. */
export const write = (trx: Parameters<Handlers[string]>[1]['trx'], entity: string, what: string) =>
  sql`insert into effects values (${entity}, ${what})`.execute(trx);
