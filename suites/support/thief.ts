/**
 * A thief: tries everything that he holds on everything that is wrapped, and with what that gave him once more, until
 * nothing opens any more. He has the source and all the time, keeps no rule, and looks at no clock.
 */
import { findPatterns, type Pattern } from './memory-scan.ts';
import { keysAmong } from './spellings.ts';
import type { Stolen } from './stolen.ts';
import { KEY_BYTES, type Wrapped } from './wrapped.ts';

const NOTHING = Buffer.alloc(0);

/** What all of it together opens, by name. */
export async function opened(...stolen: readonly Stolen[]): Promise<Map<string, Buffer>> {
  const wrapped = stolen.flatMap((each) => each.wrapped);
  // Any value of this length might be a key. As half of one, and for HPKE, only what is known to be a key is tried: the
  // search for secrets in plain would find a half.
  let values = keysAmong(stolen.flatMap((each) => each.values));
  const keys = keysAmong(stolen.flatMap((each) => each.keys));
  const found = new Map<string, Buffer>();
  for (let before = -1; found.size > before; ) {
    before = found.size;
    for (const item of wrapped) {
      if (found.has(item.name)) continue;
      const plain = await opening(item, keys, values);
      if (plain === undefined) continue;
      found.set(item.name, plain);
      if (plain.length === KEY_BYTES) keys.push(plain);
    }
    values = [];
  }
  return found;
}

/** The names of what opens, sorted. */
export async function opens(...stolen: readonly Stolen[]): Promise<string[]> {
  return [...(await opened(...stolen)).keys()].sort();
}

/** The names of secrets that lie in plain in what was stolen, or half of one does. */
export function inPlain(stolen: Stolen, secrets: readonly Pattern[]): string[] {
  return [...new Set(findPatterns(Buffer.concat(stolen.values), secrets))];
}

async function opening(
  item: Wrapped,
  keys: readonly Buffer[],
  values: readonly Buffer[],
): Promise<Buffer | undefined> {
  const seconds = item.by === 'halves' ? keys : [NOTHING];
  for (const first of item.by === 'value' ? [...keys, ...values] : keys)
    for (const second of seconds) {
      const plain = await item.open(first, second);
      if (plain !== undefined) return plain;
    }
  return undefined;
}
