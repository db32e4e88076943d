// A real PostgreSQL for tests: one server for each test process, one database for each test that asks.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type EmbeddedPostgres, startPostgres } from '../platform/embedded-postgres.ts';
import { lockFile } from '../platform/file-lock.ts';
import { ensureRole, withClient } from '../platform/postgres-admin.ts';
import { temporaryDirectory } from './directories.ts';
import { reapAtEnd } from './reaper.ts';

/** For the server that nobody kills: what saves processor time and changes no answer and no plan. */
const CHEAP = {
  fsync: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  jit: 'off',
  io_method: 'sync',
  bgwriter_lru_maxpages: '0',
} as const;

let shared: Promise<EmbeddedPostgres> | undefined;

/** The server of this test process, started on first use and stopped after the process ends. */
export function testPostgres(): Promise<EmbeddedPostgres> {
  shared ??= freshPostgres({ settings: CHEAP });
  return shared;
}

/** A server of one's own, for tests that kill it. Stopped after the process ends, if not before. */
export async function freshPostgres(
  options: { port?: number; directory?: string; settings?: Readonly<Record<string, string>> } = {},
): Promise<EmbeddedPostgres> {
  const directory = options.directory ?? temporaryDirectory('postgres');
  await copyOfEmptyCluster(join(directory, 'data'));
  const server = await startPostgres({
    dataDir: join(directory, 'data'),
    port: options.port ?? 0,
    logFile: join(directory, 'postgres.log'),
    settings: { ...options.settings, max_connections: '200', shared_buffers: '32MB' },
  });
  // QUIT is PostgreSQL's immediate shutdown: it cleans up its shared memory, which KILL would leave behind.
  const callOff = reapAtEnd({ processGroups: [server.pid], signal: 'QUIT', directories: [directory] });
  void server.exited.then(callOff);
  return server;
}

/** How long another test process may take to make the first one, in milliseconds. */
const FIRST_CLUSTER_WAIT_MS = 60_000;

/**
 * During a run of all tests: what `startPostgres` would make of an empty directory, made once and copied, which costs a
 * tenth. The copies share their system identifier and the superuser's password, and never meet.
 */
async function copyOfEmptyCluster(dataDir: string): Promise<void> {
  const scratch = process.env['OKCM_TEST_SCRATCH'];
  if (scratch === undefined || existsSync(dataDir)) return;
  const original = join(scratch, 'empty-cluster');
  if (!existsSync(original)) {
    const lock = await lockFile(`${original}.made`, FIRST_CLUSTER_WAIT_MS);
    try {
      if (!existsSync(original)) await makeEmptyCluster(original);
    } finally {
      lock.release();
    }
  }
  await promisify(execFile)('cp', ['-a', original, dataDir]);
}

async function makeEmptyCluster(path: string): Promise<void> {
  const dataDir = `${path}.new`;
  const server = await startPostgres({ dataDir, port: 0, logFile: `${path}.log` });
  await server.stop();
  await server.exited;
  renameSync(dataDir, path); // whole, or absent
}

export interface TestDatabase {
  readonly name: string;
  /** As the superuser. */
  readonly url: string;
  /** A URL for a role without any rights, made when missing: for tests of grants and row-level security. */
  roleUrl(role: string): Promise<string>;
  /** Ends its connections and removes it; also happens by itself with the server. */
  drop(): Promise<void>;
}

/** A fresh, empty database on the server of this process (or the given one), or a copy of one that nobody is connected to. */
export async function testDatabase(
  server?: EmbeddedPostgres,
  template?: TestDatabase,
): Promise<TestDatabase> {
  const postgres = server ?? (await testPostgres());
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = { url: postgres.url('postgres') };
  const from = template?.name ?? 'template1';
  // To copy files costs a third of what it takes to log each page of them.
  await withClient(admin, (client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE ${from} STRATEGY FILE_COPY`),
  );
  const passwords = new Map<string, string>();
  return {
    name,
    url: postgres.url(name),
    roleUrl: async (role) => {
      const password = passwords.get(role) ?? randomBytes(12).toString('hex');
      passwords.set(role, password);
      await ensureRole(admin, { name: role, password });
      return postgres.url(name, { user: role, password });
    },
    drop: async () => {
      await withClient(admin, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}
