/** Who gets a share, as it is given on the command line or in files: names and age recipients; and where it goes. */
import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { CeremonyPlan, Holder } from '../../execution/keychain/index.ts';
import { errorCode } from '../../platform/errors.ts';
import { CliError } from '../errors.ts';

const RECIPIENT = /^age1[a-z0-9]+$/;
const MAX_FILE_CHARACTERS = 4096;

export interface PlanOptions {
  readonly shares: number;
  readonly threshold: number;
  readonly holder: readonly string[];
}

/** Errors: USAGE, HOLDER_INVALID, FILE_UNREADABLE. */
export async function planOf({ shares, threshold, holder }: PlanOptions): Promise<CeremonyPlan> {
  if (holder.length !== shares) {
    throw new CliError('USAGE', `${shares} shares need ${shares} holders, and ${holder.length} are named`, {
      hint: 'give --holder once for each, and --shares their number',
    });
  }
  return { threshold, holders: await Promise.all(holder.map(holderOf)) };
}

/** `NAME=age1…`, `NAME=FILE`, or `FILE`, whose name up to its first dot is the holder's. */
async function holderOf(text: string): Promise<Holder> {
  const at = text.indexOf('=');
  const source = text.slice(at + 1);
  if (at > 0 && RECIPIENT.test(source)) return { name: text.slice(0, at), recipient: source };
  if (at <= 0 && RECIPIENT.test(text)) throw new CliError('HOLDER_INVALID', `${text} needs a name`);
  const name = at > 0 ? text.slice(0, at) : (basename(source).split('.', 1)[0] ?? '');
  return { name, recipient: await recipientOf(source) };
}

async function recipientOf(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CliError('FILE_UNREADABLE', `${path} cannot be read`, { cause });
  });
  const lines = text
    .slice(0, MAX_FILE_CHARACTERS)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.some((line) => line.startsWith('AGE-SECRET-KEY-'))) {
    throw new CliError(
      'HOLDER_INVALID',
      `${path} is a holder's secret identity, which belongs to the holder alone`,
    );
  }
  const [recipient, ...others] = lines;
  if (recipient === undefined || others.length > 0 || !RECIPIENT.test(recipient)) {
    throw new CliError('HOLDER_INVALID', `${path} does not hold one age recipient`);
  }
  return recipient;
}

/** Errors: OUT_NOT_EMPTY. */
export async function demandEmpty(directory: string): Promise<void> {
  const entries = await readdir(directory).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw new CliError('FILE_UNREADABLE', `${directory} cannot be used`, { cause: error });
  });
  if (entries.length > 0) throw new CliError('OUT_NOT_EMPTY', `${directory} is not empty`);
}
