/**
 * KMIP in XML (KMIP Profiles 1.4 §5.4): an element for each item, named by its tag, with its type and value as
 * attributes. An item whose tag has no name is a `TTLV` element with the tag as a number.
 *
 * Text cannot be wiped: key material that passes through here stays in memory until it is collected.
 */
import { Tag } from '../names/tags.ts';
import { ItemType, type Ttlv } from '../ttlv/item.ts';
import { limitsFrom, type TtlvLimits } from '../ttlv/limits.ts';
import { EncodingError, type EncodingErrorCode } from './error.ts';
import { canonicalTagName, enumerationFor, hexTag, maskFor, tagOfName } from './names.ts';
import { checkSize } from './text.ts';
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
import { escapeXml, parseXml, type XmlElement } from './xml-parser.ts';

/**
 * One item from a document.
 *
 * @param source a string, or UTF-8.
 * @throws EncodingError, and nothing else, for every input.
 */
export function decodeXml(source: string | Uint8Array, limits?: Partial<TtlvLimits>): Ttlv {
  return ttlvOfXml(parseXml(source, limits), limits);
}

/**
 * One item from an element that `parseXml` has read, or that a caller has made from one.
 *
 * @throws EncodingError
 */
export function ttlvOfXml(element: XmlElement, limits?: Partial<TtlvLimits>): Ttlv {
  return new Reader(limitsFrom(limits)).item(element, undefined);
}

class Reader {
  readonly #limits: TtlvLimits;
  readonly #path: string[] = [];
  #items = 0;

  constructor(limits: TtlvLimits) {
    this.#limits = limits;
  }

  item(element: XmlElement, attributeName: string | undefined): Ttlv {
    this.#path.push(element.name);
    if (++this.#items > this.#limits.maxItems) {
      this.#fail('ENCODING_TOO_MANY', `more than ${this.#limits.maxItems} items`, element);
    }
    const { tag, type, value } = this.#read(element);
    const item =
      type === ItemType.Structure
        ? this.#structure(tag, value, element)
        : this.#leaf(tag, type, value, element, attributeName);
    this.#path.pop();
    return item;
  }

  #read(element: XmlElement): { tag: number; type: ItemType; value: string | undefined } {
    let type: ItemType | undefined = ItemType.Structure;
    let tagText = element.name === 'TTLV' ? undefined : element.name;
    let value: string | undefined;
    for (const [name, text] of element.attributes) {
      if (name === 'type') type = typeFromText(text);
      else if (name === 'value') value = text;
      else if (name === 'tag' && element.name === 'TTLV') tagText = text;
      // The name that its vendor gives to the tag is for people.
      else if (name !== 'name' && name !== 'xmlns' && !name.startsWith('xmlns:')) {
        this.#fail('ENCODING_SYNTAX', 'an attribute that KMIP does not know', element);
      }
    }
    const tag = tagText === undefined ? undefined : tagOfName(tagText);
    if (tag === undefined)
      this.#fail('ENCODING_TAG', 'the tag is neither a known name nor a number', element);
    if (type === undefined) this.#fail('ENCODING_TYPE', 'the type does not exist', element);
    return { tag, type, value };
  }

  #structure(tag: number, value: string | undefined, element: XmlElement): Ttlv {
    if (value !== undefined && value !== '') this.#fail('ENCODING_VALUE', 'a Structure has a value', element);
    if (this.#path.length > this.#limits.maxDepth) {
      this.#fail('ENCODING_TOO_DEEP', `structures nest deeper than ${this.#limits.maxDepth}`, element);
    }
    const name = element.children.find((child) => child.name === 'AttributeName')?.attributes.get('value');
    return { tag, type: ItemType.Structure, value: element.children.map((child) => this.item(child, name)) };
  }

  #leaf(
    tag: number,
    type: Exclude<ItemType, typeof ItemType.Structure>,
    value: string | undefined,
    element: XmlElement,
    attributeName: string | undefined,
  ): Ttlv {
    if (element.children.length > 0) {
      this.#fail('ENCODING_VALUE', `${typeNames[type]} has items inside`, element);
    }
    // An empty string has no octets: some write no value then.
    const isString = type === ItemType.TextString || type === ItemType.ByteString;
    if (value === undefined && !isString) this.#fail('ENCODING_VALUE', 'the value is missing', element);
    try {
      const naming = { enumeration: enumerationFor(tag, attributeName), mask: maskFor(tag, attributeName) };
      return itemFromText(tag, type, value ?? '', naming, this.#limits);
    } catch (error) {
      if (!(error instanceof ValueFault)) throw error;
      return this.#fail(error.code, error.message, element);
    }
  }

  #fail(code: EncodingErrorCode, detail: string, element: XmlElement): never {
    throw new EncodingError(code, detail, { offset: element.offset, path: this.#path });
  }
}

/**
 * One item as a document without a declaration, on one line.
 *
 * @throws EncodingError when a value does not fit its type, or a text holds what XML cannot carry (most control
 * characters), or the tree is beyond the limits.
 */
export function encodeXml(item: Ttlv, limits?: Partial<TtlvLimits>): string {
  const bounds = limitsFrom(limits);
  const writer = new Writer(bounds);
  writer.item(item, undefined);
  const text = writer.parts.join('');
  checkSize(Buffer.byteLength(text), bounds);
  return text;
}

class Writer {
  readonly parts: string[] = [];
  readonly #limits: TtlvLimits;
  readonly #path: string[] = [];
  #items = 0;

  constructor(limits: TtlvLimits) {
    this.#limits = limits;
  }

  item(item: Ttlv, attributeName: string | undefined): void {
    const name = canonicalTagName(item.tag);
    this.#path.push(name ?? hexTag(item.tag));
    if (++this.#items > this.#limits.maxItems) {
      this.#fail('ENCODING_TOO_MANY', `more than ${this.#limits.maxItems} items`);
    }
    const family = item.tag >>> 16;
    if (!Number.isInteger(item.tag) || (family !== 0x42 && family !== 0x54)) {
      this.#fail('ENCODING_TAG', 'the tag starts with neither 42 nor 54');
    }
    const element = name ?? 'TTLV';
    const start = name === undefined ? `<TTLV tag="${hexTag(item.tag)}"` : `<${name}`;
    if (item.type === ItemType.Structure) {
      if (this.#path.length > this.#limits.maxDepth) {
        this.#fail('ENCODING_TOO_DEEP', `structures nest deeper than ${this.#limits.maxDepth}`);
      }
      const sibling = item.value.find(({ tag }) => tag === Tag.AttributeName);
      const inner = sibling?.type === ItemType.TextString ? sibling.value : undefined;
      this.parts.push(`${start}>`);
      for (const child of item.value) this.item(child, inner);
      this.parts.push(`</${element}>`);
    } else {
      this.parts.push(
        `${start} type="${typeNames[item.type]}" value="${this.#value(item, attributeName)}"/>`,
      );
    }
    this.#path.pop();
  }

  #value(
    item: Exclude<Ttlv, { type: typeof ItemType.Structure }>,
    attributeName: string | undefined,
  ): string {
    try {
      return valueText(item, attributeName, this.#limits);
    } catch (error) {
      if (error instanceof EncodingError || error instanceof ValueFault) {
        return this.#fail(error.code, error.message);
      }
      throw error;
    }
  }

  #fail(code: EncodingErrorCode, detail: string): never {
    throw new EncodingError(code, detail, { path: this.#path });
  }
}

function valueText(
  item: Exclude<Ttlv, { type: typeof ItemType.Structure }>,
  attributeName: string | undefined,
  limits: TtlvLimits,
): string {
  switch (item.type) {
    case ItemType.Integer: {
      const mask = maskFor(item.tag, attributeName);
      const value = integerToNumber(item.value);
      return (mask && maskToText(value, mask, ' ')) ?? String(value);
    }
    case ItemType.LongInteger:
      longIntegerToHex(item.value); // within 64 bits
      return String(item.value);
    case ItemType.BigInteger:
      return bigIntegerToHex(item.value, limits);
    case ItemType.Enumeration:
      return enumerationToText(item.value, enumerationFor(item.tag, attributeName));
    case ItemType.Boolean:
      return String(item.value);
    case ItemType.TextString:
      return escapeXml(item.value);
    case ItemType.ByteString:
      return bytesToText(item.value);
    case ItemType.DateTime:
      return dateTimeToText(item.value);
    case ItemType.Interval:
      return String(unsigned32(item.value, 'Interval'));
  }
}
