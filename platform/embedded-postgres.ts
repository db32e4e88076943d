// A real PostgreSQL 18 from the npm registry, for one-machine installations and tests: durable, on loopback only, with
// passwords, run as an ordinary user even when we are root.
//
// When this process is killed, a watcher stops the server (postgres-watch.ts); that takes a moment, and may fail. A lock
// on the data directory, which the kernel drops at our death, tells what a running server is: while it is held, somebody
// else's, and a second start is refused; once it is free, an orphan, which the next start stops before it begins anew.
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, realpath, rename, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { readPrivate, writePrivate } from './config-file.ts';
import { findBinaries, type PostgresBinaries } from './embedded-postgres-binaries.ts';
import { assertHomeIsOurs, clusterExists, PASSWORD_FILE } from './embedded-postgres-files.ts';
import {
  createDataHome,
  dataHomeIsReachable,
  makeOwned,
  realDataHome,
  removeDataHome,
  removeOwned,
} from './embedded-postgres-home.ts';
import { stopOrphan } from './embedded-postgres-orphan.ts';
import { type Postmaster, runInitdb, spawnPostmaster } from './embedded-postgres-process.ts';
import { copyCluster } from './embedded-postgres-seed.ts';
import { ordinaryUser, type RunAs } from './embedded-postgres-user.ts';
import { errorCode, OkcmError } from './errors.ts';
import { type FileLock, lockFile } from './file-lock.ts';
import { freePort } from './ports.ts';

export const SUPERUSER = 'postgres';
/** Where root keeps binaries and data that the ordinary user could not reach at their own place. */
export const DEFAULT_STATE_DIR = '/var/lib/openkcm';

const DEFAULT_LOCK_WAIT_MS = 5_000;
/** While another makes it, which takes a second or two on an idle machine. */
const SEED_WAIT_MS = 60_000;
const PORT_ATTEMPTS = 5;
const LOG_MAX_SIZE_BYTES = 16 * 1024 * 1024;
const CLUSTER = 'cluster';
const MAX_PASSWORD_SIZE_BYTES = 1024;

export interface StartPostgresOptions {
  /** Made on first use; its parent must exist or be creatable. */
  readonly dataDir: string;
  /** TCP port on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** For the first use only; random when left out. It is kept beside the data, with mode 0600. */
  readonly superuserPassword?: string;
  /** The server's own log, appended to; one old file is kept beyond 16 MiB. */
  readonly logFile: string;
  /** Further server settings, such as `{ max_connections: '50' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * For the first use of several: a directory like `dataDir` in which one empty cluster is made, of which this server's
   * is a copy with a password of its own. `removePostgres` takes it away when all have started.
   */
  readonly seed?: string;
  /** How long to wait for another process to let go of the data, in milliseconds. Default 5 s. */
  readonly lockWaitMs?: number;
  /** See DEFAULT_STATE_DIR; used by root only. */
  readonly stateDir?: string;
}

export interface EmbeddedPostgres {
  readonly port: number;
  readonly pid: number;
  /** Resolves when the server has ended, by `stop` or on its own: a supervisor restarts it then. */
  readonly exited: Promise<void>;
  /** A connection URL, for the superuser unless other credentials are given. It holds the password: never log it. */
  url(database: string, credentials?: { readonly user: string; readonly password: string }): string;
  /** Fast shutdown: sessions are ended, everything is on disk. Resolves when the server is gone. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would: committed data must survive it. */
  kill(): Promise<void>;
}

/**
 * Starts the server and resolves when it accepts connections. It does not keep Node's event loop alive.
 * Errors: POSTGRES_IN_USE (another living process runs it), POSTGRES_PORT_IN_USE, POSTGRES_START_FAILED,
 * POSTGRES_INITDB_FAILED, POSTGRES_NO_BINARIES, POSTGRES_NO_USER, POSTGRES_DATA_UNREACHABLE,
 * POSTGRES_DATA_UNSAFE (somebody else could change what root uses there), POSTGRES_NOT_A_CLUSTER,
 * POSTGRES_PASSWORD_MISMATCH.
 */
export async function startPostgres(options: StartPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const stateDir = options.stateDir ?? DEFAULT_STATE_DIR;
  await mkdir(dirname(dataDir), { recursive: true });
  const lock = await takeLock(dataDir, options.lockWaitMs);
  try {
    const user = ordinaryUser();
    const binaries = await findBinaries(user, stateDir);
    const home = await openDataHome(options, { dataDir, stateDir, user, binaries });
    const password = await readPassword(home, options.superuserPassword);
    const cluster = join(home, CLUSTER);
    if (!(await clusterExists(cluster, user))) throw notACluster(home);
    await stopOrphan(cluster, user);
    const postmaster = await launch(options, binaries, cluster, user);
    void postmaster.exited.then(() => lock.release());
    return describe(postmaster, password);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Stops a server that an earlier process left behind, and removes all its data. Errors: POSTGRES_IN_USE, POSTGRES_DATA_UNSAFE. */
export async function removePostgres(path: string, lockWaitMs?: number): Promise<void> {
  const dataDir = resolve(path);
  const lock = await takeLock(dataDir, lockWaitMs);
  try {
    const home = await realDataHome(dataDir);
    if (home === undefined) return;
    const user = ordinaryUser();
    const cluster = join(home, CLUSTER);
    await assertHomeIsOurs(home, user);
    if (await clusterExists(cluster, user)) {
      await stopOrphan(cluster, user);
      await removeOwned(cluster, user);
    }
    await removeDataHome(dataDir, home);
  } finally {
    lock.release();
  }
}

async function takeLock(dataDir: string, waitMs = DEFAULT_LOCK_WAIT_MS): Promise<FileLock> {
  try {
    return await lockFile(`${dataDir}.lock`, waitMs);
  } catch (error) {
    if (errorCode(error) !== 'FILE_LOCKED') throw error;
    throw new OkcmError('POSTGRES_IN_USE', `${dataDir} is in use by another running process`);
  }
}

interface Place {
  readonly dataDir: string;
  readonly stateDir: string;
  readonly user: RunAs;
  readonly binaries: PostgresBinaries;
}

/** The directory with the cluster and its password; made whole under another name first, so that it is whole or absent. */
async function openDataHome(
  options: Pick<StartPostgresOptions, 'seed' | 'superuserPassword'>,
  place: Place,
): Promise<string> {
  const existing = await realDataHome(place.dataDir);
  if (existing !== undefined) {
    await assertHomeIsOurs(existing, place.user);
    if (dataHomeIsReachable(existing, place.user)) return existing;
    throw new OkcmError('POSTGRES_DATA_UNREACHABLE', `user ${place.user.name} cannot enter ${existing}`, {
      hint: `make its parent directories searchable (chmod a+x), or move the data away to begin anew`,
    });
  }
  const created = await createDataHome(place, async (temporary) => {
    const password = options.superuserPassword ?? randomBytes(24).toString('base64url');
    await writePrivate(join(temporary, PASSWORD_FILE), `${password}\n`);
    const cluster = join(temporary, CLUSTER);
    await makeOwned(cluster, place.user);
    try {
      const superuser = { name: SUPERUSER, password };
      if (options.seed === undefined) await runInitdb(place.binaries, cluster, superuser, place.user);
      else await copyCluster(await openSeed(options.seed, place), cluster, superuser, place);
    } catch (error) {
      await removeOwned(cluster, place.user);
      throw error;
    }
  });
  return await realpath(created);
}

/** The cluster that others are copied from, made by whoever comes first. */
async function openSeed(seed: string, place: Omit<Place, 'dataDir'>): Promise<string> {
  const dataDir = resolve(seed);
  const lock = await takeLock(dataDir, SEED_WAIT_MS);
  try {
    const home = await openDataHome({}, { ...place, dataDir });
    const cluster = join(home, CLUSTER);
    if (!(await clusterExists(cluster, place.user))) throw notACluster(home);
    return cluster;
  } finally {
    lock.release();
  }
}

async function readPassword(home: string, wanted: string | undefined): Promise<string> {
  const path = join(home, PASSWORD_FILE);
  const text = await readPrivate(path, MAX_PASSWORD_SIZE_BYTES).catch((error: unknown) => {
    throw errorCode(error) === 'CONFIG_NOT_FOUND' ? notACluster(home) : error;
  });
  const password = text.trimEnd();
  if (wanted !== undefined && wanted !== password) {
    throw new OkcmError('POSTGRES_PASSWORD_MISMATCH', `${home} was made with another superuser password`);
  }
  return password;
}

function notACluster(home: string): OkcmError {
  return new OkcmError(
    'POSTGRES_NOT_A_CLUSTER',
    `${home} holds something else than a database cluster of ours`,
  );
}

async function launch(
  options: StartPostgresOptions,
  binaries: PostgresBinaries,
  cluster: string,
  user: RunAs,
): Promise<Postmaster> {
  await mkdir(dirname(resolve(options.logFile)), { recursive: true });
  await rotateLog(options.logFile);
  for (let attempt = 1; ; attempt++) {
    const port = options.port === 0 ? await freePort() : options.port;
    const logFd = openSync(options.logFile, 'a', 0o600);
    try {
      return await spawnPostmaster({
        binaries,
        cluster,
        port,
        user,
        logFile: options.logFile,
        logFd,
        settings: options.settings ?? {},
      });
    } catch (error) {
      // Between our choice of a free port and the server's bind somebody else may have taken it.
      const retry =
        options.port === 0 && errorCode(error) === 'POSTGRES_PORT_IN_USE' && attempt < PORT_ATTEMPTS;
      if (!retry) throw error;
    } finally {
      closeSync(logFd);
    }
  }
}

async function rotateLog(logFile: string): Promise<void> {
  try {
    if ((await stat(logFile)).size > LOG_MAX_SIZE_BYTES) await rename(logFile, `${logFile}.1`);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

function describe(postmaster: Postmaster, password: string): EmbeddedPostgres {
  return {
    port: postmaster.port,
    pid: postmaster.pid,
    exited: postmaster.exited,
    url: (database, credentials = { user: SUPERUSER, password }) => {
      const user = encodeURIComponent(credentials.user);
      const secret = encodeURIComponent(credentials.password);
      return `postgresql://${user}:${secret}@127.0.0.1:${postmaster.port}/${encodeURIComponent(database)}`;
    },
    stop: () => postmaster.stop(),
    kill: () => postmaster.kill(),
  };
}
