// PostgreSQL's processes: initdb and the postmaster. What an earlier postmaster left behind is embedded-postgres-orphan.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { open, stat } from 'node:fs/promises';
import { sleep } from './backoff.ts';
import type { PostgresBinaries } from './embedded-postgres-binaries.ts';
import { readLockFile } from './embedded-postgres-files.ts';
import type { RunAs } from './embedded-postgres-user.ts';
import { OkcmError } from './errors.ts';
import { stopPostgresWithUs } from './postgres-watch.ts';

const INITDB_TIMEOUT_MS = 60_000;
/** Recovery after a crash replays the log first: give it time. */
const START_TIMEOUT_MS = 60_000;
/** How long a fast shutdown may take. */
export const FAST_STOP_TIMEOUT_MS = 20_000;
const POLL_EVERY_MS = 20;
/** After a SIGKILL of the postmaster its children take a moment to notice, and hold the shared memory until then. */
const LEFTOVER_TIMEOUT_MS = 10_000;
const MAX_REASON_SIZE_BYTES = 4096;

/** Nothing of our own environment: it may hold secrets, and PostgreSQL reads variables of its own from it. */
export const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** Error: POSTGRES_INITDB_FAILED. */
export async function runInitdb(
  binaries: PostgresBinaries,
  cluster: string,
  superuser: { readonly name: string; readonly password: string },
  user: RunAs,
): Promise<void> {
  const child = spawn(
    // The password comes through a pipe, so that it never lies in a file that the user could read or swap. The shell
    // makes the pipe as that user: initdb opens it by name, and could not open one of root's.
    '/bin/sh',
    [
      '-c',
      'cat | "$@"',
      'sh',
      binaries.initdb,
      `--pgdata=${cluster}`,
      `--username=${superuser.name}`,
      '--pwfile=/dev/stdin',
      '--auth=scram-sha-256',
      '--locale=C',
      '--encoding=UTF8',
      '--no-instructions',
    ],
    {
      ...user.ids,
      cwd: '/',
      env: ENVIRONMENT,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true, // a process group, so that initdb ends with its shell
    },
  );
  const late = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, INITDB_TIMEOUT_MS);
  const problem = await problemOf(child, `${superuser.password}\n`);
  clearTimeout(late);
  if (problem !== undefined) throw new OkcmError('POSTGRES_INITDB_FAILED', `initdb failed: ${problem}`);
}

/** Gives a program its input, and waits for its end: undefined when it went well, else what it complained of last. */
export async function problemOf(child: ChildProcess, input: string): Promise<string | undefined> {
  let output = '';
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-MAX_REASON_SIZE_BYTES);
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  child.stdin?.on('error', () => {}); // it ended early, and says why
  child.stdin?.end(input);
  return await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? output.trim())));
  });
}

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly exited: Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export interface PostmasterOptions {
  readonly binaries: PostgresBinaries;
  readonly cluster: string;
  readonly port: number;
  readonly user: RunAs;
  readonly logFile: string;
  readonly logFd: number;
  readonly settings: Readonly<Record<string, string>>;
}

/** Resolves when connections are accepted. Errors: POSTGRES_PORT_IN_USE, POSTGRES_IN_USE, POSTGRES_START_FAILED. */
export async function spawnPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const giveUpAtMs = Date.now() + LEFTOVER_TIMEOUT_MS;
  for (;;) {
    const logStart = (await stat(options.logFile)).size;
    const child = spawn(options.binaries.postgres, postgresArguments(options), {
      ...options.user.ids,
      cwd: '/',
      env: ENVIRONMENT,
      stdio: ['ignore', options.logFd, options.logFd],
      // A session of its own: Ctrl-C at a terminal must reach us first, so that we stop the server last.
      detached: true,
    });
    child.unref();
    const exited = whenExited(child);
    if (child.pid !== undefined) stopPostgresWithUs(child.pid, options.user, exited);
    if (await becomesReady(child, options)) return controls(child, options.port, exited);
    const reason = await readLog(options.logFile, logStart);
    if (/pre-existing shared memory block/.test(reason) && Date.now() < giveUpAtMs) {
      await sleep(100);
      continue;
    }
    if (/could not bind|Address already in use/.test(reason)) {
      throw new OkcmError('POSTGRES_PORT_IN_USE', `port ${options.port} is already in use`);
    }
    if (/lock file ".*" already exists/.test(reason)) {
      throw new OkcmError('POSTGRES_IN_USE', `another server already runs on ${options.cluster}`);
    }
    throw new OkcmError('POSTGRES_START_FAILED', `PostgreSQL did not start: ${reason || 'no reason given'}`, {
      hint: `see ${options.logFile}`,
    });
  }
}

function postgresArguments(options: PostmasterOptions): string[] {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(options.port),
    // Durable: an answered commit is on disk. These are the defaults; a settings file must not weaken them unseen.
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    password_encryption: 'scram-sha-256',
    // Statements and rows may hold secrets: errors are logged without them.
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    ...options.settings,
  };
  return [
    '-D',
    options.cluster,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

function whenExited(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
}

/** The postmaster tells its state in the last line of its lock file, as pg_ctl reads it. */
async function becomesReady(child: ChildProcess, { cluster, user }: PostmasterOptions): Promise<boolean> {
  const giveUpAtMs = Date.now() + START_TIMEOUT_MS;
  while (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const lines = await readLockFile(cluster, user);
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return true;
    if (Date.now() > giveUpAtMs) {
      child.kill('SIGQUIT');
      return false;
    }
    await sleep(POLL_EVERY_MS);
  }
  return false;
}

function controls(child: ChildProcess, port: number, exited: Promise<void>): Postmaster {
  return {
    pid: child.pid ?? 0,
    port,
    exited,
    stop: async () => {
      child.ref(); // whoever waits for the end wants Node to live until then
      await endProcess((signal) => child.kill(signal), exited);
    },
    kill: async () => {
      child.ref();
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Fast, then immediate, then hard: the latter two only cost a recovery at the next start. */
export async function endProcess(
  signal: (name: NodeJS.Signals) => unknown,
  exited: Promise<void>,
): Promise<void> {
  for (const [name, waitMs] of [
    ['SIGINT', FAST_STOP_TIMEOUT_MS],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    signal(name);
    const cancel = new AbortController();
    const late = sleep(waitMs, cancel.signal).then(
      () => true,
      () => true,
    );
    const stillThere = await Promise.race([exited.then(() => false), late]);
    cancel.abort();
    if (!stillThere) return;
  }
}

/** What this start wrote to the log: its warnings and errors, shortened. */
async function readLog(logFile: string, start: number): Promise<string> {
  const file = await open(logFile, 'r');
  try {
    const buffer = Buffer.alloc(MAX_REASON_SIZE_BYTES * 4);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    const telling = lines.filter((line) =>
      /FATAL|PANIC|ERROR|WARNING|could not|invalid|LOG: .*bind/.test(line),
    );
    return (telling.length > 0 ? telling : lines).join('; ').slice(0, MAX_REASON_SIZE_BYTES);
  } finally {
    await file.close();
  }
}
