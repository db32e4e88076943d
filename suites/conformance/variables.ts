/**
 * What `$NAME` stands for in a case. In a response a name is bound by the first value that it meets, and equal to it
 * from then on; in a request it is replaced. A name that no response has bound means a value which an earlier response
 * had under the tag of that name: `$IV_COUNTER_NONCE` the last IV/Counter/Nonce, `$DATA_0` the first Data.
 * `$NOW`, `$NOW-3600` and `$NOW+60` are moments.
 */
import { ItemType, type Ttlv, tagName, type XmlElement } from '../../execution/kmip/index.ts';
import { bigIntegerBytes } from '../../execution/kmip/ttlv/item.ts';

export type Leaf = Exclude<Ttlv, { readonly type: typeof ItemType.Structure }>;

const NAME = /^\$[A-Z][A-Z0-9_]*$/;
const MOMENT = /^\$NOW(?:([+-])(\d{1,10}))?$/;
const MS_PER_S = 1_000;

export const isVariable = (text: string): boolean => NAME.test(text) || MOMENT.test(text);

/** Seconds from now that `$NOW…` means; undefined for every other text. */
export function momentOffset(text: string): number | undefined {
  const match = MOMENT.exec(text);
  if (match === null) return undefined;
  const [, sign = '+', seconds = '0'] = match;
  return sign === '-' ? -Number(seconds) : Number(seconds);
}

export class Variables {
  #bound = new Map<string, Leaf>();
  readonly #seen = new Map<string, Leaf[]>();

  /** The request with every variable replaced. @throws Error when nothing is known of one. */
  substitute(element: XmlElement, nowS: number): XmlElement {
    return withValues(element, (text) => this.#textFor(text, nowS));
  }

  valueOf(name: string): Leaf | undefined {
    return this.#bound.get(name);
  }

  bind(name: string, leaf: Leaf): void {
    this.#bound.set(name, leaf);
  }

  /** Remembers every value of a response by its tag. */
  observe(item: Ttlv): void {
    if (item.type === ItemType.Structure) {
      for (const child of item.value) this.observe(child);
      return;
    }
    const name = variableNameOf(tagName(item.tag));
    const seen = this.#seen.get(name) ?? [];
    this.#seen.set(name, seen);
    if (!seen.some((one) => sameLeaf(one, item))) seen.push(item);
  }

  /** What was bound in `attempt` stays bound only if it returns true. */
  tentatively(attempt: () => boolean): boolean {
    const before = new Map(this.#bound);
    if (attempt()) return true;
    this.#bound = before;
    return false;
  }

  #textFor(text: string, nowS: number): string {
    const offset = momentOffset(text);
    if (offset !== undefined) return isoDate(nowS + offset);
    const leaf = this.#bound.get(text) ?? this.#earlier(text);
    if (leaf === undefined) throw new Error(`nothing is known of ${text}`);
    return textOf(leaf);
  }

  #earlier(text: string): Leaf | undefined {
    const [, stem = '', index] = /^\$(.+?)(?:_(\d+))?$/.exec(text) ?? [];
    const seen = this.#seen.get(stem) ?? [];
    return index === undefined ? seen.at(-1) : seen[Number(index)];
  }
}

/** The element with every variable in it replaced by the text that `textFor` gives for it and its type. */
export function withValues(
  element: XmlElement,
  textFor: (variable: string, type: string) => string,
): XmlElement {
  const { attributes } = element;
  const text = attributes.get('value');
  return {
    ...element,
    attributes:
      text !== undefined && isVariable(text)
        ? new Map(attributes).set('value', textFor(text, attributes.get('type') ?? ''))
        : attributes,
    children: element.children.map((child) => withValues(child, textFor)),
  };
}

/** `IVCounterNonce` is called `IV_COUNTER_NONCE`. */
function variableNameOf(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toUpperCase();
}

function isoDate(seconds: number): string {
  return new Date(seconds * MS_PER_S).toISOString().replace('.000Z', '+00:00');
}

/** As the XML encoding writes the value. */
export function textOf(leaf: Leaf): string {
  switch (leaf.type) {
    case ItemType.ByteString:
      return Buffer.from(leaf.value).toString('hex');
    case ItemType.DateTime:
      return isoDate(leaf.value);
    case ItemType.BigInteger: {
      const bytes = bigIntegerBytes(leaf.value);
      return BigInt.asUintN(bytes * 8, leaf.value)
        .toString(16)
        .padStart(bytes * 2, '0');
    }
    case ItemType.Enumeration:
      return `0x${leaf.value.toString(16).padStart(8, '0')}`;
    default:
      return String(leaf.value);
  }
}

export function sameLeaf(a: Leaf, b: Leaf): boolean {
  if (a.type !== b.type) return false;
  if (a.type === ItemType.ByteString && b.type === ItemType.ByteString)
    return Buffer.compare(a.value, b.value) === 0;
  return a.value === b.value;
}
