// A cluster that is never started: others begin as its copies. initdb takes most of a server's first start, and several
// at once take several times as long; a copy takes a tenth of a second.
import { spawn, spawnSync } from 'node:child_process';
import type { PostgresBinaries } from './embedded-postgres-binaries.ts';
import { ENVIRONMENT, problemOf } from './embedded-postgres-process.ts';
import type { RunAs } from './embedded-postgres-user.ts';
import { OkcmError } from './errors.ts';
import { scramVerifier } from './postgres-scram.ts';

const COMMAND_TIMEOUT_MS = 60_000;

/**
 * Copies a cluster that no server runs on into an empty directory, and gives the copy a password of its own. Both belong
 * to `user`, who does it all. They share the system identifier: neither can be the other's standby.
 * Error: POSTGRES_INITDB_FAILED.
 */
export async function copyCluster(
  seed: string,
  cluster: string,
  superuser: { readonly name: string; readonly password: string },
  { binaries, user }: { readonly binaries: PostgresBinaries; readonly user: RunAs },
): Promise<void> {
  // `sync`: what initdb would have done before it calls its work durable.
  const copy = spawnSync('/bin/sh', ['-c', 'cp -R -p "$1/." "$2" && sync -f "$2"', 'sh', seed, cluster], {
    ...user.ids,
    cwd: '/',
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: COMMAND_TIMEOUT_MS,
    env: ENVIRONMENT,
  });
  if (copy.status !== 0) throw failed(copy.error?.message ?? copy.stderr);
  // One statement a line, by a server for itself alone, which takes no connections. It is sent a verifier, not the password.
  const statement = `ALTER ROLE "${superuser.name}" PASSWORD '${await scramVerifier(superuser.password)}'\n`;
  await runSingleUser(binaries.postgres, cluster, statement, user);
}

/** Errors end it (`exit_on_error`); without it they are only printed. */
async function runSingleUser(
  program: string,
  cluster: string,
  statement: string,
  user: RunAs,
): Promise<void> {
  const child = spawn(program, ['--single', '-D', cluster, '-c', 'exit_on_error=on', 'postgres'], {
    ...user.ids,
    cwd: '/',
    env: ENVIRONMENT,
    stdio: ['pipe', 'ignore', 'pipe'],
    timeout: COMMAND_TIMEOUT_MS,
  });
  const problem = await problemOf(child, statement);
  if (problem !== undefined) throw failed(problem);
}

const failed = (reason: string): OkcmError =>
  new OkcmError('POSTGRES_INITDB_FAILED', `the cluster could not be copied: ${reason.trim()}`);
