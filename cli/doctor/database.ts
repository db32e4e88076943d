/** Judgements of a database: what keeps a component from connecting, what server, role and schema it finds. */
import { errorCode, errorMessage } from '../../platform/errors.ts';
import { finding, passed, type Verdict } from './verdict.ts';

/** CMK's schema has `UNIQUE NULLS NOT DISTINCT`, which came with it. */
export const OLDEST_VERSION = 15;

/** One address of a configuration file. */
export interface DatabaseField {
  readonly file: string;
  readonly field: string;
  readonly url: string;
  /** As `okcm start` calls it, in a development installation. */
  readonly component?: string | undefined;
}

export interface MigrationTable {
  readonly table: string;
  readonly schema?: string;
  readonly expected: readonly string[];
}

/** By the code of PostgreSQL or of the socket. */
export function judgeFailure({ file, field, url, component }: DatabaseField, error: unknown): Verdict {
  const checked = `database of ${field}`;
  const { host, port, role, name } = partsOf(url);
  const facts = {
    file,
    field,
    host,
    port,
    role,
    name,
    ...(component === undefined ? {} : { database: component }),
  };
  const code = errorCode(error) ?? '';
  const message = `${host}:${port}: ${errorMessage(error)}`;
  switch (code) {
    case '28P01':
    case '28000':
      return finding('DATABASE_PASSWORD', checked, `${message} (${code})`, facts);
    case '3D000':
      return finding('DATABASE_MISSING', checked, `${message} (${code})`, facts);
    case '53300':
      return finding('DATABASE_FULL', checked, `${message} (${code})`, { ...facts, needed: 200 });
  }
  if (
    /^(?:ERR_(?:SSL|TLS|OSSL)|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code) ||
    /SSL|TLS/.test(message)
  )
    return finding('DATABASE_TLS', checked, message, facts);
  return finding(component === undefined ? 'DATABASE_UNREACHABLE' : 'DATABASE_DOWN', checked, message, facts);
}

export function partsOf(url: string): { host: string; port: number; role: string; name: string } {
  try {
    const { hostname, port, username, pathname } = new URL(url);
    return {
      host: hostname,
      port: port === '' ? 5432 : Number(port),
      role: decodeURIComponent(username),
      name: decodeURIComponent(pathname.slice(1)),
    };
  } catch {
    return { host: 'HOST', port: 5432, role: 'ROLE', name: 'NAME' };
  }
}

export interface ServerFacts {
  readonly version: number;
  readonly isStandby: boolean;
  readonly isEncrypted: boolean;
  /** Open to this role: what the server, the database and the role permit, whichever is least. */
  readonly connections: number;
  readonly inUse: number;
}

export function judgeServer(of: DatabaseField, server: ServerFacts, neededConnections: number): Verdict[] {
  const { file, field, url } = of;
  const { host, port } = partsOf(url);
  const checked = `database of ${field}`;
  const facts = { file, field, host, port, ...server, needed: neededConnections };
  const found: Verdict[] = [];
  if (server.version < OLDEST_VERSION)
    found.push(
      finding(
        'DATABASE_TOO_OLD',
        checked,
        `PostgreSQL ${server.version}; ${OLDEST_VERSION} is needed`,
        facts,
      ),
    );
  if (server.isStandby)
    found.push(finding('DATABASE_READ_ONLY', checked, `${host}:${port} is a standby`, facts));
  if (!server.isEncrypted && !isLoopback(host))
    found.push(finding('DATABASE_PLAIN', checked, `the connection to ${host} is not encrypted`, facts));
  if (server.connections < neededConnections) {
    const told = `${server.connections} connections may be opened, one process of the component uses up to ${neededConnections}`;
    found.push(finding('CONNECTIONS_TOO_FEW', checked, told, facts));
  }
  if (found.length > 0) return found;
  return [
    passed(
      checked,
      `PostgreSQL ${server.version}, ${server.inUse} of ${server.connections} connections`,
      facts,
    ),
  ];
}

const isLoopback = (host: string): boolean =>
  host === '' ||
  host === 'localhost' ||
  host === '[::1]' ||
  host.startsWith('127.') ||
  host.startsWith('%2F');

export interface RoleFacts {
  readonly role: string;
  readonly isSuperuser: boolean;
  readonly bypassesRls: boolean;
  readonly ownedTables: number;
  /** A role that row-level security does not hold, which this one may become. */
  readonly memberOf: string | null;
}

/** `mayOwn`: the core's only role owns its tables, whose policies are forced on it. */
export function judgeRole({ file, field }: DatabaseField, role: RoleFacts, mayOwn: boolean): Verdict[] {
  const checked = `role of ${field}`;
  const facts = { file, field, role: role.role, ownedTables: role.ownedTables };
  const found: Verdict[] = [];
  if (role.isSuperuser) found.push(finding('ROLE_SUPERUSER', checked, `${role.role} is a superuser`, facts));
  if (role.bypassesRls) found.push(finding('ROLE_BYPASSRLS', checked, `${role.role} has BYPASSRLS`, facts));
  if (!mayOwn && role.ownedTables > 0)
    found.push(finding('ROLE_OWNS_TABLES', checked, `${role.role} owns ${role.ownedTables} tables`, facts));
  if (role.memberOf !== null && !role.isSuperuser) {
    const told = `${role.role} is a member of ${role.memberOf}`;
    found.push(finding('ROLE_MEMBER', checked, told, { ...facts, memberOf: role.memberOf }));
  }
  return found.length > 0 ? found : [passed(checked, `${role.role} is held by row-level security`, facts)];
}

/** `present`: names of those that ran; undefined where there is no such table. */
export function judgeMigrations(
  { table, expected }: MigrationTable,
  present: readonly string[] | undefined,
  restart: string,
): Verdict {
  const checked = `schema (${table})`;
  const ran = new Set(present ?? []);
  const pending = expected.filter((name) => !ran.has(name));
  const unknown = [...ran].filter((name) => !expected.includes(name));
  const facts = { table, ran: ran.size, pending: pending.length, restart };
  if (unknown.length > 0)
    return finding(
      'MIGRATIONS_UNKNOWN',
      checked,
      `${unknown.length} not of this release: ${some(unknown)}`,
      facts,
    );
  if (pending.length > 0)
    return finding(
      'MIGRATIONS_PENDING',
      checked,
      `${pending.length} of ${expected.length} have not run: ${some(pending)}`,
      facts,
    );
  return passed(checked, `all ${expected.length} have run`, facts);
}

const MAX_NAMED = 3;
const some = (names: readonly string[]): string =>
  names.length > MAX_NAMED ? `${names.slice(0, MAX_NAMED).join(', ')}, …` : names.join(', ');
