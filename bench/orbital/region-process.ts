/** The side of a region, or of many behind one queue: operators whose handlers write a row, as a core's do. */
import { CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely';
import type pg from 'pg';
import { createOperator, orbitalOperatorMigrations, type TaskHandler } from '../../orbital/index.ts';
import { createLogger } from '../../platform/log.ts';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { connectBroker } from './brokers.ts';
import { OutOfOne } from './many-regions.ts';
import { type Arrival, type RegionTask, runTask, signerOf, trustedOf, wallMs } from './processes.ts';

const POOL_MAX = 24;
/** A transaction that makes more tables than this holds more locks than a server has. */
const SCHEMAS_AT_ONCE = 100;

/** Of one operator. Its trigger for purges is left out: nothing here lives for a week. */
const INBOX_TABLES = [
  'orbital_inbox',
  'orbital_inbox_entities',
  'orbital_inbox_apart',
  'orbital_inbox_forgotten',
] as const;

type Db = Kysely<unknown>;

runTask<RegionTask>(async ({ databaseUrl, broker, governance, key, regions }) => {
  const logger = createLogger({ name: 'bench region', level: 'silent' });
  const pool = createPool({ url: databaseUrl, applicationName: 'bench region', max: POOL_MAX });
  const db: Db = createDatabase(pool);
  await migrate(db, orbitalOperatorMigrations, { table: 'orbital_operator_migrations' });
  await sql`create table if not exists applied (region text, job uuid, task uuid)`.execute(db);
  const many = regions.length > 1;
  if (many) await makeSchemas(db, regions);
  const transport = await connectBroker(broker);
  const queue = new OutOfOne(transport);
  const common = { signer: signerOf(key), trustedKeys: [trustedOf(governance)], logger };
  const operators = regions.map((region) => {
    const handler = apply(region);
    return createOperator<unknown>({
      ...common,
      region,
      db: many ? inSchema(pool, region) : db,
      transport: many ? queue.forRegion() : transport,
      handlers: { BENCH: handler, UNLINK: telling(region, handler) },
      ...(many ? {} : { listenOn: { url: databaseUrl } }),
    });
  });
  for (const operator of operators) await operator.start();
  if (many) await queue.consume();
  return async () => {
    await Promise.all(operators.map((operator) => operator.stop()));
    await transport.close();
    await db.destroy();
  };
});

/** Connections of the one pool that see a region's own tables, whatever statement names them. */
const inSchema = (pool: pg.Pool, region: string): Db =>
  new Kysely({
    dialect: new PostgresDialect({
      pool,
      onReserveConnection: async (connection) =>
        void (await connection.executeQuery(CompiledQuery.raw(`set search_path to ${region}, public`))),
    }),
  });

/** In a table of all regions, also where each has a schema of its own. */
const apply =
  (region: string): TaskHandler<unknown> =>
  async (_payload, { jobId, taskId, trx }) => {
    await sql`insert into public.applied values (${region}, ${jobId}, ${taskId})`.execute(trx);
    return { done: { applied: true } };
  };

const telling =
  (region: string, handler: TaskHandler<unknown>): TaskHandler<unknown> =>
  async (payload, context) => {
    const outcome = await handler(payload, context);
    process.send?.({ jobId: context.jobId, region, atMs: wallMs() } satisfies Arrival);
    return outcome;
  };

async function makeSchemas(db: Db, regions: readonly string[]): Promise<void> {
  for (let at = 0; at < regions.length; at += SCHEMAS_AT_ONCE)
    await db.transaction().execute(async (trx) => {
      for (const region of regions.slice(at, at + SCHEMAS_AT_ONCE)) {
        await sql`create schema ${sql.id(region)}`.execute(trx);
        for (const table of INBOX_TABLES)
          await sql`create table ${sql.id(region, table)} (like ${sql.id(table)} including all)`.execute(trx);
      }
    });
}
