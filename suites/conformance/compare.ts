/**
 * An answer against the expected one, structure by structure. The first difference that no variation permits is the
 * result; of lists whose order means nothing, members are paired by what they are.
 */
import {
  attributeDefinition,
  encodeXml,
  ItemType,
  isStandardAttribute,
  Operation,
  resultReasonName,
  retag,
  Tag,
  type Ttlv,
  tagName,
} from '../../execution/kmip/index.ts';
import type { Expected } from './expected.ts';
import { type Answered, answeredItems, childrenOf, numberAt, textAt } from './items.ts';
import type { Ledger } from './ledger.ts';
import { momentOffset, type Variables } from './variables.ts';
import { permittedBy, type Site, sameValue, type VariationName } from './variations.ts';

/** Clocks count in seconds, and the server's need not be ours. */
const CLOCK_SLACK_S = 2;
const SHOWN_CHARACTERS = 120;

export interface Difference {
  /** `ResponseMessage/BatchItem[0]/ResponsePayload/Attribute[State]/AttributeValue` */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
}

export interface Comparison {
  readonly request: Ttlv;
  readonly variables: Variables;
  readonly ledger: Ledger;
  /** When the case began, and when the answer was there; seconds since the epoch. */
  readonly startedAtS: number;
  readonly answeredAtS: number;
  /** Variations that were needed are added. */
  readonly used: Set<VariationName>;
}

interface Place {
  readonly path: string;
  readonly parents: readonly number[];
  readonly attribute: string | undefined;
  readonly gotParent: Ttlv | undefined;
  readonly item: Site['item'];
}

export function compareMessages(
  expected: Expected,
  got: Ttlv,
  comparison: Comparison,
): Difference | undefined {
  return new Comparer(comparison, got).message(expected);
}

class Comparer {
  readonly #comparison: Comparison;
  readonly #answer: Ttlv;
  readonly #answered: readonly Answered[];

  constructor(comparison: Comparison, answer: Ttlv) {
    this.#comparison = comparison;
    this.#answer = answer;
    this.#answered = answeredItems(comparison.request, answer);
  }

  message(expected: Expected): Difference | undefined {
    const path = tagName(expected.tag);
    const place = { path, parents: [], attribute: undefined, gotParent: undefined, item: undefined };
    return this.#item(expected, this.#answer, place);
  }

  #item(expected: Expected, got: Ttlv, place: Place): Difference | undefined {
    if (expected.kind === 'structure') {
      if (got.type === ItemType.Structure) return this.#structure(expected.children, got, place);
      return this.#unlessPermitted(expected, got, place);
    }
    const isRight =
      expected.kind === 'variable' ? this.#isVariable(expected, got) : sameValue(expected.leaf, got);
    return isRight ? undefined : this.#unlessPermitted(expected, got, place);
  }

  #isVariable(expected: Extract<Expected, { kind: 'variable' }>, got: Ttlv): boolean {
    const { variables, startedAtS, answeredAtS } = this.#comparison;
    if (got.type === ItemType.Structure || got.type !== expected.type) return false;
    const offset = momentOffset(expected.name);
    if (offset !== undefined) {
      return (
        typeof got.value === 'number' &&
        got.value >= startedAtS + offset - CLOCK_SLACK_S &&
        got.value <= answeredAtS + offset + CLOCK_SLACK_S
      );
    }
    const bound = variables.valueOf(expected.name);
    if (bound !== undefined) return sameValue(bound, got);
    variables.bind(expected.name, got);
    return true;
  }

  #structure(expected: readonly Expected[], got: Ttlv, place: Place): Difference | undefined {
    const tags = new Set([...expected, ...childrenOf(got)].map(({ tag }) => tag));
    for (const tag of tags) {
      const wanted = expected.filter((child) => child.tag === tag);
      const found = childrenOf(got, tag);
      const inside = { ...place, parents: [...place.parents, got.tag], gotParent: got };
      const difference = this.#isUnordered(tag, inside)
        ? this.#unordered(wanted, found, inside)
        : this.#ordered(wanted, found, inside);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }

  #ordered(wanted: readonly Expected[], found: readonly Ttlv[], place: Place): Difference | undefined {
    const count = Math.max(wanted.length, found.length);
    for (let index = 0; index < count; index++) {
      const expected = wanted[index];
      const got = found[index];
      const tag = expected?.tag ?? got?.tag ?? 0;
      const name = tag === Tag.BatchItem || count > 1 ? `${tagName(tag)}[${index}]` : tagName(tag);
      const at = this.#enter(tag, index, got, { ...place, path: `${place.path}/${name}` });
      const difference =
        expected !== undefined && got !== undefined
          ? this.#item(expected, got, at)
          : this.#unlessPermitted(expected, got, at);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }

  /** Every expected member takes the first that fits and has not been taken; what nobody takes is more than expected. */
  #unordered(wanted: readonly Expected[], found: readonly Ttlv[], place: Place): Difference | undefined {
    const left = [...found];
    // Members that can be one thing only choose before those that take what is left.
    const choosy = [...wanted].sort((a, b) => Number(this.#isFree(a)) - Number(this.#isFree(b)));
    for (const expected of choosy) {
      const at = {
        ...place,
        path: `${place.path}/${memberName(expected)}`,
        attribute: attributeOf(expected),
      };
      const named = left.filter((got) => canBe(expected, got));
      const fits = named.find((got) => this.#fits(expected, got, at));
      if (fits !== undefined) {
        left.splice(left.indexOf(fits), 1);
        continue;
      }
      const [nearest] = named;
      const difference =
        nearest === undefined
          ? this.#unlessPermitted(expected, undefined, at)
          : this.#item(expected, nearest, at);
      if (difference !== undefined) return difference;
    }
    for (const got of left) {
      const name = textAt(got, Tag.AttributeName);
      const label = name === undefined ? tagName(got.tag) : `${tagName(got.tag)}[${name}]`;
      const difference = this.#unlessPermitted(undefined, got, {
        ...place,
        path: `${place.path}/${label}`,
        attribute: name,
      });
      if (difference !== undefined) return difference;
    }
    return undefined;
  }

  /** Leaves no trace when it is false. */
  #fits(expected: Expected, got: Ttlv, place: Place): boolean {
    const { variables, used } = this.#comparison;
    const before = new Set(used);
    if (variables.tentatively(() => this.#item(expected, got, place) === undefined)) return true;
    for (const variation of used) if (!before.has(variation)) used.delete(variation);
    return false;
  }

  #isFree(expected: Expected): boolean {
    return expected.kind === 'variable' && this.#comparison.variables.valueOf(expected.name) === undefined;
  }

  #isUnordered(tag: number, { parents, item }: Place): boolean {
    if (parents.at(-1) !== Tag.ResponsePayload) return false;
    switch (item?.operation) {
      case Operation.GetAttributes:
      case Operation.Export:
        return tag === Tag.Attribute;
      case Operation.GetAttributeList:
        return tag === Tag.AttributeName;
      case Operation.Locate:
        return tag === Tag.UniqueIdentifier;
      case Operation.Query:
        return true;
      case Operation.DiscoverVersions:
        return tag === Tag.ProtocolVersion;
      default:
        return false;
    }
  }

  /** What is known of a place from here on: which item of the batch it is in, and which attribute. */
  #enter(tag: number, index: number, got: Ttlv | undefined, place: Place): Place {
    if (tag === Tag.Attribute) return { ...place, attribute: textAt(got, Tag.AttributeName) };
    if (tag !== Tag.BatchItem) return place;
    const answered = this.#answered[index];
    if (answered === undefined) return place;
    const uid =
      textAt(answered.response, Tag.UniqueIdentifier) ?? textAt(answered.request, Tag.UniqueIdentifier);
    return { ...place, item: { ...answered, uid } };
  }

  #unlessPermitted(
    expected: Expected | undefined,
    got: Ttlv | undefined,
    place: Place,
  ): Difference | undefined {
    const { ledger, used, startedAtS, answeredAtS } = this.#comparison;
    const { parents, attribute, gotParent, item } = place;
    const span = { fromS: startedAtS - CLOCK_SLACK_S, toS: answeredAtS + CLOCK_SLACK_S };
    const tag = expected?.tag ?? got?.tag ?? 0;
    const variation = permittedBy({ tag, parents, attribute, expected, got, gotParent, item, span }, ledger);
    if (variation !== undefined) {
      used.add(variation);
      return undefined;
    }
    return {
      path: place.path,
      expected: this.#expectedText(expected, attribute),
      got: textFor(got, attribute) + refusalIn(gotParent, tag),
    };
  }

  #expectedText(expected: Expected | undefined, attribute: string | undefined): string {
    if (expected === undefined) return 'nothing';
    switch (expected.kind) {
      case 'structure':
        return `a structure ${tagName(expected.tag)}`;
      case 'value':
        return textFor(expected.leaf, attribute);
      case 'variable': {
        const bound = this.#comparison.variables.valueOf(expected.name);
        return bound === undefined
          ? expected.name
          : `${expected.name}, which is ${textFor(bound, attribute)}`;
      }
    }
  }
}

/** What the server says of a refusal, beside a status that was not expected. */
function refusalIn(item: Ttlv | undefined, tag: number): string {
  const message = textAt(item, Tag.ResultMessage);
  if (tag !== Tag.ResultStatus || message === undefined) return '';
  const reason = numberAt(item, Tag.ResultReason);
  return ` (${reason === undefined ? '' : `${resultReasonName(reason)}: `}${message})`;
}

function memberName(expected: Expected): string {
  const name = attributeOf(expected);
  return name === undefined ? tagName(expected.tag) : `${tagName(expected.tag)}[${name}]`;
}

function attributeOf(expected: Expected): string | undefined {
  if (expected.kind !== 'structure' || expected.tag !== Tag.Attribute) return undefined;
  const name = expected.children.find(({ tag }) => tag === Tag.AttributeName);
  return name?.kind === 'value' && typeof name.leaf.value === 'string' ? name.leaf.value : undefined;
}

/** Whether the member can be the expected one at all: an attribute of the same name, a leaf of the same value. */
function canBe(expected: Expected, got: Ttlv): boolean {
  if (expected.kind === 'structure') {
    const name = attributeOf(expected);
    return name === undefined || name === textAt(got, Tag.AttributeName);
  }
  return expected.kind === 'variable' || sameValue(expected.leaf, got);
}

/** Type and value as the XML encoding writes them: with the names of enumerations and masks. */
function textFor(item: Ttlv | undefined, attribute: string | undefined): string {
  if (item === undefined) return 'nothing';
  if (item.type === ItemType.Structure) return `a structure ${tagName(item.tag)}`;
  const isValue =
    item.tag === Tag.AttributeValue && attribute !== undefined && isStandardAttribute(attribute);
  const xml = encodeXml(isValue ? retag(item, attributeDefinition(attribute).tag) : item);
  const [, type = '', value = ''] = /type="(\w+)" value="([^"]*)"/.exec(xml) ?? [];
  return cut(`${type} ${value}`);
}

function cut(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}
