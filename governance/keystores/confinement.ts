/**
 * Where a file that an operator names over REST may lie. The API would otherwise lend CMK's own rights on the file
 * system to whoever holds a token: to ask whether a file is there, and to make one anywhere.
 */
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';

/**
 * Whether `path` is absolute and names a place below `directory` in a directory that exists, links on the way followed.
 * Says nothing of the file itself, so that nobody learns from the answer what lies elsewhere.
 */
export async function liesBelow(directory: string, path: string): Promise<boolean> {
  if (!isAbsolute(path)) return false;
  try {
    const inside = relative(await realpath(directory), await realpath(dirname(resolve(path))));
    return inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
  } catch {
    return false;
  }
}
