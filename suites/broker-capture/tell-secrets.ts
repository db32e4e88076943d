/**
 * Loaded before a core or gateway (`--import tell-secrets.ts?to=DIRECTORY`): every secret as long as a key that the process makes
 * or opens is written there, with the names of the functions that were at work. For tests that search for them elsewhere.
 */
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SecretBytes } from '../../execution/envelope/index.ts';

const KEY_BYTES = 32;
const FRAMES = 16;
const directory = new URL(import.meta.url).searchParams.get('to') ?? '';
const file = openSync(join(directory, `${process.pid}.secrets`), 'a', 0o600);
const told = new Set<string>();

const { fill } = SecretBytes;
SecretBytes.fill = (sizeBytes, write) => {
  const secret = fill.call(SecretBytes, sizeBytes, write);
  if (sizeBytes === KEY_BYTES) secret.use((bytes) => tell(Buffer.from(bytes).toString('hex')));
  return secret;
};

function tell(hex: string): void {
  if (told.has(hex)) return;
  told.add(hex);
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  const stack = new Error('here').stack ?? '';
  Error.stackTraceLimit = limit;
  const made = [...stack.matchAll(/at (?:async )?([\w.#$]+) \(/g)].map(([, by]) => by);
  writeSync(file, `${hex} ${made.join('<')}\n`);
}
