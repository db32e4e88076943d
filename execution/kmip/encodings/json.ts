/**
 * KMIP in JSON (KMIP Profiles 1.4 §5.5): an object `{"tag", "type", "value"}` for each item; a structure's value is the
 * array of its items.
 *
 * Text cannot be wiped: key material that passes through here stays in memory until it is collected.
 */
import { Tag } from '../names/tags.ts';
import { ItemType, type Ttlv } from '../ttlv/item.ts';
import { limitsFrom, type TtlvLimits } from '../ttlv/limits.ts';
import { EncodingError, type EncodingErrorCode } from './error.ts';
import { canonicalTagName, enumerationFor, hexTag, maskFor, tagOfName } from './names.ts';
import { checkSize, textOf } from './text.ts';
import {
  bigIntegerToHex,
  bytesToText,
  dateTimeToText,
  enumerationToText,
  integerToNumber,
  itemFromText,
  longIntegerToHex,
  maskToText,
  typeFromText,
  typeNames,
  unsigned32,
  ValueFault,
} from './values.ts';

/**
 * One item from a document.
 *
 * @param source a string, or UTF-8.
 * @throws EncodingError, and nothing else, for every input.
 */
export function decodeJson(source: string | Uint8Array, limits?: Partial<TtlvLimits>): Ttlv {
  const bounds = limitsFrom(limits);
  const text = textOf(source, bounds);
  const { colons } = measure(text, bounds);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The message of the parser quotes the text, which may be key material: only the place is taken from it.
    const place = error instanceof Error ? /at position ([0-9]+)/.exec(error.message)?.[1] : undefined;
    throw new EncodingError('ENCODING_SYNTAX', 'this is not JSON', {
      offset: place === undefined ? undefined : Number(place),
    });
  }
  const reader = new Reader(bounds);
  const item = reader.item(value, undefined);
  // An object that has a name twice keeps one of them; which one was meant nobody can tell.
  if (reader.properties !== colons) {
    throw new EncodingError('ENCODING_SYNTAX', 'an object has the same property twice');
  }
  return item;
}

/**
 * Nesting and number of objects, before anything is built from them: every item is an object, inside the array of its
 * structure. Text inside of strings is passed over.
 */
function measure(text: string, limits: TtlvLimits): { colons: number } {
  let depth = 0;
  let objects = 0;
  let colons = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case OPEN_OBJECT:
        if (++objects > limits.maxItems) {
          throw new EncodingError('ENCODING_TOO_MANY', `more than ${limits.maxItems} items`, { offset: at });
        }
        depth++;
        break;
      case OPEN_ARRAY:
        depth++;
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        depth--;
        break;
      case COLON:
        colons++;
        break;
    }
    if (depth > 2 * limits.maxDepth + 1) {
      throw new EncodingError('ENCODING_TOO_DEEP', `structures nest deeper than ${limits.maxDepth}`, {
        offset: at,
      });
    }
  }
  // An object of very many is what takes the parser's time.
  if (colons > MAX_PROPERTIES * objects) {
    throw new EncodingError('ENCODING_SYNTAX', 'a property that KMIP does not know');
  }
  return { colons };
}

/** Of one item: tag, type, value and name. */
const MAX_PROPERTIES = 4;

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) return at;
    if (unit === BACKSLASH) at++;
  }
  return text.length;
}

class Reader {
  /** Properties of all objects that have been read. */
  properties = 0;
  readonly #limits: TtlvLimits;
  readonly #path: string[] = [];

  constructor(limits: TtlvLimits) {
    this.#limits = limits;
  }

  item(source: unknown, attributeName: string | undefined): Ttlv {
    if (typeof source !== 'object' || source === null || Array.isArray(source)) {
      this.#fail('ENCODING_SYNTAX', 'an item is an object with tag, type and value');
    }
    const { tag: tagText, type: typeText = 'Structure', value, ...others } = source as JsonItem;
    this.properties += Object.keys(source).length;
    this.#path.push(typeof tagText === 'string' && tagText.length <= 64 ? tagText : '?');
    const tag = typeof tagText === 'string' ? tagOfName(tagText) : undefined;
    if (tag === undefined) this.#fail('ENCODING_TAG', 'the tag is neither a known name nor a number');
    const type = typeof typeText === 'string' ? typeFromText(typeText) : undefined;
    if (type === undefined) this.#fail('ENCODING_TYPE', 'the type does not exist');
    // The name that its vendor gives to the tag is for people.
    if (Object.keys(others).some((name) => name !== 'name')) {
      this.#fail('ENCODING_SYNTAX', 'a property that KMIP does not know');
    }
    const item =
      type === ItemType.Structure ? this.#structure(tag, value) : this.#leaf(tag, type, value, attributeName);
    this.#path.pop();
    return item;
  }

  #structure(tag: number, value: unknown): Ttlv {
    if (this.#path.length > this.#limits.maxDepth) {
      this.#fail('ENCODING_TOO_DEEP', `structures nest deeper than ${this.#limits.maxDepth}`);
    }
    if (!Array.isArray(value)) this.#fail('ENCODING_VALUE', 'the value of a Structure is an array of items');
    const children: readonly unknown[] = value;
    const sibling = children.find((child) => (child as JsonItem | null)?.tag === 'AttributeName');
    const name = (sibling as JsonItem | undefined)?.value;
    const inner = typeof name === 'string' ? name : undefined;
    return { tag, type: ItemType.Structure, value: children.map((child) => this.item(child, inner)) };
  }

  #leaf(
    tag: number,
    type: Exclude<ItemType, typeof ItemType.Structure>,
    value: unknown,
    attributeName: string | undefined,
  ): Ttlv {
    const naming = { enumeration: enumerationFor(tag, attributeName), mask: maskFor(tag, attributeName) };
    try {
      return itemFromText(tag, type, textOfValue(type, value), naming, this.#limits);
    } catch (error) {
      if (!(error instanceof ValueFault)) throw error;
      return this.#fail(error.code, error.message);
    }
  }

  #fail(code: EncodingErrorCode, detail: string): never {
    throw new EncodingError(code, detail, { path: this.#path });
  }
}

type JsonItem = { readonly tag?: unknown; readonly type?: unknown; readonly value?: unknown };

/** Types whose values may be JSON numbers. */
const NUMERIC: ReadonlySet<ItemType> = new Set([
  ItemType.Integer,
  ItemType.LongInteger,
  ItemType.Enumeration,
  ItemType.Interval,
]);

/** A JSON value as the text that the profiles write for it in XML: one reading for both. */
function textOfValue(type: ItemType, value: unknown): string {
  if (typeof value === 'string') {
    // An escape may have made half a character.
    if (!value.isWellFormed()) throw new ValueFault('the text holds half a character', 'ENCODING_UTF8');
    return value;
  }
  if (typeof value === 'number' && NUMERIC.has(type)) {
    // Beyond that, JSON readers differ in what they make of a number.
    if (!Number.isSafeInteger(value)) throw new ValueFault('the number is not whole, or needs a string');
    return String(value);
  }
  if (typeof value === 'boolean' && type === ItemType.Boolean) return String(value);
  throw new ValueFault(value === undefined ? 'the value is missing' : 'the value has another type in JSON');
}

/**
 * One item as a document on one line.
 *
 * @throws EncodingError when a value does not fit its type, or the tree is beyond the limits.
 */
export function encodeJson(item: Ttlv, limits?: Partial<TtlvLimits>): string {
  const bounds = limitsFrom(limits);
  const text = JSON.stringify(new Writer(bounds).item(item, undefined));
  checkSize(Buffer.byteLength(text), bounds);
  return text;
}

type Written = { readonly tag: string; readonly type: string; readonly value: WrittenValue };
type WrittenValue = string | number | boolean | readonly Written[];

class Writer {
  readonly #limits: TtlvLimits;
  readonly #path: string[] = [];
  #items = 0;

  constructor(limits: TtlvLimits) {
    this.#limits = limits;
  }

  item(item: Ttlv, attributeName: string | undefined): Written {
    const tag = canonicalTagName(item.tag) ?? hexTag(item.tag);
    this.#path.push(tag);
    if (++this.#items > this.#limits.maxItems) {
      this.#fail('ENCODING_TOO_MANY', `more than ${this.#limits.maxItems} items`);
    }
    const family = item.tag >>> 16;
    if (!Number.isInteger(item.tag) || (family !== 0x42 && family !== 0x54)) {
      this.#fail('ENCODING_TAG', 'the tag starts with neither 42 nor 54');
    }
    const written = { tag, type: typeNames[item.type], value: this.#value(item, attributeName) };
    this.#path.pop();
    return written;
  }

  #value(item: Ttlv, attributeName: string | undefined): WrittenValue {
    if (item.type === ItemType.Structure) {
      if (this.#path.length > this.#limits.maxDepth) {
        this.#fail('ENCODING_TOO_DEEP', `structures nest deeper than ${this.#limits.maxDepth}`);
      }
      const sibling = item.value.find(({ tag }) => tag === Tag.AttributeName);
      const inner = sibling?.type === ItemType.TextString ? sibling.value : undefined;
      return item.value.map((child) => this.item(child, inner));
    }
    try {
      return leafValue(item, attributeName, this.#limits);
    } catch (error) {
      if (!(error instanceof ValueFault)) throw error;
      return this.#fail(error.code, error.message);
    }
  }

  #fail(code: EncodingErrorCode, detail: string): never {
    throw new EncodingError(code, detail, { path: this.#path });
  }
}

/** Beyond it a Long Integer is written in hexadecimal, since JSON readers keep numbers as doubles. */
const MAX_JSON_INTEGER = 2n ** 52n;

function leafValue(
  item: Exclude<Ttlv, { type: typeof ItemType.Structure }>,
  attributeName: string | undefined,
  limits: TtlvLimits,
): string | number | boolean {
  switch (item.type) {
    case ItemType.Integer: {
      const mask = maskFor(item.tag, attributeName);
      const value = integerToNumber(item.value);
      return (mask && maskToText(value, mask, '|')) ?? value;
    }
    case ItemType.LongInteger:
      return item.value >= -MAX_JSON_INTEGER && item.value <= MAX_JSON_INTEGER
        ? Number(item.value)
        : longIntegerToHex(item.value);
    case ItemType.BigInteger:
      return `0x${bigIntegerToHex(item.value, limits)}`;
    case ItemType.Enumeration:
      return enumerationToText(item.value, enumerationFor(item.tag, attributeName));
    case ItemType.Boolean:
      return item.value;
    case ItemType.TextString:
      if (!item.value.isWellFormed())
        throw new ValueFault('the text holds half a character', 'ENCODING_UTF8');
      return item.value;
    case ItemType.ByteString:
      return bytesToText(item.value);
    case ItemType.DateTime:
      return dateTimeToText(item.value);
    case ItemType.Interval:
      return unsigned32(item.value, 'Interval');
  }
}
