/** Ways to spoil a request: in its tree, so that it is still TTLV, or in its bytes. */
import { ItemType, structureItem, Tag, type Ttlv } from '../../execution/kmip/index.ts';
import type { Random } from './random.ts';

const MAX_BYTES = 4_096;
const MAX_MUTATIONS = 4;
const DEEP = 30;
const MANY = 500;
/** A server reads 10,000. */
const MAX_ITEMS = 20_000;
/** Of values: more than a gateway reads, and half of what can be encoded. */
const MAX_VALUE_BYTES = 8 * 1024 * 1024;
const tags = Object.values(Tag);

const extremes: readonly number[] = [
  0,
  1,
  -1,
  7,
  255,
  256,
  65_535,
  65_536,
  2 ** 31 - 1,
  -(2 ** 31),
  1_000_000,
];
const unsignedExtremes: readonly number[] = [0, 1, 2 ** 31, 2 ** 32 - 1, 0x80000001, 99];
const longExtremes: readonly bigint[] = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 31n];
const dateExtremes: readonly number[] = [0, -1, 2 ** 31, 2 ** 40, -(2 ** 40), Number.MAX_SAFE_INTEGER];
const oddTexts: readonly string[] = [
  '',
  '\0',
  'l3:orders',
  '../../etc/passwd',
  "'; drop table objects; --",
  '%s%n',
  '\u202e\u0000x',
  '🗝️',
  'x-',
  'y-secret',
  'Unique Identifier',
];

/** The message with one to four mutations somewhere in it. */
export function mutated(message: Ttlv, other: Ttlv, random: Random): Ttlv {
  let spoiled = message;
  const times = 1 + random.int(MAX_MUTATIONS);
  for (let time = 0; time < times; time++) {
    const next = somewhere(spoiled, other, random);
    // Copies of copies: what no server reads need not be built either.
    if (!isSmall(next)) break;
    spoiled = next;
  }
  return spoiled;
}

/** Whether the tree keeps to MAX_ITEMS and MAX_VALUE_BYTES; looks no further than that. */
function isSmall(message: Ttlv): boolean {
  const left = [message];
  let valueBytes = 0;
  for (let seen = 0; left.length > 0; seen++) {
    const item = left.pop();
    if (item?.type === ItemType.Structure) left.push(...item.value);
    else if (item?.type === ItemType.ByteString) valueBytes += item.value.length;
    else if (item?.type === ItemType.TextString) valueBytes += Buffer.byteLength(item.value);
    if (seen > MAX_ITEMS || valueBytes > MAX_VALUE_BYTES) return false;
  }
  return true;
}

/** Goes down at random and changes what it finds there. */
function somewhere(item: Ttlv, other: Ttlv, random: Random): Ttlv {
  if (item.type !== ItemType.Structure)
    return random.chance(0.7) ? otherValue(item, random) : otherType(item, random);
  if (item.value.length === 0 || random.chance(0.15)) return otherStructure(item, other, random);
  const at = random.int(item.value.length);
  return structureItem(
    item.tag,
    item.value.map((child, index) => (index === at ? somewhere(child, other, random) : child)),
  );
}

type Structure = Extract<Ttlv, { type: typeof ItemType.Structure }>;

function otherStructure(item: Structure, other: Ttlv, random: Random): Ttlv {
  const children = [...item.value];
  const at = random.int(Math.max(1, children.length));
  const chosen = children[at];
  switch (random.int(8)) {
    case 0:
      children.splice(at, 1);
      break;
    case 1:
      if (chosen !== undefined) children.splice(at, 0, chosen);
      break;
    case 2:
      children.reverse();
      break;
    case 3:
      children.splice(at, 0, otherType({ tag: random.pick(tags), type: ItemType.Integer, value: 0 }, random));
      break;
    case 4:
      children.splice(at, 0, randomPart(other, random));
      break;
    case 5:
      children.splice(at, 0, nested(item.tag, DEEP));
      break;
    case 6:
      if (chosen !== undefined) children.push(...Array.from({ length: random.int(MANY) }, () => chosen));
      break;
    default:
      return structureItem(random.pick(tags), children);
  }
  return structureItem(item.tag, children);
}

function nested(tag: number, depth: number): Ttlv {
  let item = structureItem(tag, []);
  for (let level = 1; level < depth; level++) item = structureItem(tag, [item]);
  return item;
}

function randomPart(item: Ttlv, random: Random): Ttlv {
  if (item.type !== ItemType.Structure || item.value.length === 0 || random.chance(0.3)) return item;
  return randomPart(random.pick(item.value), random);
}

function otherValue(item: Exclude<Ttlv, Structure>, random: Random): Ttlv {
  const { tag } = item;
  switch (item.type) {
    case ItemType.Integer:
      return {
        tag,
        type: item.type,
        value: random.chance(0.5) ? random.pick(extremes) : random.uint32() | 0,
      };
    case ItemType.Enumeration:
    case ItemType.Interval:
      return {
        tag,
        type: item.type,
        value: random.chance(0.6) ? random.int(50) : random.pick(unsignedExtremes),
      };
    case ItemType.LongInteger:
      return { tag, type: item.type, value: random.pick(longExtremes) };
    case ItemType.BigInteger:
      return { tag, type: item.type, value: BigInt(`0x${random.bytes(1 + random.int(64)).toString('hex')}`) };
    case ItemType.Boolean:
      return { tag, type: item.type, value: !item.value };
    case ItemType.TextString:
      return {
        tag,
        type: item.type,
        value: random.chance(0.6) ? random.pick(oddTexts) : 'a'.repeat(random.int(MAX_BYTES)),
      };
    case ItemType.ByteString:
      return {
        tag,
        type: item.type,
        value: random.bytes(random.chance(0.7) ? random.int(48) : random.int(MAX_BYTES)),
      };
    case ItemType.DateTime:
      return { tag, type: item.type, value: random.pick(dateExtremes) };
  }
}

function otherType({ tag }: Ttlv, random: Random): Ttlv {
  const types: readonly Exclude<Ttlv, Structure>[] = [
    { tag, type: ItemType.Integer, value: 0 },
    { tag, type: ItemType.LongInteger, value: 0n },
    { tag, type: ItemType.BigInteger, value: 0n },
    { tag, type: ItemType.Enumeration, value: 0 },
    { tag, type: ItemType.Boolean, value: false },
    { tag, type: ItemType.TextString, value: '' },
    { tag, type: ItemType.ByteString, value: new Uint8Array() },
    { tag, type: ItemType.DateTime, value: 0 },
    { tag, type: ItemType.Interval, value: 0 },
  ];
  return random.chance(0.1) ? structureItem(tag, []) : otherValue(random.pick(types), random);
}

const COUNTS: readonly number[] = [
  Tag.BatchCount,
  Tag.MaximumItems,
  Tag.OffsetItems,
  Tag.MaximumResponseSize,
  Tag.CryptographicLength,
  Tag.IterationCount,
  Tag.DataLength,
  Tag.SplitKeyParts,
  Tag.SplitKeyThreshold,
  Tag.AttributeIndex,
  Tag.TagLength,
  Tag.IVLength,
  Tag.SaltLength,
];

/** The message with a number out of all bounds where it counts something. */
export function withGiantCount(message: Ttlv, random: Random): Ttlv {
  const counted = new Set(COUNTS);
  const change = (item: Ttlv): Ttlv => {
    if (item.type === ItemType.Structure) return structureItem(item.tag, item.value.map(change));
    const isCount = counted.has(item.tag) || item.tag === Tag.AttributeValue;
    return item.type === ItemType.Integer && isCount
      ? {
          tag: item.tag,
          type: item.type,
          value: random.pick([2 ** 31 - 1, -(2 ** 31), 2 ** 24, 100_000_000, -1]),
        }
      : item;
  };
  return change(message);
}

const FRAME_HEADER_BYTES = 8;

/** The frame with a few bits turned, but not those that say how long it is. */
export function flipped(frame: Uint8Array, random: Random): Buffer {
  const bytes = Buffer.from(frame);
  const times = 1 + random.int(8);
  for (let time = 0; time < times; time++) {
    const at = FRAME_HEADER_BYTES + random.int(Math.max(1, bytes.length - FRAME_HEADER_BYTES));
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(8));
  }
  return bytes;
}
