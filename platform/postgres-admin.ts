// What a superuser prepares for a component: a role that can log in, and a database that it owns.
import pg from 'pg';
import { errorCode } from './errors.ts';
import {
  addressOf,
  DEFAULT_CONNECTION_TIMEOUT_MS,
  type PostgresAddress,
  READ_MARGIN_MS,
} from './postgres.ts';
import { scramVerifier } from './postgres-scram.ts';

/** Any number that nobody else uses as an advisory lock of the administrative database. */
const ADMIN_LOCK = 4_711_001;
/** Nobody may make an administrator wait for ever, whatever locks he holds. */
const ADMIN_LOCK_TIMEOUT_MS = 10_000;
const ADMIN_STATEMENT_TIMEOUT_MS = 60_000;
const UNIQUE_VIOLATION = '23505';
const DUPLICATE_OBJECT = '42710';
const DUPLICATE_DATABASE = '42P04';

/**
 * Makes sure that the role can log in with this password, and has no power beyond that. Safe to repeat. The server is
 * sent a verifier only: the password is in no statement that a log, or pg_stat_activity, could show.
 * Error: POSTGRES_PASSWORD_UNUSABLE (1 to 1024 printable ASCII characters are allowed).
 */
export async function ensureRole(
  admin: PostgresAddress,
  role: {
    name: string;
    password: string;
    /** Connections at most, over all databases of the server. Default: as many as there are. */
    connectionLimit?: number;
  },
): Promise<void> {
  const limit = `CONNECTION LIMIT ${Math.trunc(role.connectionLimit ?? -1)}`;
  const powers = 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS';
  const name = pg.escapeIdentifier(role.name);
  const verifier = pg.escapeLiteral(await scramVerifier(role.password));
  await withClient(admin, async (client) => {
    await takeTurns(client);
    await tolerate([DUPLICATE_OBJECT, UNIQUE_VIOLATION], client.query(`CREATE ROLE ${name} NOLOGIN`));
    await client.query(`ALTER ROLE ${name} ${powers} ${limit} PASSWORD ${verifier}`);
  });
}

/** Makes sure that the database exists and that only its owner may connect. Safe to repeat. */
export async function ensureDatabase(
  admin: PostgresAddress,
  database: { name: string; owner: string },
): Promise<void> {
  const name = pg.escapeIdentifier(database.name);
  const owner = pg.escapeIdentifier(database.owner);
  await withClient(admin, async (client) => {
    await tolerate(
      [DUPLICATE_DATABASE, UNIQUE_VIOLATION],
      client.query(`CREATE DATABASE ${name} OWNER ${owner}`),
    );
    await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
  });
}

/** Runs `fn` on one connection, with bounded waits for locks and answers, and closes it. */
export async function withClient<T>(
  address: PostgresAddress,
  fn: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    ...addressOf(address),
    connectionTimeoutMillis: DEFAULT_CONNECTION_TIMEOUT_MS,
    lock_timeout: ADMIN_LOCK_TIMEOUT_MS,
    statement_timeout: ADMIN_STATEMENT_TIMEOUT_MS,
    query_timeout: ADMIN_STATEMENT_TIMEOUT_MS + READ_MARGIN_MS,
  });
  client.on('error', () => {}); // reported by the query that fails, or of no interest any more
  await client.connect();
  try {
    return await fn(client);
  } finally {
    await client.end();
  }
}

/** Until the connection ends: PostgreSQL rejects concurrent changes of one role or database instead of waiting. */
async function takeTurns(client: pg.Client): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [ADMIN_LOCK]);
}

async function tolerate(codes: readonly string[], work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!codes.includes(errorCode(error) ?? '')) throw error;
  }
}
