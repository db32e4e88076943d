/** A component's database, looked at: reachable, whose role, which schema, how many connections. All of it is only read. */
import pg from 'pg';
import { DATABASE_POOL_MAX } from '../../execution/core/limits.ts';
import { coreMigrations } from '../../execution/core/store/migrations.ts';
import { keychainMigrations } from '../../execution/keychain/index.ts';
import { REQUEST_POOL_MAX, WORK_POOL_MAX } from '../../governance/limits.ts';
import { cmkMigrations } from '../../governance/store/migrations.ts';
import { orbitalManagerMigrations, orbitalOperatorMigrations } from '../../orbital/index.ts';
import { judgeOffset, offsetOf } from './clock.ts';
import {
  type DatabaseField,
  judgeFailure,
  judgeMigrations,
  judgeRole,
  judgeServer,
  type MigrationTable,
  type RoleFacts,
  type ServerFacts,
} from './database.ts';
import type { CmkSubject, CoreSubject } from './subject.ts';
import { finding, type Verdict } from './verdict.ts';

const CONNECT_MS = 2_500;
const STATEMENT_MS = 2_500;
/** Beside its pool a component listens for notifications: of Orbital, and of its own. */
const LISTENERS = 2;
const OWNER_CONNECTIONS = 2;

const tablesOfCmk: readonly MigrationTable[] = [
  { table: 'orbital_migrations', expected: Object.keys(orbitalManagerMigrations) },
  { table: 'cmk_migrations', expected: Object.keys(cmkMigrations) },
];
const tablesOfCore: readonly MigrationTable[] = [
  { table: 'migrations', schema: 'keychain', expected: Object.keys(keychainMigrations) },
  { table: 'core_migrations', expected: Object.keys(coreMigrations) },
  { table: 'orbital_operator_migrations', expected: Object.keys(orbitalOperatorMigrations) },
];

const connectionsOfCmk = REQUEST_POOL_MAX + WORK_POOL_MAX + LISTENERS + OWNER_CONNECTIONS;
const connectionsOfCore = DATABASE_POOL_MAX + LISTENERS;

/** Runs `look` on one connection that cannot write. What keeps us from connecting is a verdict. */
export async function withDatabase(
  of: DatabaseField,
  look: (client: pg.Client) => Promise<readonly Verdict[]>,
): Promise<readonly Verdict[]> {
  const client = new pg.Client({
    connectionString: of.url,
    application_name: 'okcm doctor',
    options: '-c default_transaction_read_only=on',
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    query_timeout: STATEMENT_MS + 500,
  });
  client.on('error', () => {}); // reported by the query that fails
  try {
    await client.connect();
  } catch (error) {
    return [judgeFailure(of, error)];
  }
  try {
    return await look(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/** `restart`: what makes the component run its migrations. */
export async function checkCmkDatabase(
  { file, config }: CmkSubject,
  component: string | undefined,
  restart: string,
): Promise<readonly Verdict[]> {
  const { ownerUrl, appUrl } = config.database;
  const app: DatabaseField = { file, field: 'database.appUrl', url: appUrl, component };
  const owner: DatabaseField = { file, field: 'database.ownerUrl', url: ownerUrl, component };
  const [asApp, asOwner] = await Promise.all([
    withDatabase(app, async (client) => [
      await clockOf(client),
      ...judgeServer(app, await serverOf(client), connectionsOfCmk),
      ...judgeRole(app, await roleOf(client), false),
    ]),
    withDatabase(owner, async (client) => [
      ...(await migratesAs(client, owner)),
      ...(await migrationsOf(client, tablesOfCmk, restart)),
    ]),
  ]);
  // One server that is away is one finding.
  const isSame = sameFailure(asApp, asOwner);
  return isSame ? asApp : [...asApp, ...asOwner];
}

export async function checkCoreDatabase(
  { file, config }: CoreSubject,
  component: string | undefined,
  restart: string,
): Promise<readonly Verdict[]> {
  const of: DatabaseField = { file, field: 'database.url', url: config.database.url, component };
  return await withDatabase(of, async (client) => [
    await clockOf(client),
    ...judgeServer(of, await serverOf(client), connectionsOfCore),
    ...judgeRole(of, await roleOf(client), true),
    ...(await migratesAs(client, of)),
    ...(await migrationsOf(client, tablesOfCore, restart)),
  ]);
}

function sameFailure(one: readonly Verdict[], other: readonly Verdict[]): boolean {
  const [a, b] = [one[0], other[0]];
  return (
    a?.state === 'broken' &&
    b?.state === 'broken' &&
    a.code === b.code &&
    (a.code === 'DATABASE_UNREACHABLE' || a.code === 'DATABASE_DOWN')
  );
}

async function clockOf(client: pg.Client): Promise<Verdict> {
  const sentMs = Date.now();
  const { rows } = await client.query<{ ms: number }>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
  );
  return judgeOffset('the database', offsetOf(rows[0]?.ms ?? Number.NaN, sentMs, Date.now()));
}

async function serverOf(client: pg.Client): Promise<ServerFacts> {
  const { rows } = await client.query<{
    version: number;
    standby: boolean;
    ssl: boolean | null;
    open: number;
    used: number;
  }>(`
    SELECT current_setting('server_version_num')::int / 10000 AS version, pg_is_in_recovery() AS standby,
           (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS ssl,
           least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
                 (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
                 (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)) AS open,
           (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS used`);
  const [row] = rows;
  return {
    version: row?.version ?? 0,
    isStandby: row?.standby === true,
    isEncrypted: row?.ssl === true,
    connections: row?.open ?? 0,
    inUse: row?.used ?? 0,
  };
}

async function roleOf(client: pg.Client): Promise<RoleFacts> {
  const { rows } = await client.query<{
    role: string;
    super: boolean;
    bypass: boolean;
    owned: number;
    member: string | null;
  }>(`
    SELECT r.rolname::text AS role, r.rolsuper AS super, r.rolbypassrls AS bypass,
           (SELECT count(*)::int FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_') AS owned,
           (SELECT min(o.rolname)::text FROM pg_roles o
             WHERE o.oid <> r.oid AND (o.rolsuper OR o.rolbypassrls) AND pg_has_role(r.oid, o.oid, 'MEMBER')) AS member
      FROM pg_roles r WHERE r.rolname = current_user`);
  const [row] = rows;
  return {
    role: row?.role ?? '',
    isSuperuser: row?.super === true,
    bypassesRls: row?.bypass === true,
    ownedTables: row?.owned ?? 0,
    memberOf: row?.member ?? null,
  };
}

/** Who migrates makes tables and schemas. */
async function migratesAs(client: pg.Client, { file, field }: DatabaseField): Promise<Verdict[]> {
  const { rows } = await client.query<{ role: string; name: string; may: boolean }>(`
    SELECT current_user::text AS role, current_database()::text AS name,
           has_database_privilege(current_database(), 'CREATE')
             AND coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may`);
  const [row] = rows;
  if (row?.may === true) return [];
  const facts = { file, field, role: row?.role ?? '', name: row?.name ?? '' };
  const told = `${facts.role} may not create tables and schemas in ${facts.name}`;
  return [finding('ROLE_CANNOT_MIGRATE', `role of ${field}`, told, facts)];
}

async function migrationsOf(
  client: pg.Client,
  tables: readonly MigrationTable[],
  restart: string,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const of of tables) {
    const name = of.schema === undefined ? of.table : `${of.schema}.${of.table}`;
    const { rows: there } = await client.query<{ there: boolean }>(
      'SELECT to_regclass($1) IS NOT NULL AS there',
      [name],
    );
    const ran =
      there[0]?.there === true
        ? (await client.query<{ name: string }>(`SELECT name FROM ${name}`)).rows
        : undefined;
    verdicts.push(
      judgeMigrations(
        of,
        ran?.map((row) => row.name),
        restart,
      ),
    );
  }
  return verdicts;
}
