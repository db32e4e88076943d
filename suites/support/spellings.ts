/** Values as they are stored, and everything that is spelled out in them. */

const KEY_BYTES = 32;
const MAX_DECODINGS = 4;
/** As short as half a key. */
const HEX = /[0-9a-f]{32,}/gi;
const BASE64 = /[A-Za-z0-9+/_-]{22,}/g;

/** The bytes as they are, and whatever is written in them in hexadecimal or base64, however often over. */
export function* decoded(bytes: Buffer, decodings = 0): Generator<Buffer> {
  yield bytes;
  if (decodings === MAX_DECODINGS) return;
  const text = bytes.toString('latin1');
  for (const [run] of text.matchAll(HEX)) {
    yield* decoded(evenHex(run), decodings + 1);
    yield evenHex(run.slice(1));
  }
  for (const [run] of text.matchAll(BASE64)) {
    yield* decoded(Buffer.from(run, 'base64'), decodings + 1);
    // A key that begins in the middle of other letters.
    for (const shift of [1, 2, 3]) yield Buffer.from(run.slice(shift), 'base64');
  }
}

function evenHex(run: string): Buffer {
  return Buffer.from(run.slice(0, run.length & ~1), 'hex');
}

/** Texts and byte strings, also those within JSON. */
export function* leavesOf(value: unknown): Generator<Buffer> {
  if (typeof value === 'string') yield Buffer.from(value);
  else if (Buffer.isBuffer(value)) yield value;
  else if (typeof value === 'object' && value !== null && !(value instanceof Date))
    for (const inner of Object.values(value)) yield* leavesOf(inner);
}

/** Values that are as long as a key, each once. */
export function keysAmong(values: readonly Buffer[]): Buffer[] {
  const found = values.filter(({ length }) => length === KEY_BYTES);
  return [...new Map(found.map((value) => [value.toString('latin1'), value])).values()];
}
