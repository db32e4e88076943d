/**
 * The search behind Locate (KMIP 1.4 §4.9). What the columns can tell, the database filters; anything else is decided
 * on the decoded objects, page by page and within the message's budget. Destroyed objects show up only when the request asks for a
 * State or a Destroy Date: a client that looks for its key by name wants the one that lives.
 */
import { type RawBuilder, sql } from 'kysely';
import {
  type Attribute,
  attributeValue,
  ItemType,
  isStandardAttribute,
  KmipError,
  ObjectType,
  Tag,
  type Ttlv,
} from '../../kmip/index.ts';
import {
  attributesOf,
  decodeObject,
  enumerationOf,
  integerOf,
  isDestroyed,
  type ManagedObject,
  ruleOf,
  State,
  sameValue,
} from '../../objects/index.ts';
import type { MessageBudget } from '../kmip/budget.ts';
import { LOCATE_PAGE, MAX_LOCATED_ITEMS } from '../limits.ts';
import type { Scope } from './objects.ts';
import type { RegionDb } from './tables.ts';

export interface LocateRequest {
  readonly attributes: readonly Attribute[];
  readonly maximumItems: number | undefined;
  readonly offsetItems: number;
  /** Seconds: the moment in which states are judged. */
  readonly nowS: number;
  /** What the message may still look at. */
  readonly budget: MessageBudget;
  /** A row that cannot be decoded: it is passed over, so that it hides nothing but itself. */
  readonly onDamaged: (uid: string, error: unknown) => void;
}

export interface Located {
  readonly uids: readonly string[];
  /** All that match; undefined when the search stopped before it knew. */
  readonly total: number | undefined;
}

interface Criterion {
  /** The condition on columns, where there is one. */
  readonly column?: RawBuilder<boolean>;
  /** Whether the column says it all. */
  readonly isExact: boolean;
  matches(attributes: readonly Attribute[]): boolean;
}

/** The state that an object's dates give it at `nowS`, in SQL: the same rules as `stateAt`. */
function stateColumn(nowS: number): RawBuilder<number> {
  return sql<number>`case
    when state = 1 and activation_date <= ${nowS} then case when deactivation_date <= ${nowS} then 3 else 2 end
    when state = 2 and deactivation_date <= ${nowS} then 3
    else state end`;
}

const nothing = sql<boolean>`false`;

/** A requested structure matches with the fields that it has (§4.9); anything else must be equal. */
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
};

/** One value means that date, two mean the range between them (§4.9). */
function dateCriterion(name: string, values: readonly Attribute[]): Criterion {
  const dates = values.map((a) => {
    if (a.attributeValue.type !== ItemType.DateTime)
      throw KmipError.invalidField(`${name} must be a Date-Time`);
    return a.attributeValue.value;
  });
  if (dates.length > 2)
    throw KmipError.invalidField(`${name} is given more than twice: two values are a range`);
  const from = Math.min(...dates);
  const to = Math.max(...dates);
  const column = dateColumns[name];
  return {
    ...(column === undefined ? {} : { column: sql<boolean>`${sql.ref(column)} between ${from} and ${to}` }),
    isExact: column !== undefined,
    matches: anyInstance(name, (v) => v.type === ItemType.DateTime && v.value >= from && v.value <= to),
  };
}

function nameValueOf(value: Ttlv): string | undefined {
  const field =
    value.type === ItemType.Structure ? value.value.find((f) => f.tag === Tag.NameValue) : undefined;
  return field?.type === ItemType.TextString ? field.value : undefined;
}

function criterion(attribute: Attribute, scope: Scope, nowS: number): Criterion {
  const { attributeName: name, attributeValue: value } = attribute;
  const matches = anyInstance(name, (actual) => valueMatches(value, actual));
  switch (name) {
    case 'Unique Identifier': {
      const uid = value.type === ItemType.TextString ? value.value : '';
      // PostgreSQL's text holds no U+0000, so nothing stored can match, and it must not be asked.
      if (uid.includes('\0')) return { column: nothing, isExact: true, matches };
      return { column: sql<boolean>`uid = ${uid}`, isExact: true, matches };
    }
    case 'Object Type':
      return {
        column: sql<boolean>`object_type = ${enumerationOf(attribute)}::bigint`,
        isExact: true,
        matches,
      };
    case 'Cryptographic Algorithm':
      return {
        column: sql<boolean>`cryptographic_algorithm = ${enumerationOf(attribute)}::bigint`,
        isExact: true,
        matches,
      };
    case 'Cryptographic Length':
      return { column: sql<boolean>`cryptographic_length = ${integerOf(attribute)}`, isExact: true, matches };
    case 'State':
      // An opaque object has a state in its row, but none that a client may see (§3.22).
      return {
        column: sql<boolean>`(${stateColumn(nowS)} = ${enumerationOf(attribute)}::bigint
          and object_type not in (${ObjectType.OpaqueObject}, ${ObjectType.Template}))`,
        isExact: true,
        matches,
      };
    case 'Cryptographic Usage Mask': {
      const mask = integerOf(attribute);
      return {
        column: sql<boolean>`(usage_mask & ${mask}::integer) = ${mask}::integer`,
        isExact: true,
        matches: anyInstance(name, (v) => v.type === ItemType.Integer && (v.value & mask) === mask),
      };
    }
    case 'Usage Limits': {
      const wanted = attributeValue(attribute, 'Usage Limits');
      return {
        isExact: false,
        matches: anyInstance(name, (v) => {
          const has = attributeValue({ attributeName: name, attributeValue: v }, 'Usage Limits');
          const left = has.usageLimitsCount ?? has.usageLimitsTotal;
          return has.usageLimitsTotal >= wanted.usageLimitsTotal && left >= (wanted.usageLimitsCount ?? 0n);
        }),
      };
    }
    case 'Name': {
      const wanted = nameValueOf(value);
      if (wanted?.includes('\0')) return { column: nothing, isExact: true, matches };
      // Names of destroyed objects have been given up, so the table speaks for the living only.
      return wanted === undefined
        ? { isExact: false, matches }
        : {
            column: sql<boolean>`uid in (select uid from core.names where tenant = ${scope.tenant} and name = ${wanted})`,
            isExact: false,
            matches,
          };
    }
    default:
      return { isExact: false, matches };
  }
}

function criteriaOf(
  { attributes, nowS }: LocateRequest,
  scope: Scope,
): { list: Criterion[]; isOfDestroyed: boolean } {
  const byName = new Map<string, Attribute[]>();
  for (const attribute of attributes) {
    ruleOf(attribute.attributeName);
    byName.set(attribute.attributeName, [...(byName.get(attribute.attributeName) ?? []), attribute]);
  }
  const isOfDestroyed =
    byName.has('Destroy Date') ||
    (byName.get('State') ?? []).some((a) => isDestroyed(enumerationOf(a) as State)) ||
    byName.has('Unique Identifier');
  const list = [...byName].flatMap(([name, given]) => {
    const isDate = isStandardAttribute(name) && name.endsWith(' Date');
    if (isDate) return [dateCriterion(name, given)];
    return given.map((attribute) => {
      const found = criterion(attribute, scope, nowS);
      if (name !== 'Name' || !isOfDestroyed) return found;
      return { isExact: false, matches: found.matches };
    });
  });
  return { list, isOfDestroyed };
}

/** Throws Invalid Field for unknown attributes, General Failure past the message's budget. */
export async function locateObjects(db: RegionDb, scope: Scope, request: LocateRequest): Promise<Located> {
  const { list, isOfDestroyed } = criteriaOf(request, scope);
  if (scope.services.length === 0) return { uids: [], total: 0 };
  const max = Math.min(request.maximumItems ?? MAX_LOCATED_ITEMS, MAX_LOCATED_ITEMS);
  const conditions = list.flatMap((c) => (c.column === undefined ? [] : [c.column]));
  if (!isOfDestroyed)
    conditions.push(sql<boolean>`state not in (${State.Destroyed}, ${State.DestroyedCompromised})`);
  let candidates = db
    .selectFrom('core.objects')
    .where('tenant', '=', scope.tenant)
    .where('service', 'in', [...scope.services]);
  for (const condition of conditions) candidates = candidates.where(condition);

  if (list.every((c) => c.isExact)) {
    const { count } = await candidates
      .select((eb) => eb.fn.countAll<string>().as('count'))
      .executeTakeFirstOrThrow();
    const rows = await candidates
      .select('uid')
      .orderBy('seq')
      .offset(request.offsetItems)
      .limit(max)
      .execute();
    return { uids: rows.map((row) => row.uid), total: Number(count) };
  }

  const residual = list.filter((c) => !c.isExact);
  const matches = (object: ManagedObject): boolean => {
    const attributes = attributesOf(object, request.nowS);
    return residual.every((c) => c.matches(attributes));
  };
  const readable = (uid: string, body: Uint8Array): ManagedObject | undefined => {
    try {
      return decodeObject(body);
    } catch (error) {
      request.onDamaged(uid, error);
      return undefined;
    }
  };
  // One more than asked for, to know whether there are more.
  const enough = request.offsetItems + max + 1;
  const found: string[] = [];
  let after = '0';
  for (;;) {
    const page = await candidates
      .select(['uid', 'seq', 'body'])
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(LOCATE_PAGE)
      .execute();
    request.budget.look(page.length);
    for (const { uid, body } of page) {
      const object = readable(uid, body);
      if (object !== undefined && matches(object)) found.push(uid);
      if (found.length >= enough) break;
    }
    const last = page.at(-1);
    if (page.length < LOCATE_PAGE || last === undefined || found.length >= enough) break;
    after = last.seq;
  }
  const uids = found.slice(request.offsetItems, request.offsetItems + max);
  return { uids, total: found.length >= enough ? undefined : found.length };
}
