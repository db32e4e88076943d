/**
 * What was declared before. CMK has no mark for it, so it is remembered in a file: by default one for each folder, in the home
 * directory; elsewhere with --record. Only what stands there is ever removed. Without the file nothing is.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { readPrivate } from '../../platform/config-file.ts';
import { errorCode } from '../../platform/errors.ts';
import { CliError } from '../errors.ts';
import { writeJson } from '../home/json-file.ts';
import { homePaths } from '../home/paths.ts';
import { MAX_RECORD_BYTES, MAX_RECORDED, MAX_RECORDS } from './limits.ts';
import { type Id, type Kind, keyOf, kinds } from './things.ts';

const closed = { additionalProperties: false } as const;
/** `KIND TENANT NAME`, as keyOf says it. */
const THING = `^(${kinds.join('|')}) ([a-z0-9-]{0,63}) ([a-z0-9-]{1,63})$`;
const Recorded = Type.Object(
  {
    version: Type.Literal(1),
    /** Where it was declared: what is in another installation was not. */
    cmk: Type.String({ maxLength: 2048 }),
    /** Which folder, for people; absent in what earlier releases have written. */
    from: Type.Optional(Type.String({ maxLength: 4096 })),
    things: Type.Array(Type.String({ pattern: THING }), { maxItems: MAX_RECORDED }),
  },
  closed,
);

/** Of a folder, wherever one stands when it is applied. */
export function defaultRecord(home: string, from: string): string {
  const digest = createHash('sha256').update(resolve(from)).digest('hex').slice(0, 16);
  return join(shelfOf(home), `${digest}.json`);
}

const shelfOf = (home: string): string => join(homePaths(home).root, 'declared');

/** Errors: HOME_INVALID, RECORD_OF_ANOTHER. */
export async function readRecord(path: string, cmk: string): Promise<Id[]> {
  const record = await read(path);
  if (record === undefined) return [];
  if (record.cmk !== cmk)
    throw new CliError(
      'RECORD_OF_ANOTHER',
      `${path} tells what was declared at ${record.cmk}, and this is ${cmk}`,
    );
  return record.things.map((thing): Id => {
    const [kind, tenant, name = ''] = thing.split(' ');
    return { kind: kind as Kind, tenant: tenant === '' || tenant === undefined ? null : tenant, name };
  });
}

async function read(path: string): Promise<Static<typeof Recorded> | undefined> {
  try {
    const value: unknown = JSON.parse(await readPrivate(path, MAX_RECORD_BYTES));
    if (Value.Check(Recorded, value)) return value;
    throw new CliError('HOME_INVALID', `${path} is not what okcm apply has written`);
  } catch (error) {
    if (errorCode(error) === 'CONFIG_NOT_FOUND') return undefined;
    throw new CliError('HOME_INVALID', `${path} cannot be used`, {
      cause: error,
      hint: 'restore it; without it nothing counts as declared before, and nothing is removed',
    });
  }
}

/**
 * By keyOf, which other folders have declared it when they were applied last, from this home and at this CMK. What cannot be read
 * is passed over: it is told to whoever applies that folder.
 */
export async function declaredElsewhere(
  home: string,
  own: string,
  cmk: string,
): Promise<ReadonlyMap<string, string>> {
  const directory = shelfOf(home);
  const names = await readdir(directory).catch(() => []);
  const found = new Map<string, string>();
  for (const name of names.sort().slice(0, MAX_RECORDS)) {
    const path = join(directory, name);
    if (!name.endsWith('.json') || resolve(path) === resolve(own)) continue;
    const record = await read(path).catch(() => undefined);
    if (record === undefined || record.cmk !== cmk) continue;
    for (const thing of record.things) found.set(thing, record.from ?? path);
  }
  return found;
}

/** Errors: DECLARATIONS_TOO_LARGE. */
export async function writeRecord(
  path: string,
  { cmk, from }: { readonly cmk: string; readonly from: string },
  things: readonly Id[],
): Promise<void> {
  const unique = [...new Set(things.map(keyOf))].sort();
  if (unique.length > MAX_RECORDED)
    throw new CliError('DECLARATIONS_TOO_LARGE', `more than ${MAX_RECORDED} things have been declared`);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeJson(path, { version: 1, cmk, from: resolve(from), things: unique });
}
