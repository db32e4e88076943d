/** What a storm sends, drawn from the corpus and from chance. */
import { encodeTtlv, ItemType, structureItem, Tag, type Ttlv } from '../../execution/kmip/index.ts';
import { childrenOf, itemAt } from '../conformance/items.ts';
import type { Corpus, Memory } from './corpus.ts';
import { flipped, mutated, withGiantCount } from './mutate.ts';
import type { Random } from './random.ts';

export const kinds = [
  'valid',
  'batch',
  'mutated',
  'giant count',
  'flipped bits',
  'truncated',
  'random bytes',
  'giant length',
] as const;
export type Kind = (typeof kinds)[number];

const shares: readonly (readonly [Kind, number])[] = [
  ['valid', 40],
  ['batch', 8],
  ['mutated', 30],
  ['giant count', 8],
  ['flipped bits', 10],
  ['truncated', 2],
  ['random bytes', 1],
  ['giant length', 1],
];

const MAX_BATCH = 12;
const MAX_RANDOM_BYTES = 8_192;
const MINOR_VERSIONS = 5;
const LENGTH_OFFSET = 4;
/** A spoiled request may be deeper and longer than what a server takes. */
const UNBOUNDED = { maxDepth: 256, maxItems: 1_000_000 };

export interface StormRequest {
  readonly kind: Kind;
  readonly bytes: Uint8Array;
  /** The tree, where the bytes are one. */
  readonly message: Ttlv | undefined;
  /** Nothing follows: the server cannot answer, only close. */
  readonly ends: boolean;
}

export class RequestMaker {
  readonly #corpus: Corpus;
  readonly #random: Random;
  readonly #memory: Memory;

  constructor(corpus: Corpus, random: Random, memory: Memory) {
    this.#corpus = corpus;
    this.#random = random;
    this.#memory = memory;
  }

  next(): StormRequest {
    const random = this.#random;
    const kind = random.weighted(shares);
    switch (kind) {
      case 'valid':
        return tree(kind, this.#valid());
      case 'batch':
        return tree(kind, this.#batch());
      case 'mutated':
        return tree(kind, mutated(this.#valid(), this.#valid(), random));
      case 'giant count':
        return tree(kind, withGiantCount(this.#valid(), random));
      case 'flipped bits':
        return { kind, bytes: flipped(this.#frame(), random), message: undefined, ends: false };
      case 'truncated': {
        const frame = this.#frame();
        return broken(kind, frame.subarray(0, random.int(frame.length)));
      }
      case 'random bytes':
        return broken(kind, random.bytes(1 + random.int(MAX_RANDOM_BYTES)));
      case 'giant length': {
        const frame = Buffer.from(this.#frame());
        frame.writeUInt32BE(random.pick([0xff_ff_ff_f8, 0x7f_ff_ff_f8, 2 ** 24]), LENGTH_OFFSET);
        return broken(kind, frame);
      }
    }
  }

  #frame(): Uint8Array {
    return encodeTtlv(this.#valid());
  }

  /** As the corpus has it, often in another version and with a name of its own. */
  #valid(): Ttlv {
    const random = this.#random;
    let message = this.#corpus.request(random, this.#memory);
    if (random.chance(0.3)) message = inVersion(message, random.int(MINOR_VERSIONS));
    return random.chance(0.8) ? withFreshNames(message, random) : message;
  }

  #batch(): Ttlv {
    const random = this.#random;
    const count = 2 + random.int(MAX_BATCH - 1);
    const items = Array.from({ length: count }, () => childrenOf(this.#valid(), Tag.BatchItem))
      .flat()
      .map((item, index) => withBatchItemId(item, index));
    const version = itemAt(this.#valid(), Tag.RequestHeader, Tag.ProtocolVersion);
    const options: Ttlv[] = random.chance(0.7)
      ? [{ tag: Tag.BatchErrorContinuationOption, type: ItemType.Enumeration, value: 1 + random.int(3) }]
      : [];
    const header = structureItem(Tag.RequestHeader, [
      ...(version === undefined ? [] : [version]),
      ...options,
      { tag: Tag.BatchCount, type: ItemType.Integer, value: items.length },
    ]);
    return structureItem(Tag.RequestMessage, [header, ...items]);
  }
}

function tree(kind: Kind, message: Ttlv): StormRequest {
  return { kind, bytes: encodeTtlv(message, UNBOUNDED), message, ends: false };
}

function broken(kind: Kind, bytes: Uint8Array): StormRequest {
  return { kind, bytes, message: undefined, ends: true };
}

function mapped(item: Ttlv, change: (leaf: Ttlv) => Ttlv): Ttlv {
  return item.type === ItemType.Structure
    ? structureItem(
        item.tag,
        item.value.map((child) => mapped(child, change)),
      )
    : change(item);
}

function inVersion(message: Ttlv, minor: number): Ttlv {
  return mapped(message, (leaf) =>
    leaf.tag === Tag.ProtocolVersionMinor ? { tag: leaf.tag, type: ItemType.Integer, value: minor } : leaf,
  );
}

/** A name can be taken once: most requests get one that nobody has. */
function withFreshNames(message: Ttlv, random: Random): Ttlv {
  const suffix = random.uint32().toString(36);
  return mapped(message, (leaf) =>
    leaf.tag === Tag.NameValue && leaf.type === ItemType.TextString
      ? { tag: leaf.tag, type: leaf.type, value: `${leaf.value}-${suffix}` }
      : leaf,
  );
}

function withBatchItemId(item: Ttlv, index: number): Ttlv {
  const id: Ttlv = { tag: Tag.UniqueBatchItemID, type: ItemType.ByteString, value: Uint8Array.of(index + 1) };
  const [operation, ...rest] = childrenOf(item).filter(({ tag }) => tag !== Tag.UniqueBatchItemID);
  return structureItem(Tag.BatchItem, operation === undefined ? [id] : [operation, id, ...rest]);
}
