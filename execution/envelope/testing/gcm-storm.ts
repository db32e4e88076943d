/**
 * Calls the addon at argv[2] argv[3] times with whatever a careless or hostile caller could pass, for a build that watches
 * its own memory. What is valid must also come back. Prints how many rounds there were.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import { nativeGcm } from '../gcm-engine.ts';

const [, , path, count] = process.argv;
const engine = path === undefined ? undefined : nativeGcm(path);
if (engine === undefined) throw new Error('the addon does not load');
// The declared types end here: any value may arrive.
const seal = engine.seal as (...args: readonly unknown[]) => void;
const open = engine.open as (...args: readonly unknown[]) => unknown;

// What the engine calls once for itself, and a context that loads the addon again calls once more.
const { placesIn } = createRequire(import.meta.url)(path ?? '') as {
  readonly placesIn: (...args: readonly unknown[]) => void;
};
const sealAt = (...args: readonly unknown[]): void =>
  (engine.sealAt as (...args: readonly unknown[]) => void)(...args);
const sealEach = engine.sealEach as (...args: readonly unknown[]) => void;
const openAt = (...args: readonly unknown[]): unknown =>
  (engine.openAt as (...args: readonly unknown[]) => unknown)(...args);

const pick = <T>(choices: readonly T[]): T => choices[randomInt(choices.length)] as T;
const size = (): number => pick([0, 1, 11, 12, 15, 16, 17, 31, 32, 33, 255, 4096, randomInt(20_000)]);
const detached = (): Uint8Array => {
  const bytes = new Uint8Array(32);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
};
const strange = (): unknown =>
  pick([
    () => undefined,
    () => null,
    () => 7,
    () => 'text',
    () => ({ length: 32 }),
    () => new Float64Array(8),
    () => new Uint16Array(16),
    () => new DataView(new ArrayBuffer(32)),
    () => new ArrayBuffer(32),
    () => new Uint8Array(new SharedArrayBuffer(32)),
    () => new Uint8Array(new ArrayBuffer(8, { maxByteLength: 64 })),
    detached,
  ])();
/** A view that starts and ends somewhere inside a larger buffer. */
const view = (length: number): Uint8Array => {
  const offset = randomInt(9);
  return randomBytes(offset + length + randomInt(9)).subarray(offset, offset + length);
};
const argument = (valid: Uint8Array): unknown => {
  const dice = randomInt(40);
  if (dice === 0) return strange();
  return dice === 1 ? view(size()) : valid;
};

const number = (valid: number): unknown => {
  const dice = randomInt(40);
  if (dice === 0) return pick([undefined, null, 'text', {}, Number.NaN, Number.POSITIVE_INFINITY]);
  return dice === 1 ? pick([-1, 0.5, 2 ** 31, 2 ** 32 - 1, 2 ** 32, randomInt(30_000)]) : valid;
};

/** A call with arguments that may be refused. */
const strangely = (call: () => unknown): void => {
  try {
    call();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
};

/** Places that nobody writes: whatever they say, nothing outside of the buffers is touched. */
for (let i = 0; i < Number(count) / 10; i++) {
  const elsewhere = randomBytes(64).subarray(4 * randomInt(2));
  strangely(() => placesIn(...pick([[strange()], [view(randomInt(40))], [elsewhere], [elsewhere], []])));
  strangely(() => sealAt(view(32), view(size()), 0, 0, 0, 0, view(size()), 0, 0, 0, 0));
  strangely(() => openAt(view(32), view(size()), 0, 0, 0, 0, 0, 0, 0, view(size()), 0));
}
/** As the engine had it. */
Object.assign(engine, nativeGcm(path));

let done = 0;
for (; done < Number(count); done++) {
  const key = view(pick([16, 24, 32]));
  const iv = view(pick([1, 12, 12, 12, 16, 128]));
  const aad = view(pick([0, 0, size()]));
  const text = view(size());
  const tagBytes = 12 + randomInt(5);
  const out = Buffer.alloc(text.length + tagBytes);
  const plain = Buffer.alloc(text.length, 1);
  strangely(() => seal(...[key, iv, aad, text, out].map(argument).slice(0, pick([5, 5, 5, 5, 4, 0]))));
  engine.seal(key, iv, aad, text, out);
  const [sealed, tag] = [out.subarray(0, text.length), out.subarray(text.length)];
  if (!engine.open(key, iv, aad, sealed, tag, plain) || !plain.equals(text)) {
    throw new Error('a message did not come back');
  }
  const opened = [key, iv, aad, sealed, tag, plain];
  strangely(() => open(...opened.map(argument).slice(0, pick([6, 6, 6, 6, 5, 1]))));

  const source = Buffer.concat([text, aad]);
  const places = [0, text.length, text.length, aad.length];
  const [ivAt, tagAt] = [text.length, text.length + iv.length];
  const whole = Buffer.alloc(tagAt + 16);
  const ends = [0, ivAt, iv.length, tagAt];
  const given = [
    argument(key),
    argument(source),
    ...places.map(number),
    argument(whole),
    ...ends.map(number),
  ];
  strangely(() => sealAt(...given.slice(0, pick([11, 11, 11, 11, 10, 0]))));
  whole.set(iv, ivAt);
  sealAt(key, source, ...places, whole, ...ends);
  const expected = Buffer.from(whole);
  whole.fill(0);
  whole.set(iv, ivAt);
  const plan = Uint32Array.from([...places, ...ends]);
  strangely(() => sealEach(argument(key), argument(source), argument(whole), plan, number(1)));
  const spoiled = plan.map((place) => (randomInt(20) === 0 ? randomInt(2 ** 32 - 1) : place));
  strangely(() => sealEach(key, source, Buffer.from(whole), spoiled, 1));
  whole.set(iv, ivAt);
  sealEach(key, source, whole, plan, 1);
  if (!whole.equals(expected)) throw new Error('sealEach differs from sealAt');
  const message = Buffer.concat([whole, aad]);
  const found = [0, text.length, whole.length, aad.length, ivAt, iv.length, tagAt];
  if (openAt(key, message, ...found, plain, 0) !== true || !plain.equals(text)) {
    throw new Error('a message inside a buffer did not come back');
  }
  strangely(() => openAt(argument(key), argument(message), ...found.map(number), argument(plain), number(0)));
  if (randomInt(4) === 0) await new Promise((turn) => setImmediate(turn));
}
console.log(done);
