/**
 * A holder's share, from a file or from standard input: decrypted here with the holder's identity, or decrypted before
 * by `age -d` where the identity is in a hardware token. Never from the command line, which other users can read.
 */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { armor, Decrypter } from 'age-encryption';
import { readPrivate } from '../../platform/config-file.ts';
import { errorMessage } from '../../platform/errors.ts';
import { CliError } from '../errors.ts';

const ARMOUR = '-----BEGIN AGE ENCRYPTED FILE-----';
const MAX_SHARE_FILE_CHARACTERS = 16_384;
const MAX_IDENTITY_FILE_BYTES = 16_384;

export interface ShareOptions {
  readonly shareFile?: string;
  readonly identity?: string;
}

/** Errors: SHARE_UNREADABLE, which never quotes a share. */
export async function readShare({ shareFile, identity }: ShareOptions): Promise<string> {
  const source = shareFile === undefined || shareFile === '-' ? 'standard input' : shareFile;
  const content = await (source === shareFile ? readFile(shareFile, 'utf8') : text(process.stdin)).catch(
    (cause: unknown) => {
      throw new CliError('SHARE_UNREADABLE', `${source} cannot be read`, { cause });
    },
  );
  if (content.length > MAX_SHARE_FILE_CHARACTERS)
    throw new CliError('SHARE_UNREADABLE', `${source} is larger than any share`);
  if (!content.trimStart().startsWith(ARMOUR)) return content.trim();
  if (identity === undefined) {
    throw new CliError('SHARE_UNREADABLE', `${source} is encrypted, and no identity is given`);
  }
  const decrypter = new Decrypter();
  try {
    for (const line of (await readPrivate(identity, MAX_IDENTITY_FILE_BYTES)).split('\n')) {
      if (line.startsWith('AGE-SECRET-KEY-')) decrypter.addIdentity(line.trim());
    }
  } catch (cause) {
    throw new CliError('SHARE_UNREADABLE', `the identity ${identity} cannot be used`, {
      cause: errorMessage(cause),
    });
  }
  try {
    return (await decrypter.decrypt(armor.decode(content), 'text')).trim();
  } catch (cause) {
    throw new CliError('SHARE_UNREADABLE', `the identity ${identity} does not open ${source}`, { cause });
  }
}
