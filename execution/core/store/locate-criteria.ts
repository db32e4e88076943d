/** What each attribute of a Locate request asks for (KMIP 1.4 §4.9): a condition on columns where there is one, and a test. */
import { type RawBuilder, sql } from 'kysely';
import {
  type Attribute,
  ItemType,
  isStandardAttribute,
  KmipError,
  Tag,
  type Ttlv,
} from '../../kmip/index.ts';
import {
  enumerationOf,
  integerOf,
  isDestroyed,
  NAME,
  ruleOf,
  type State,
  sameValue,
  USAGE_LIMITS,
} from '../../objects/index.ts';
import type { Scope } from './objects.ts';
import { termsOfAttribute } from './terms.ts';

export interface Criterion {
  /** The condition on columns, where there is one. */
  readonly column?: RawBuilder<boolean>;
  /** Whether the column says it all. */
  readonly isExact: boolean;
  /** `attributes`: all of one object. */
  matches(attributes: readonly Attribute[]): boolean;
}

const nothing = sql<boolean>`false`;

/** The state that an object's dates give it at `nowS`, in SQL: the same rules as `stateAt`. */
function stateColumn(nowS: number): RawBuilder<number> {
  return sql<number>`case
    when state = 1 and activation_date <= ${nowS} then case when deactivation_date <= ${nowS} then 3 else 2 end
    when state = 2 and deactivation_date <= ${nowS} then 3
    else state end`;
}

/** An object of another type has a value in its row all the same, but none that a client may see. */
function ofTypesWith(name: string): RawBuilder<boolean> {
  return sql<boolean>`object_type in (${sql.join([...ruleOf(name).appliesTo])})`;
}

/** A requested structure matches with the fields that it has; anything else must be equal. */
function valueMatches(wanted: Ttlv, actual: Ttlv): boolean {
  if (wanted.type !== ItemType.Structure || actual.type !== ItemType.Structure)
    return sameValue(wanted, actual);
  return wanted.value.every((field) =>
    actual.value.some((candidate) => candidate.tag === field.tag && valueMatches(field, candidate)),
  );
}

function anyInstance(name: string, test: (value: Ttlv) => boolean) {
  return (attributes: readonly Attribute[]): boolean =>
    attributes.some((a) => a.attributeName === name && test(a.attributeValue));
}

const dateColumns: Readonly<Record<string, string>> = {
  'Initial Date': 'initial_date',
  'Activation Date': 'activation_date',
  'Deactivation Date': 'deactivation_date',
  'Archive Date': 'archive_date',
};

/** The largest Date-Time that a message can bring here stands for "has none", as the largest of all does. */
const UNDEFINED_DATE = Number.MAX_SAFE_INTEGER;

/** One value means that date, two mean the range between them. */
function dateCriterion(name: string, values: readonly Attribute[]): Criterion {
  const dates = values.map(({ attributeValue: value }) => {
    if (value.type !== ItemType.DateTime) throw KmipError.invalidField(`${name} must be a Date-Time`);
    return value.value;
  });
  if (dates.length > 2) {
    throw KmipError.invalidField(`${name} is given more than twice: two values are a range`);
  }
  const from = Math.min(...dates);
  const to = Math.max(...dates);
  const column = dateColumns[name];
  if (from >= UNDEFINED_DATE) {
    return {
      ...(column === undefined ? {} : { column: sql<boolean>`${sql.ref(column)} is null` }),
      isExact: column !== undefined,
      matches: (attributes) => !attributes.some((a) => a.attributeName === name),
    };
  }
  return {
    ...(column === undefined ? {} : { column: sql<boolean>`${sql.ref(column)} between ${from} and ${to}` }),
    isExact: column !== undefined,
    matches: anyInstance(name, (v) => v.type === ItemType.DateTime && v.value >= from && v.value <= to),
  };
}

function fieldOf(value: Ttlv, tag: number): Ttlv | undefined {
  return value.type === ItemType.Structure ? value.value.find((field) => field.tag === tag) : undefined;
}

function longField(value: Ttlv, tag: number): bigint | undefined {
  const field = fieldOf(value, tag);
  return field?.type === ItemType.LongInteger ? field.value : undefined;
}

/** Total and Count are at least those given; the unit, where given, is the same. */
function usageLimitsMatch(wanted: Ttlv, actual: Ttlv): boolean {
  const unit = fieldOf(wanted, Tag.UsageLimitsUnit);
  const actualUnit = fieldOf(actual, Tag.UsageLimitsUnit);
  if (unit !== undefined && (actualUnit === undefined || !sameValue(unit, actualUnit))) return false;
  return [Tag.UsageLimitsTotal, Tag.UsageLimitsCount].every((tag) => {
    const least = longField(wanted, tag);
    const has = longField(actual, tag) ?? longField(actual, Tag.UsageLimitsTotal);
    return least === undefined || (has !== undefined && has >= least);
  });
}

type Maker = (
  attribute: Attribute,
  scope: Scope,
  nowS: number,
) => Omit<Criterion, 'matches'> & Partial<Criterion>;

/** Attributes with columns of their own, and those that are not searched for by being equal. */
const makers: Readonly<Record<string, Maker>> = {
  'Unique Identifier': ({ attributeValue: value }) => {
    const uid = value.type === ItemType.TextString ? value.value : '';
    // PostgreSQL's text holds no U+0000, so nothing stored can match, and it must not be asked.
    return { column: uid.includes('\0') ? nothing : sql<boolean>`uid = ${uid}`, isExact: true };
  },
  'Object Type': (a) => ({ column: sql<boolean>`object_type = ${enumerationOf(a)}::bigint`, isExact: true }),
  'Cryptographic Algorithm': (a) => ({
    column: sql<boolean>`cryptographic_algorithm = ${enumerationOf(a)}::bigint`,
    isExact: true,
  }),
  'Cryptographic Length': (a) => ({
    column: sql<boolean>`cryptographic_length = ${integerOf(a)}`,
    isExact: true,
  }),
  State: (a, _scope, nowS) => ({
    column: sql<boolean>`(${stateColumn(nowS)} = ${enumerationOf(a)}::bigint and ${ofTypesWith('State')})`,
    isExact: true,
  }),
  'Cryptographic Usage Mask': (a) => {
    const mask = integerOf(a);
    return {
      column: sql<boolean>`((usage_mask & ${mask}::integer) = ${mask}::integer and ${ofTypesWith(a.attributeName)})`,
      isExact: true,
    };
  },
  Fresh: ({ attributeValue: value }) => ({
    column: sql<boolean>`(fresh = ${value.type === ItemType.Boolean && value.value} and ${ofTypesWith('Fresh')})`,
    isExact: true,
  }),
  [USAGE_LIMITS]: ({ attributeValue: wanted }) => ({
    isExact: false,
    matches: anyInstance(USAGE_LIMITS, (actual) => usageLimitsMatch(wanted, actual)),
  }),
  [NAME]: (attribute, scope) => {
    const wanted = fieldOf(attribute.attributeValue, Tag.NameValue);
    if (wanted?.type !== ItemType.TextString) return { isExact: false };
    if (wanted.value.includes('\0')) return { column: nothing, isExact: true };
    // Names of destroyed objects have been given up, so the table speaks for the living only.
    return {
      // As an array the planner looks it up first, whatever it believes to know of a table that grows all the time.
      column: sql<boolean>`uid = any(array(
        select uid from core.names where tenant = ${scope.tenant} and name = ${wanted.value}))`,
      isExact: false,
    };
  },
};

/** Any other attribute: found by its terms where it is one that clients set, and compared in each object found. */
function byTerms(attribute: Attribute): Omit<Criterion, 'matches'> {
  const { attributeName: name } = attribute;
  const isHeld = !isStandardAttribute(name) || ruleOf(name).firstSetBy !== 'server';
  const terms = isHeld && !isAssumed.has(name) ? termsOfAttribute(attribute) : [];
  if (terms.length === 0) return { isExact: false };
  const wanted = sql`${[...terms]}::bigint[]`;
  // The middle says what the index says of itself: it leaves out the many objects that have none.
  return {
    column: sql<boolean>`(terms is null or (terms <> '{}' and terms @> ${wanted}))`,
    isExact: false,
  };
}

/** Attributes that have a value although none is held. */
const isAssumed: ReadonlySet<string> = new Set(['Operation Policy Name']);

export interface Criteria {
  readonly list: readonly Criterion[];
  /** Whether destroyed objects are wanted too: a client that looks for its key by name wants the one that lives. */
  readonly isOfDestroyed: boolean;
}

/** Attribute Index is ignored, as §4.9 has it. Throws Invalid Field for an attribute that there is not. */
export function criteriaOf(attributes: readonly Attribute[], scope: Scope, nowS: number): Criteria {
  const byName = new Map<string, Attribute[]>();
  for (const attribute of attributes) {
    ruleOf(attribute.attributeName);
    byName.set(attribute.attributeName, [...(byName.get(attribute.attributeName) ?? []), attribute]);
  }
  const isOfDestroyed =
    byName.has('Destroy Date') ||
    (byName.get('State') ?? []).some((a) => isDestroyed(enumerationOf(a) as State));
  const list = [...byName].flatMap(([name, given]): readonly Criterion[] => {
    if (isStandardAttribute(name) && name.endsWith(' Date')) return [dateCriterion(name, given)];
    return given.map((attribute) => {
      const equals = anyInstance(name, (actual) => valueMatches(attribute.attributeValue, actual));
      const make = name === NAME && isOfDestroyed ? undefined : makers[name];
      return { matches: equals, ...(make?.(attribute, scope, nowS) ?? byTerms(attribute)) };
    });
  });
  return { list, isOfDestroyed };
}
