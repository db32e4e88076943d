/** JSON files of the home directory: private, whole or absent, validated by a schema when read. */
import type { Static, TSchema } from 'typebox';
import { readConfig, writePrivate } from '../../platform/config-file.ts';
import { errorCode } from '../../platform/errors.ts';
import { CliError } from '../errors.ts';

/** Undefined when there is no such file. Errors: HOME_INVALID when it does not follow its schema. */
export async function readJson<T extends TSchema>(path: string, schema: T): Promise<Static<T> | undefined> {
  try {
    return await readConfig(path, schema);
  } catch (error) {
    if (errorCode(error) === 'CONFIG_NOT_FOUND') return undefined;
    throw new CliError('HOME_INVALID', 'a file of the home directory cannot be used', { cause: error });
  }
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await writePrivate(path, `${JSON.stringify(value, null, 2)}\n`);
}
