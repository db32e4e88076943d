/** Files that hold secrets: there, readable by the component, and by nobody else. Nothing of them is read. */
import { type Stats, statSync } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { errorCode } from '../../platform/errors.ts';
import { finding, passed, type Verdict } from './verdict.ts';

const MODE_OTHERS = 0o077;

export interface SecretFile {
  readonly what: string;
  readonly file: string;
  /** The component makes it itself. */
  readonly mayBeMissing?: boolean;
}

/** `mode`: undefined where there is no such file. */
export function judgeSecretFile(
  { what, file, mayBeMissing = false }: SecretFile,
  mode: number | undefined,
  isReadable: boolean,
): Verdict[] {
  const checked = `file of the ${what}`;
  if (mode === undefined)
    return mayBeMissing ? [] : [finding('FILE_MISSING', checked, `${file} does not exist`, { file })];
  const shown = (mode & 0o777).toString(8).padStart(4, '0');
  if ((mode & MODE_OTHERS) !== 0)
    return [
      finding('FILE_TOO_OPEN', checked, `${file} has mode ${shown}: others may read or change it`, {
        file,
        mode: shown,
      }),
    ];
  if (!isReadable)
    return [
      finding('FILE_UNREADABLE', checked, `${file} cannot be read by this user`, { file, mode: shown }),
    ];
  return [passed(checked, `mode ${shown}`, { file, mode: shown })];
}

export async function checkSecretFile(secret: SecretFile): Promise<Verdict[]> {
  return judgeSecretFile(secret, ...(await statSecret(secret.file)));
}

/** Its mode, undefined where there is no such file; and whether this user may read it. */
export async function statSecret(file: string): Promise<[mode: number | undefined, isReadable: boolean]> {
  let found: Stats | undefined;
  try {
    found = await stat(file);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') return [0, false];
  }
  const isReadable = await access(file, constants.R_OK).then(
    () => true,
    () => false,
  );
  return [found?.mode, isReadable];
}

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
