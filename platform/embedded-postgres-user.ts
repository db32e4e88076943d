// Whom PostgreSQL runs as. It refuses to run as root, so root runs it as the system user `postgres`, which is made
// when missing. initdb looks the user up by name, so a bare unused uid would not do.
import { spawnSync } from 'node:child_process';
import { userInfo } from 'node:os';
import { OkcmError } from './errors.ts';

const USER = 'postgres';
const COMMAND_TIMEOUT_MS = 15_000;

export interface RunAs {
  readonly name: string;
  /** For `spawn`; undefined when we are an ordinary user ourselves. */
  readonly ids: { readonly uid: number; readonly gid: number } | undefined;
}

/** How this system makes a user without login: Debian and Red Hat, then Alpine's busybox. */
const WAYS_TO_CREATE: readonly (readonly [string, readonly string[]])[] = [
  ['useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', USER]],
  ['adduser', ['-S', '-D', '-H', '-s', '/sbin/nologin', USER]],
];

let known: RunAs | undefined;

/** Found out once: to ask starts a process, and each of several servers would. Error: POSTGRES_NO_USER. */
export function ordinaryUser(): RunAs {
  known ??= process.getuid?.() === 0 ? systemUser() : { name: userInfo().username, ids: undefined };
  return known;
}

function systemUser(): RunAs {
  let ids = lookUp();
  for (const [command, args] of WAYS_TO_CREATE) {
    if (ids !== undefined) break;
    run(command, args);
    ids = lookUp(); // asked even after a failure: another process may have made the user at the same time
  }
  if (ids === undefined) {
    throw new OkcmError(
      'POSTGRES_NO_USER',
      `PostgreSQL does not run as root, and no user "${USER}" could be made`,
      {
        hint: `create a system user named ${USER}, or run this as an ordinary user`,
      },
    );
  }
  return { name: USER, ids };
}

function lookUp(): { uid: number; gid: number } | undefined {
  // uid=105(postgres) gid=110(postgres) groups=…
  const [, uid, gid] = /^uid=(\d+)\S* gid=(\d+)/.exec(run('id', [USER])) ?? [];
  return Number(uid) > 0 && Number(gid) > 0 ? { uid: Number(uid), gid: Number(gid) } : undefined;
}

function run(command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: COMMAND_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: systemPath(), LC_ALL: 'C' },
  });
  return result.status === 0 ? result.stdout : '';
}

/** A root shell's PATH may lack the sbin directories, where useradd is. */
function systemPath(): string {
  return `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin`;
}
