// PostgreSQL: a bounded pool, a typed database (Kysely) over it, migrations kept in code, and transactions.
import { type IsolationLevel, Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import pg from 'pg';
import { backoffMs, sleep } from './backoff.ts';
import { errorCode, errorMessage, OkcmError } from './errors.ts';
import type { Logger } from './log.ts';
import { isOfPrepared, PLAN_EACH_TIME } from './postgres-statements.ts';
import { vigilantPool } from './postgres-vigilance.ts';

export type { Migration } from 'kysely/migration';

export const DEFAULT_POOL_MAX = 10;
export const DEFAULT_STATEMENT_TIMEOUT_MS = 30_000;
export const DEFAULT_CONNECTION_TIMEOUT_MS = 5_000;
/** A transaction that its owner forgot must not hold locks for ever. */
export const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000;
const IDLE_TIMEOUT_MS = 30_000;
/**
 * A server that is alive answers within the statement timeout, if only with that error. Nothing for this much longer
 * means that the path is dead: no TCP timeout would say so for a quarter of an hour.
 */
export const READ_MARGIN_MS = 3_000;
const KEEP_ALIVE_DELAY_MS = 10_000;

/** Where the server is: a URL, or its parts. */
export type PostgresAddress =
  | { readonly url: string }
  | {
      readonly host: string;
      readonly port: number;
      readonly database: string;
      readonly user: string;
      readonly password: string;
    };

export type PoolOptions = PostgresAddress & {
  /** Connections at most; further callers wait, up to the connection timeout. Default 10. */
  readonly max?: number;
  readonly applicationName: string;
  /** Default 30 s. */
  readonly statementTimeoutMs?: number;
  /** How long to wait for a free or new connection. Default 5 s. */
  readonly connectionTimeoutMs?: number;
  /** TLS settings for servers that are not on loopback. */
  readonly ssl?: pg.PoolConfig['ssl'];
  /** Told about connections that break while idle; the pool replaces them by itself. */
  readonly logger?: Logger;
};

/** Opens no connection yet. Close it with `pool.end()`, or through `Kysely.destroy()`. */
export function createPool(options: PoolOptions): pg.Pool {
  const statementTimeoutMs = options.statementTimeoutMs ?? DEFAULT_STATEMENT_TIMEOUT_MS;
  const pool = new pg.Pool({
    ...addressOf(options),
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    max: options.max ?? DEFAULT_POOL_MAX,
    application_name: options.applicationName,
    options: PLAN_EACH_TIME,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + READ_MARGIN_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    connectionTimeoutMillis: options.connectionTimeoutMs ?? DEFAULT_CONNECTION_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
  });
  // Without a listener, a server restart would end our process: pg reports idle connections that broke as 'error'.
  pool.on('error', (error) => options.logger?.warn({ err: error }, 'an idle database connection broke'));
  // The same for one that breaks while it is lent out but no query waits for it, as between two statements of a
  // transaction: whoever holds it learns of it from the next query.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** The parts that node-postgres wants. The address is never logged: a URL holds the password. */
export function addressOf(address: PostgresAddress): pg.ClientConfig {
  if ('url' in address) return { connectionString: address.url };
  const { host, port, database, user, password } = address;
  return { host, port, database, user, password };
}

/** A typed database over the pool, on connections that are known to answer; `db.destroy()` ends the pool. */
export function createDatabase<DB>(pool: pg.Pool): Kysely<DB> {
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool: vigilantPool(pool) }) });
}

export interface MigrateOptions {
  /** Where the list of migrations that ran is kept: one table for each component in a database. */
  readonly table: string;
  /** The schema of that table, created when missing. Default: the connection's own. */
  readonly schema?: string;
}

/**
 * Runs the migrations that have not run yet, in the order of their names, in one transaction. Several processes may
 * call it at once: one works, the others wait. Returns the names that ran. Error: MIGRATION_FAILED, nothing changed.
 */
export async function migrate<DB>(
  db: Kysely<DB>,
  migrations: Readonly<Record<string, Migration>>,
  options: MigrateOptions,
): Promise<string[]> {
  if (await isUpToDate(db, Object.keys(migrations), options)) return [];
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...migrations }) },
    migrationTableName: options.table,
    migrationLockTableName: `${options.table}_lock`,
    ...(options.schema === undefined ? {} : { migrationTableSchema: options.schema }),
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) {
    const failed = results?.find((result) => result.status === 'Error')?.migrationName;
    const what = failed === undefined ? options.table : `${options.table}/${failed}`;
    throw new OkcmError('MIGRATION_FAILED', `migration ${what} failed: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  return (results ?? [])
    .filter((result) => result.status === 'Success')
    .map((result) => result.migrationName);
}

/**
 * Whether exactly these have run, which is so at nearly every start. The migrator would read about every column of the database
 * first, several times, and take its lock.
 */
async function isUpToDate<DB>(
  db: Kysely<DB>,
  names: readonly string[],
  { table, schema }: MigrateOptions,
): Promise<boolean> {
  const id = schema === undefined ? sql.id(table) : sql.id(schema, table);
  const quoted = (schema === undefined ? [table] : [schema, table]).map(pg.escapeIdentifier).join('.');
  const found = await sql<{ there: boolean }>`select to_regclass(${quoted}) is not null as there`.execute(db);
  if (found.rows[0]?.there !== true) return false;
  const { rows } = await sql<{ name: string }>`select name from ${id}`.execute(db);
  const ran = new Set(rows.map(({ name }) => name));
  return ran.size === names.length && names.every((name) => ran.has(name));
}

export interface TransactionOptions {
  readonly isolation?: IsolationLevel;
  /** How often to try when PostgreSQL asks for a retry (serialization failure, deadlock). Default 3. */
  readonly attempts?: number;
}

const DEFAULT_TRANSACTION_ATTEMPTS = 3;
const RETRY_BACKOFF = { baseMs: 10, capMs: 200 };
/** serialization_failure and deadlock_detected: the transaction was undone and may simply be run again. */
const RETRYABLE_SQLSTATES: ReadonlySet<string> = new Set(['40001', '40P01']);

/**
 * Runs `fn` in one transaction: committed when it resolves, undone when it rejects. `fn` may run several times, so it
 * must touch nothing but the database (D13: no external call and no broker call inside a transaction).
 */
export async function inTransaction<DB, T>(
  db: Kysely<DB>,
  fn: (transaction: Transaction<DB>) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const attempts = options.attempts ?? DEFAULT_TRANSACTION_ATTEMPTS;
  const builder =
    options.isolation === undefined
      ? db.transaction()
      : db.transaction().setIsolationLevel(options.isolation);
  for (let attempt = 0; ; attempt++) {
    try {
      return await builder.execute(fn);
    } catch (error) {
      const isRetryable = RETRYABLE_SQLSTATES.has(errorCode(error) ?? '') || isOfPrepared(error);
      if (attempt + 1 >= attempts || !isRetryable) throw error;
      await sleep(backoffMs(attempt, RETRY_BACKOFF));
    }
  }
}
