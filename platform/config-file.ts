// Configuration files: JSON, validated by a schema, refused when others may read them (they hold database passwords).
// Also the two ways to write a file that must be whole or absent: private (0600) and public (0644).
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Static, type TSchema, Type } from 'typebox';
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
  return [...new Set(problemsOf(schema, value, ''))].slice(0, MAX_PROBLEMS).join('; ');
}

function problemsOf(schema: TSchema, value: unknown, above: string): string[] {
  const problems: string[] = [];
  const unions = new Set<string>();
  for (const { keyword, schemaPath, instancePath, params, message } of Value.Errors(schema, value)) {
    const place = `${above}${instancePath}`;
    const given: object = params;
    const union = /^(.*?)\/anyOf\/\d/.exec(schemaPath)?.[1];
    if (keyword === 'boolean') continue; // the same unknown field is reported again, with its parent
    if (union !== undefined) {
      if (!unions.has(union)) problems.push(...problemsInUnion(schema, value, above, union, instancePath));
      unions.add(union);
    } else if (keyword === 'anyOf') {
    } else if ('allowedValue' in given) {
      problems.push(`${inPlace(place)}must be ${String(given.allowedValue)}`);
    } else if ('additionalProperties' in given && Array.isArray(given.additionalProperties)) {
      problems.push(`${inPlace(place)}unknown field ${given.additionalProperties.join(', ')}`);
    } else if ('requiredProperties' in given && Array.isArray(given.requiredProperties)) {
      problems.push(`${inPlace(place)}missing field ${given.requiredProperties.join(', ')}`);
    } else {
      problems.push(`${place === '' ? 'the file: ' : inPlace(place)}${message}`);
    }
  }
  return problems;
}

/** What is wrong with the alternative that the value chose by a constant of it, such as a `kind`; or what it may choose. */
function problemsInUnion(
  schema: TSchema,
  value: unknown,
  above: string,
  unionPath: string,
  instancePath: string,
): string[] {
  const members: unknown = valueAt(schema, `${unionPath.slice(1)}/anyOf`);
  const depth = unionPath.match(/\/properties\/[^/]+|\/items/g)?.length ?? 0;
  const path = instancePath
    .split('/')
    .slice(0, depth + 1)
    .join('/');
  const chosen = valueAt(value, path);
  const alternatives = (Array.isArray(members) ? members : []).filter((each) => Type.IsSchema(each));
  const constantOf = (member: TSchema, name: string): unknown =>
    valueAt(member, name === '' ? '/const' : `/properties/${name}/const`);
  for (const name of ['', ...Object.keys(typeof chosen === 'object' && chosen !== null ? chosen : {})]) {
    const given = name === '' ? chosen : valueAt(chosen, `/${name}`);
    const choices = alternatives.flatMap((member) => constantOf(member, name) ?? []);
    if (choices.length < alternatives.length) continue;
    const fitting = alternatives.find((member) => constantOf(member, name) === given);
    if (fitting !== undefined) return problemsOf(fitting, chosen, `${above}${path}`);
    return [`${inPlace(`${above}${path}${name === '' ? '' : `/${name}`}`)}one of ${choices.join(', ')}`];
  }
  return alternatives.flatMap((member) => problemsOf(member, chosen, `${above}${path}`));
}

/** By a JSON pointer, of whatever lies there. */
function valueAt(from: unknown, pointer: string): unknown {
  let found = from;
  for (const name of pointer.split('/').slice(1)) {
    if (typeof found !== 'object' || found === null) return undefined;
    const key = name.replaceAll('~1', '/').replaceAll('~0', '~');
    found = Object.hasOwn(found, key) ? Reflect.get(found, key) : undefined;
  }
  return found;
}

/** `at` is a JSON pointer. */
function inPlace(at: string): string {
  return at === '' ? '' : `${at.slice(1).replaceAll('/', '.')}: `;
}
