/**
 * The small part of XML 1.0 that KMIP uses, and nothing else: elements, attributes, comments, one declaration. There is
 * no document type, hence no entity but the five of XML and character references; no processing instruction, no CDATA,
 * no text between elements. One pass, no recursion, time and memory in proportion to the text.
 */
import { limitsFrom, type TtlvLimits } from '../ttlv/limits.ts';
import { EncodingError } from './error.ts';
import { textOf } from './text.ts';

export type XmlElement = {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** Of its `<`, in UTF-16 units from the start of the text. */
  readonly offset: number;
};

type Open = XmlElement & { readonly children: XmlElement[] };

/** KMIP needs four. */
const MAX_ATTRIBUTES = 16;
/** Root elements that collect messages, and the item that is no structure, nest beyond the structures. */
const MORE_DEPTH = 2;

/** No longer than names here are: they are told in errors. */
const NAME = /[A-Za-z_][A-Za-z0-9_.:-]{0,127}/y;
const SPACE = /[ \t\r\n]*/y;
const DECLARATION = /<\?xml[ \t\r\n][^?<>]*\?>/y;
/** What XML 1.0 allows in a document, beside the surrogates that have been looked at already. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

class Parser {
  readonly #text: string;
  readonly #limits: TtlvLimits;
  readonly #stack: Open[] = [];
  #at = 0;
  #elements = 0;
  #root: XmlElement | undefined;

  constructor(text: string, limits: TtlvLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  document(): XmlElement {
    const forbidden = this.#text.search(FORBIDDEN);
    if (forbidden !== -1) {
      throw new EncodingError('ENCODING_UTF8', 'XML does not allow this character', { offset: forbidden });
    }
    if (this.#text.startsWith('<?xml')) this.#declaration();
    for (;;) {
      this.#space();
      if (this.#at === this.#text.length) break;
      this.#markup();
    }
    if (this.#root === undefined || this.#stack.length > 0) this.#fail('the document ends too early');
    return this.#root;
  }

  #fail(detail: string, offset = this.#at): never {
    throw new EncodingError('ENCODING_SYNTAX', detail, {
      offset,
      path: this.#stack.map(({ name }) => name),
    });
  }

  #markup(): void {
    const text = this.#text;
    if (text.startsWith('<!--', this.#at)) this.#comment();
    else if (text.startsWith('</', this.#at)) this.#close();
    else if (text.startsWith('<!', this.#at)) this.#fail('neither document types nor CDATA are read');
    else if (text.startsWith('<?', this.#at)) this.#fail('processing instructions are not read');
    else if (text.startsWith('<', this.#at)) this.#open();
    else this.#fail('text between elements');
  }

  /** The version is 1.0 and the encoding UTF-8, whatever is declared: other bytes have been refused. */
  #declaration(): void {
    const declaration = this.#match(DECLARATION);
    if (declaration === undefined) this.#fail('the XML declaration is malformed');
    if (
      /encoding/.test(declaration) &&
      !/encoding[ \t\r\n]*=[ \t\r\n]*["'](?:utf-8|us-ascii)["']/i.test(declaration)
    ) {
      this.#fail('the encoding is not UTF-8', 0);
    }
  }

  #comment(): void {
    const end = this.#text.indexOf('--', this.#at + 4);
    if (end === -1 || this.#text[end + 2] !== '>') this.#fail('the comment is malformed');
    this.#at = end + 3;
  }

  #open(): void {
    const offset = this.#at;
    if (this.#root !== undefined && this.#stack.length === 0) this.#fail('a second outermost element');
    if (++this.#elements > this.#limits.maxItems) {
      throw new EncodingError('ENCODING_TOO_MANY', `more than ${this.#limits.maxItems} items`, { offset });
    }
    if (this.#stack.length >= this.#limits.maxDepth + MORE_DEPTH) {
      throw new EncodingError('ENCODING_TOO_DEEP', `elements nest deeper than ${this.#limits.maxDepth}`, {
        offset,
      });
    }
    this.#at += 1;
    const name = this.#name();
    const element: Open = { name, attributes: this.#attributes(), children: [], offset };
    const parent = this.#stack.at(-1);
    if (parent === undefined) this.#root = element;
    else parent.children.push(element);
    if (this.#take('/>')) return;
    if (!this.#take('>')) this.#fail('the element is not closed');
    this.#stack.push(element);
  }

  #close(): void {
    const offset = this.#at;
    this.#at += 2;
    const name = this.#name();
    this.#space();
    if (!this.#take('>')) this.#fail('the end tag is not closed');
    if (this.#stack.at(-1)?.name !== name) this.#fail('the end tag closes another element', offset);
    this.#stack.pop();
  }

  #attributes(): ReadonlyMap<string, string> {
    const attributes = new Map<string, string>();
    for (;;) {
      const before = this.#at;
      this.#space();
      if (this.#at === before || !/[A-Za-z_]/.test(this.#text.charAt(this.#at))) return attributes;
      const offset = this.#at;
      const name = this.#name();
      this.#space();
      if (!this.#take('=')) this.#fail('an attribute has no value');
      this.#space();
      if (attributes.has(name)) this.#fail('an attribute occurs again', offset);
      if (attributes.size >= MAX_ATTRIBUTES) this.#fail(`more than ${MAX_ATTRIBUTES} attributes`, offset);
      attributes.set(name, this.#quoted());
    }
  }

  #quoted(): string {
    const quote = this.#text.charAt(this.#at);
    if (quote !== '"' && quote !== "'") this.#fail('an attribute value is not in quotes');
    const end = this.#text.indexOf(quote, this.#at + 1);
    if (end === -1) this.#fail('an attribute value is not closed');
    const start = this.#at + 1;
    const raw = this.#text.slice(start, end);
    if (raw.includes('<')) this.#fail('< inside an attribute value', start);
    this.#at = end + 1;
    // XML 1.0 §2.11, §3.3.3: line ends are one, and white space that is written as such becomes a space.
    const plain = /[\t\r\n]/.test(raw) ? raw.replace(/\r\n?|[\t\n]/g, ' ') : raw;
    return plain.includes('&') ? this.#resolved(plain, start) : plain;
  }

  #resolved(value: string, start: number): string {
    const parts: string[] = [];
    let from = 0;
    for (let at = value.indexOf('&'); at !== -1; at = value.indexOf('&', from)) {
      const end = value.indexOf(';', at);
      const name = end === -1 || end - at > MAX_REFERENCE_LENGTH ? '' : value.slice(at + 1, end);
      const character = ENTITIES[name] ?? characterOf(name);
      if (character === undefined) this.#fail('an entity that XML itself does not have', start);
      parts.push(value.slice(from, at), character);
      from = end + 1;
    }
    parts.push(value.slice(from));
    return parts.join('');
  }

  #name(): string {
    const name = this.#match(NAME);
    if (name === undefined) this.#fail('a name belongs here');
    return name;
  }

  #space(): void {
    this.#match(SPACE);
  }

  #take(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    if (match !== undefined) this.#at += match.length;
    return match;
  }
}

/** `&#x10FFFF;`, with room for leading zeros. */
const MAX_REFERENCE_LENGTH = 12;

const ENTITIES: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
});

/** A character reference, decimal or hexadecimal, to a character that XML allows. */
function characterOf(reference: string): string | undefined {
  const match = /^#(?:([0-9]{1,7})|x([0-9a-fA-F]{1,6}))$/.exec(reference);
  if (match === null) return undefined;
  const code = match[1] === undefined ? Number.parseInt(match[2] ?? '', 16) : Number(match[1]);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  const character = String.fromCodePoint(code);
  return FORBIDDEN.test(character) ? undefined : character;
}

/**
 * The tree of a document. What its elements mean is not looked at, so that a file with several messages, or with
 * placeholders for values, can be read too.
 *
 * @param limits `maxDepth` and `maxItems` count elements, `maxBytes` the text.
 * @throws EncodingError
 */
export function parseXml(source: string | Uint8Array, limits?: Partial<TtlvLimits>): XmlElement {
  const bounds = limitsFrom(limits);
  return new Parser(textOf(source, bounds), bounds).document();
}

/** Text as the value of an attribute, between double quotes. */
export function escapeXml(text: string): string {
  if (FORBIDDEN.test(text) || !text.isWellFormed()) {
    throw new EncodingError('ENCODING_UTF8', 'the text holds a character that XML cannot carry');
  }
  return text.replace(/[&<>"\t\r\n]/g, (character) => {
    switch (character) {
      case '&':
        return '&amp;';
      case '<':
        return '&lt;';
      case '>':
        return '&gt;';
      case '"':
        return '&quot;';
      default:
        return `&#x${character.charCodeAt(0).toString(16).toUpperCase()};`;
    }
  });
}
