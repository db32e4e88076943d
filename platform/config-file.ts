// Configuration files: JSON, validated by a schema, refused when others may read them (they hold database passwords).
// Also the two ways to write a file that must be whole or absent: private (0600) and public (0644).
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { errorCode, OkcmError } from './errors.ts';

export const MAX_CONFIG_SIZE_BYTES = 1024 * 1024;

const MODE_PRIVATE = 0o600;
const MODE_PUBLIC = 0o644;
const MODE_OTHERS = 0o077;
/** What others may do with a file of root's that a group may read, and what this group may do beside reading. */
const MODE_BEYOND_GROUP_READ = 0o037;

/**
 * Reads a JSON file, fills in the schema's defaults and validates it.
 * Errors: CONFIG_NOT_FOUND, CONFIG_UNREADABLE, CONFIG_TOO_OPEN, CONFIG_TOO_LARGE, CONFIG_NOT_JSON, CONFIG_INVALID.
 * No error quotes the file's content, since a mistyped line may be the one with the password.
 */
export async function readConfig<T extends TSchema>(path: string, schema: T): Promise<Static<T>> {
  const text = await readPrivate(path);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    // The engine's own message quotes the text around the mistake: only its position is safe to repeat.
    const position =
      error instanceof Error ? /\(?line \d+ column \d+\)?/.exec(error.message)?.[0] : undefined;
    throw new OkcmError('CONFIG_NOT_JSON', `${path} is not valid JSON${position ? ` ${position}` : ''}`);
  }
  const value: unknown = Value.Default(schema, parsed);
  if (Value.Check(schema, value)) return value;
  throw new OkcmError('CONFIG_INVALID', `${path}: ${describeProblems(schema, value)}`);
}

/**
 * Reads a file that holds secrets. The mode is read from the open file, not from the path, so that nobody can swap
 * the file between the check and the reading. Errors as for readConfig.
 */
export async function readPrivate(path: string, maxSizeBytes = MAX_CONFIG_SIZE_BYTES): Promise<string> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    if (errorCode(cause) === 'ENOENT') throw new OkcmError('CONFIG_NOT_FOUND', `${path} does not exist`);
    throw new OkcmError(
      'CONFIG_UNREADABLE',
      `${path} cannot be opened (${errorCode(cause) ?? 'unknown error'})`,
    );
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new OkcmError('CONFIG_UNREADABLE', `${path} is not a file`);
    if (isTooOpen(stat, self())) {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
      throw new OkcmError('CONFIG_TOO_OPEN', `${path} has mode ${mode}: others may read or change it`, {
        hint: `chmod 600 ${path}`,
      });
    }
    if (stat.size > maxSizeBytes) {
      throw new OkcmError(
        'CONFIG_TOO_LARGE',
        `${path} holds ${stat.size} bytes, the limit is ${maxSizeBytes}`,
      );
    }
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

interface Reader {
  readonly uid: number;
  /** All groups of this process. */
  readonly groups: readonly number[];
}

function self(): Reader | undefined {
  const { getuid, getegid, getgroups } = process;
  if (getuid === undefined || getegid === undefined || getgroups === undefined) return undefined;
  return { uid: getuid(), groups: [getegid(), ...getgroups()] };
}

/**
 * Private is what its owner alone may read. One more case counts: root's file that the group of an unprivileged process may
 * read and not change, as Kubernetes mounts a Secret where `fsGroup` is set (mode 0440), for there the process can own no
 * file. PostgreSQL draws the same line for the key of its certificate.
 */
export function isTooOpen(
  file: { readonly mode: number; readonly uid: number; readonly gid: number },
  reader: Reader | undefined,
): boolean {
  if ((file.mode & MODE_OTHERS) === 0) return false;
  const isHandedOver =
    reader !== undefined && reader.uid !== 0 && file.uid === 0 && reader.groups.includes(file.gid);
  return !isHandedOver || (file.mode & MODE_BEYOND_GROUP_READ) !== 0;
}

/** Writes a file that only its owner may read (0600): whole, durable, or not at all. */
export async function writePrivate(path: string, content: string | Uint8Array): Promise<void> {
  await writeAtomically(path, content, MODE_PRIVATE);
}

/** Writes a file that everybody may read (0644), such as a certificate: whole, durable, or not at all. */
export async function writePublic(path: string, content: string | Uint8Array): Promise<void> {
  await writeAtomically(path, content, MODE_PUBLIC);
}

async function writeAtomically(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.chmod(mode); // the process' umask may have taken bits away
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** A rename is durable only once the directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

const MAX_PROBLEMS = 3;

function describeProblems(schema: TSchema, value: unknown): string {
  const problems: string[] = [];
  for (const error of Value.Errors(schema, value)) {
    const place = error.instancePath === '' ? '' : error.instancePath.slice(1).replaceAll('/', '.');
    const params: object = error.params;
    if (error.keyword === 'boolean') continue; // the same unknown field is reported again, with its parent
    if ('additionalProperties' in params && Array.isArray(params.additionalProperties)) {
      problems.push(`${inPlace(place)}unknown field ${params.additionalProperties.join(', ')}`);
    } else if ('requiredProperties' in params && Array.isArray(params.requiredProperties)) {
      problems.push(`${inPlace(place)}missing field ${params.requiredProperties.join(', ')}`);
    } else {
      problems.push(`${inPlace(place === '' ? 'the file' : place)}${error.message}`);
    }
    if (problems.length === MAX_PROBLEMS) break;
  }
  return problems.join('; ');
}

function inPlace(place: string): string {
  return place === '' ? '' : `${place}: `;
}
