// PostgreSQL must not live on behind the process that started it, also when that process is killed: it would go on
// holding its port and its data. The server knows nothing of us, so a small shell does what parent-watch.ts does for
// our own programs: it waits at a pipe whose other end only we hold, and shuts the server down when the pipe closes.
// Should the shell be killed as well, the next start finds an orphan and stops it (embedded-postgres-orphan.ts).
import { spawn } from 'node:child_process';
import type { RunAs } from './embedded-postgres-user.ts';

/** How long a fast shutdown may take before an immediate one, which costs a recovery at the next start. */
const FAST_STOP_TENTHS = 100;

/** A shell and not Node: there is one for each server, and the server's user may not be able to enter our directory. */
const SCRIPT = `
read -r _
kill -s INT "$1" || exit 0
tenths=${FAST_STOP_TENTHS}
while [ "$tenths" -gt 0 ]; do
  kill -s 0 "$1" || exit 0
  sleep 0.1
  tenths=$((tenths - 1))
done
kill -s QUIT "$1"
`;

/**
 * Has the postmaster `pid` shut down when this process ends, however it ends. The shell runs as the server's user and
 * ends with the server. It does not keep Node's event loop alive, and never fails the caller.
 */
export function stopPostgresWithUs(pid: number, user: RunAs, exited: Promise<void>): void {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'okcm-postgres-watch', String(pid)], {
    ...user.ids,
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // a session of its own: Ctrl-C at a terminal is for us, and ends the server in order
  });
  shell.on('error', () => {}); // without a shell, an orphan is left to the next start
  shell.stdin.on('error', () => {});
  shell.unref();
  if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref();
  // As soon as the server has gone its number may become somebody else's.
  void exited.then(() => shell.kill('SIGKILL'));
}
