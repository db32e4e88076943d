/** Requests to begin with: those of our own conformance cases, which use every operation. */
import { join } from 'node:path';
import { Operation, Tag, type Ttlv, ttlvOfXml, type XmlElement } from '../../execution/kmip/index.ts';
import { readCases } from '../conformance/case-file.ts';
import { childrenOf, numberAt } from '../conformance/items.ts';
import { momentOffset, withValues } from '../conformance/variables.ts';
import type { Random } from './random.ts';

const CASES = join(import.meta.dirname, '..', 'conformance', 'cases');
const MS_PER_S = 1_000;
const MADE_UP = 0.05;

/** What takes the server so long that a storm of it alone would be no storm. */
const slow: ReadonlySet<number> = new Set([
  Operation.CreateKeyPair,
  Operation.ReKeyKeyPair,
  Operation.Certify,
]);
const SLOW_SHARE = 0.01;
/** What a gateway answers by itself is asked as often as all the rest together: so many more requests fit into an hour. */
const quick: ReadonlySet<number> = new Set([
  Operation.Create,
  Operation.Get,
  Operation.Encrypt,
  Operation.Decrypt,
  Operation.Query,
  Operation.DiscoverVersions,
]);
const QUICK_SHARE = 0.5;

/** Values that a request may need and earlier answers have given. */
export interface Memory {
  /** An object that is alive, if there is one. */
  uid(): string | undefined;
  correlationValue(): Uint8Array | undefined;
}

export class Corpus {
  readonly #quick: readonly XmlElement[];
  readonly #slow: readonly XmlElement[];
  readonly #other: readonly XmlElement[];

  private constructor(requests: readonly XmlElement[]) {
    const hold = (request: XmlElement, share: ReadonlySet<number>) =>
      operationsOf(request).some((operation) => share.has(operation));
    this.#slow = requests.filter((request) => hold(request, slow));
    this.#quick = requests.filter((request) =>
      operationsOf(request).every((operation) => quick.has(operation)),
    );
    this.#other = requests.filter(
      (request) => !this.#slow.includes(request) && !this.#quick.includes(request),
    );
  }

  static async read(): Promise<Corpus> {
    const cases = await readCases([CASES]);
    return new Corpus(cases.flatMap(({ exchanges }) => exchanges.map(({ request }) => request)));
  }

  /** A request message with its variables filled in. */
  request(random: Random, memory: Memory): Ttlv {
    const from = random.chance(SLOW_SHARE)
      ? this.#slow
      : random.chance(QUICK_SHARE)
        ? this.#quick
        : this.#other;
    const element = random.pick(from);
    return ttlvOfXml(withValues(element, (variable, type) => valueFor(variable, type, random, memory)));
  }
}

function operationsOf(element: XmlElement): number[] {
  const request = ttlvOfXml(withValues(element, (_, type) => (type === 'DateTime' ? isoDate(0) : '')));
  return childrenOf(request, Tag.BatchItem).map((item) => numberAt(item, Tag.Operation) ?? 0);
}

function valueFor(variable: string, type: string, random: Random, memory: Memory): string {
  const offset = momentOffset(variable);
  if (offset !== undefined) return isoDate(Math.floor(Date.now() / MS_PER_S) + offset);
  if (type === 'TextString') {
    const uid = random.chance(MADE_UP) ? undefined : memory.uid();
    return uid ?? `made-up-${random.uint32()}`;
  }
  if (type === 'ByteString') {
    const known = variable.includes('CORRELATION') ? memory.correlationValue() : undefined;
    return Buffer.from(known ?? random.bytes(random.pick([8, 12, 16, 32, 256]))).toString('hex');
  }
  return String(random.int(1_000));
}

function isoDate(seconds: number): string {
  return new Date(seconds * MS_PER_S).toISOString().replace('.000Z', '+00:00');
}
