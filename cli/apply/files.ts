/** Finding and reading the files of a folder of declarations, within bounds. */
import { constants } from 'node:fs';
import { lstat, open, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { errorCode } from '../../platform/errors.ts';
import { CliError } from '../errors.ts';
import { inParallel } from './in-parallel.ts';
import { MAX_FILE_BYTES, MAX_FILES, MAX_FOLDER_DEPTH, MAX_OPEN_FILES, MAX_TOTAL_BYTES } from './limits.ts';

export interface SourceFile {
  /** As people are told it. */
  readonly name: string;
  readonly path: string;
  readonly text: string;
}

const DECLARED = /\.(ya?ml|json)$/i;

/**
 * Every .yaml, .yml and .json file below a folder, in the order of their paths; or the one file. Names that begin with a dot
 * are left out. A symbolic link is refused, and not passed over: what it hides would count as declared no longer.
 * Errors: FILE_UNREADABLE, DECLARATIONS_TOO_LARGE, NOTHING_DECLARED.
 */
export async function readFiles(from: string): Promise<SourceFile[]> {
  const root = resolve(from);
  const stat = await lstat(root).catch((cause: unknown) => {
    throw unreadable(from, cause);
  });
  const paths = stat.isDirectory() ? await find(root, root, 0) : [root];
  if (paths.length > MAX_FILES)
    throw tooLarge(`there are ${paths.length} files, and ${MAX_FILES} are the most that are read`);
  let total = 0;
  const files = await inParallel(paths.sort(), MAX_OPEN_FILES, async (path) => {
    const name = stat.isDirectory() ? relative(root, path) : from;
    const text = await readBounded(path, name, MAX_FILE_BYTES, stat.isDirectory() ? UNLINKED : PLAIN);
    total += Buffer.byteLength(text);
    if (total > MAX_TOTAL_BYTES)
      throw tooLarge(`the files hold more than ${MAX_TOTAL_BYTES} bytes, which is the most that is read`);
    return { name, path, text };
  });
  if (files.length === 0)
    throw new CliError('NOTHING_DECLARED', `${from} holds no .yaml, .yml or .json file`);
  return files;
}

async function find(root: string, folder: string, depth: number): Promise<string[]> {
  if (depth > MAX_FOLDER_DEPTH)
    throw tooLarge(`${relative(root, folder)} lies more than ${MAX_FOLDER_DEPTH} folders deep`);
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw unreadable(folder, cause);
  });
  const found: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink())
      throw new CliError('FILE_UNREADABLE', `${relative(root, path)} is a symbolic link`, {
        hint: 'put the file itself there: what a link hides would count as declared no longer',
      });
    if (entry.isDirectory()) found.push(...(await find(root, path, depth + 1)));
    else if (entry.isFile() && DECLARED.test(entry.name)) found.push(path);
    if (found.length > MAX_FILES) break;
  }
  return found;
}

/**
 * Of a path that a declaration names: it lies in what is applied, links on the way followed, and is none itself. Errors:
 * FILE_UNREADABLE, DECLARATIONS_TOO_LARGE.
 */
export async function readNamed(root: string, path: string, name: string, maxBytes: number): Promise<string> {
  const outside = new CliError('FILE_UNREADABLE', `${name} lies outside of what is applied`, {
    hint: 'put the file below the folder of the declarations',
  });
  if (!isBelow(resolve(root), resolve(path))) throw outside;
  const [base, folder] = await Promise.all([realpath(root), realpath(dirname(path))]).catch(
    (cause: unknown) => {
      throw unreadable(name, cause);
    },
  );
  if (!isBelow(base, folder)) throw outside;
  return await readBounded(join(folder, basename(path)), name, maxBytes, UNLINKED);
}

function isBelow(root: string, path: string): boolean {
  const inside = relative(root, path);
  return inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
}

/** Without waiting for somebody who writes, where the name is that of a pipe. */
const PLAIN = constants.O_RDONLY | constants.O_NONBLOCK;
/** And a symbolic link is refused (ELOOP): one may have come into the place of the file that was found. */
const UNLINKED = PLAIN | constants.O_NOFOLLOW;

/** The size is read from the open file, and no more than that is read of it. */
async function readBounded(path: string, name: string, maxBytes: number, flags: number): Promise<string> {
  const file = await open(path, flags).catch((cause: unknown) => {
    throw unreadable(name, cause);
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new CliError('FILE_UNREADABLE', `${name} is not a file`);
    if (stat.size > maxBytes)
      throw tooLarge(`${name} holds ${stat.size} bytes, and ${maxBytes} are the most that are read of it`);
    const buffer = Buffer.alloc(stat.size);
    const { bytesRead } = await file.read(buffer, 0, stat.size, 0);
    return decoded(buffer.subarray(0, bytesRead), name);
  } finally {
    await file.close();
  }
}

function decoded(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CliError('FILE_UNREADABLE', `${name} is not UTF-8`);
  }
}

const unreadable = (name: string, cause: unknown): CliError =>
  errorCode(cause) === 'ELOOP'
    ? new CliError('FILE_UNREADABLE', `${name} is a symbolic link`, { hint: 'put the file itself there' })
    : new CliError('FILE_UNREADABLE', `${name} cannot be read (${errorCode(cause) ?? 'unknown error'})`);

const tooLarge = (message: string): CliError => new CliError('DECLARATIONS_TOO_LARGE', message);
