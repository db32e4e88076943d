/** What went wrong with one thing, so that the others can go on; and what ends everything. */
import { CmkRefusal } from '../cmk/client.ts';
import { CliError, describeError } from '../errors.ts';
import type { Problem } from './things.ts';

/** As CMK or this command has said it. Whatever else was thrown is no word about a thing, and thrown on. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof CliError)) throw error;
  const { code, message, hint } = describeError(error);
  return {
    code: error instanceof CmkRefusal ? error.problem : code,
    message: error instanceof CmkRefusal ? message.replace(` (${error.problem})`, '') : message,
    ...(hint === undefined ? {} : { hint }),
  };
}

/** No credential, or too many refusals: the next request would fare no better. */
export const endsAll = (error: unknown): boolean =>
  error instanceof CmkRefusal && (error.status === 401 || error.status === 429);

/** CMK is away, or this one request took too long: a keystore may be slow. */
export const isUnreachable = (error: unknown): boolean =>
  error instanceof CliError && error.code === 'CMK_UNREACHABLE';
