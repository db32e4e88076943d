/**
 * A PostgreSQL server with the tools of its own version, which the embedded one lacks: pg_dump refuses a server that is newer
 * than itself. Debian's, on a free port of loopback; what an administrator's machine would hold lies beside it.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ordinaryUser } from '../../platform/embedded-postgres-user.ts';
import { freePort } from '../../platform/ports.ts';
import { ensureDatabase, ensureRole } from '../../platform/postgres-admin.ts';
import { type Child, startChild } from '../../testkit/children.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';

const VERSIONS = '/usr/lib/postgresql';
const NEEDED = ['initdb', 'postgres', 'psql', 'pg_dump', 'pg_restore'] as const;
const SUPERUSER = 'postgres';
const START_TIMEOUT_MS = 60_000;
const INITDB_TIMEOUT_MS = 60_000;
/** Of what the server is told; nothing of our own environment. */
const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** The programs of the newest version that is there with all of them. Error: the command that installs them. */
function programs(): string {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS) : [];
  const found = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(VERSIONS, version, 'bin'))
    .find((bin) => NEEDED.every((program) => existsSync(join(bin, program))));
  if (found !== undefined) return found;
  throw new Error(
    `${VERSIONS} holds no server with pg_dump. Install it:\n  sudo apt-get install -y postgresql\n` +
      'or everything that the tests use: npm run setup:test',
  );
}

export interface Login {
  readonly user: string;
  readonly password: string;
}

export class Server {
  /** Where psql, pg_dump and pg_restore of its version are. */
  readonly programs: string;
  readonly port: number;
  readonly #directory: string;
  readonly #password: string;
  readonly #child: Child;

  private constructor(parts: {
    programs: string;
    port: number;
    directory: string;
    password: string;
    child: Child;
  }) {
    this.programs = parts.programs;
    this.port = parts.port;
    this.#directory = parts.directory;
    this.#password = parts.password;
    this.#child = parts.child;
  }

  static async start(): Promise<Server> {
    const bin = programs();
    const { ids } = ordinaryUser();
    const directory = join(temporaryDirectory('recovery-postgres'), 'server');
    await mkdir(directory, { mode: 0o700 });
    const password = randomBytes(12).toString('hex');
    const passwordFile = join(directory, 'password');
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (ids !== undefined) for (const path of [directory, passwordFile]) await chown(path, ids.uid, ids.gid);
    const data = join(directory, 'data');
    await promisify(execFile)(
      join(bin, 'initdb'),
      [
        `--pgdata=${data}`,
        `--username=${SUPERUSER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--locale=C',
        '--encoding=UTF8',
        '--no-sync',
      ],
      { ...ids, cwd: '/', env: ENVIRONMENT, timeout: INITDB_TIMEOUT_MS },
    );
    const port = await freePort();
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: '100',
      shared_buffers: '32MB',
      // No test starts it again after its end.
      fsync: 'off',
    };
    const child = await startChild({
      name: 'postgres',
      command: join(bin, 'postgres'),
      args: [
        '-D',
        data,
        '-p',
        `${port}`,
        ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
      ],
      cwd: '/',
      env: ENVIRONMENT,
      ...ids,
    });
    await child.waitForLine(/ready to accept connections/, START_TIMEOUT_MS);
    return new Server({ programs: bin, port, directory, password, child });
  }

  /** As the superuser unless a login is given. It holds the password. */
  url(database: string, login: Login = { user: SUPERUSER, password: this.#password }): string {
    return `postgresql://${login.user}:${login.password}@127.0.0.1:${this.port}/${database}`;
  }

  /** A part of a connection service file (libpq), for programs that are told a service's name and no secret. */
  service(name: string, database: string, login: Login = { user: SUPERUSER, password: this.#password }) {
    const { user, password } = login;
    const lines = { host: '127.0.0.1', port: this.port, dbname: database, user, password };
    return [`[${name}]`, ...Object.entries(lines).map(([key, value]) => `${key}=${value}`), ''].join('\n');
  }

  /** A role without powers, as a component's is, and a database that it owns. */
  async own(database: string, owner: Login): Promise<void> {
    const admin = { url: this.url('postgres') };
    await ensureRole(admin, { name: owner.user, password: owner.password });
    await ensureDatabase(admin, { name: database, owner: owner.user });
  }

  /** The server ends at once, and all its data with it. */
  async lose(): Promise<void> {
    // As a crash; SIGKILL would leave its shared memory behind.
    await this.#child.stop('SIGQUIT');
    await rm(this.#directory, { recursive: true, force: true });
  }
}
