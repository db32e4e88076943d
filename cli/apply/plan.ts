/**
 * What has to be done so that what is declared is so: a pure function of what is declared, what is there, and what was declared
 * before. Whatever it asks for, once done, it asks for no more (plan.test.ts).
 */
import { isDeepStrictEqual } from 'node:util';
import type { Change, Entry, Plan } from './entries.ts';
import { endOfTenant, removal } from './removals.ts';
import {
  type Actual,
  type Closure,
  type Declared,
  type Fields,
  type Id,
  type Kind,
  keyOf,
  kinds,
  type Problem,
  scopeOf,
  type Thing,
  titleOf,
  type Value,
} from './things.ts';

export interface PlanOptions {
  /** What earlier runs have declared, of those kinds that are looked at. */
  readonly recorded: readonly Id[];
  readonly prune: boolean;
  readonly pruneTenants: boolean;
  /** Open links again that somebody has closed. */
  readonly relink: boolean;
}

/** Fields that the API can change; all others are as they were made. */
const CHANGEABLE: Readonly<Record<Kind, readonly string[]>> = {
  Issuer: [],
  Keystore: [],
  Tenant: ['displayName', 'provisioned', 'rotateLinkAfterSeconds', 'rotateKeyAfterSeconds'],
  ApproverGroup: ['members'],
  ApprovalRule: ['approvals', 'groups'],
  Service: ['rotateAfterSeconds'],
  KeyConfiguration: ['description'],
  Key: ['keyConfiguration', 'primary'],
  Link: ['key'],
  Workspace: ['services'],
  System: ['service', 'keyConfiguration'],
  Application: ['certificate'],
};
/** States of a tenant in which nothing is made or changed in it. */
const SHUT: readonly string[] = ['blocking', 'blocked', 'terminating', 'terminated'];

const same = (a: Value | undefined, b: Value | undefined): boolean => isDeepStrictEqual(a, b);

export function planFor(declared: readonly Declared[], actual: Actual, options: PlanOptions): Plan {
  const known = new Known(declared);
  const linked = new Set(
    declared.flatMap(({ id, fields }) =>
      id.kind === 'Link' ? [`${id.tenant} ${String(fields['key'])}`] : [],
    ),
  );
  const entries = [...declared]
    .sort(inOrder)
    .map((one) => entryFor(withoutOwnPrimary(one, linked), actual, known, options));
  return [...entries, ...(options.prune || options.pruneTenants ? removals(known, actual, options) : [])];
}

/** A key that the tenant is linked to becomes the primary key of its configuration by that; before, nobody may make it so. */
function withoutOwnPrimary(one: Declared, linked: ReadonlySet<string>): Declared {
  const { id, fields } = one;
  if (id.kind !== 'Key' || !linked.has(`${id.tenant} ${id.name}`)) return one;
  const { primary: _primary, ...others } = fields;
  return { ...one, fields: others };
}

const inOrder = (a: Declared, b: Declared): number =>
  kinds.indexOf(a.id.kind) - kinds.indexOf(b.id.kind) || (keyOf(a.id) < keyOf(b.id) ? -1 : 1);

function entryFor(declared: Declared, actual: Actual, known: Known, { relink }: PlanOptions): Entry {
  const { id } = declared;
  const needs = needsOf(declared, known);
  const base = { id, declared, needs, changes: [] };
  const unread = actual.unread.get(scopeOf(id));
  if (unread !== undefined) return { ...base, action: 'refused', why: unread };
  const shut = refusedByTenant(id, actual, known);
  if (shut?.action === 'refused') return { ...base, ...shut };
  const thing = actual.things.get(keyOf(id));
  const changes = differences(declared.fields, thing);
  if (thing?.closed === undefined && thing !== undefined && changes.length === 0)
    return { ...base, action: 'same' };
  if (shut !== undefined) return { ...base, changes, ...shut };
  if (thing?.closed !== undefined) {
    const why = closedLink(id, thing.closed);
    if (relink) return { ...base, action: 'reopen', changes, why };
    const hint = 'nothing opens it again unasked; --relink does';
    return { ...base, action: 'held', why: { ...why, hint } };
  }
  if (thing === undefined) return { ...base, action: 'create', changes };
  const fixed = changes.filter(({ field }) => !CHANGEABLE[id.kind].includes(field));
  if (fixed.length > 0) return { ...base, action: 'refused', changes, why: cannotChange(id, fixed) };
  return { ...base, action: 'change', changes };
}

/**
 * Those of its needs that are declared. What stands on a key configuration needs the keys that are declared to be in it, too:
 * one without a key bears nothing.
 */
function needsOf({ id, needs }: Declared, known: Known): string[] {
  const keys = needs.map(keyOf).filter((key) => known.has(key));
  if (id.kind !== 'System') return keys;
  const bearing = needs.find(({ kind }) => kind === 'KeyConfiguration');
  return bearing === undefined ? keys : [...keys, ...(known.members.get(keyOf(bearing)) ?? [])];
}

/** What is declared, by its key; and the keys that are declared to be in each key configuration. */
class Known extends Map<string, Declared> {
  readonly members = new Map<string, string[]>();
  constructor(declared: readonly Declared[]) {
    super(declared.map((one) => [keyOf(one.id), one]));
    for (const { id, fields } of declared) {
      if (id.kind !== 'Key') continue;
      const name = String(fields['keyConfiguration'] ?? 'default');
      const place = keyOf({ kind: 'KeyConfiguration', tenant: id.tenant, name });
      this.members.set(place, [...(this.members.get(place) ?? []), keyOf(id)]);
    }
  }
}

function differences(fields: Fields, thing: Thing | undefined): Change[] {
  return Object.entries(fields)
    .filter(([field, to]) => !same(thing?.fields[field], to))
    .map(([field, to]) => ({ field, from: thing?.fields[field], to }));
}

function refusedByTenant(
  id: Id,
  { tenants }: Actual,
  known: ReadonlyMap<string, Declared>,
): Pick<Entry, 'action' | 'why'> | undefined {
  if (id.tenant === null) return undefined;
  const state = tenants.get(id.tenant);
  if (state === undefined) {
    if (known.has(keyOf({ kind: 'Tenant', tenant: id.tenant, name: id.tenant }))) return undefined;
    const message = `there is no tenant ${id.tenant}`;
    return {
      action: 'refused',
      why: { code: 'TENANT_UNKNOWN', message, hint: 'declare it, or check the name' },
    };
  }
  if (!SHUT.includes(state)) return undefined;
  const message = `${id.tenant} is ${state}`;
  if (state.startsWith('terminat'))
    return {
      action: 'refused',
      why: {
        code: 'TENANT_STATE',
        message,
        hint: 'its name is not used again: take it out of the declarations',
      },
    };
  return {
    action: 'held',
    why: {
      code: 'TENANT_STATE',
      message,
      hint: `nothing is made or changed in it until it is unblocked: okcm unblock ${id.tenant}`,
    },
  };
}

const closedLink = ({ name }: Id, { reason, by, at }: Closure): Problem => ({
  code: 'LINK_CLOSED',
  message: `the link of ${name} was closed${by === undefined ? '' : ` by ${by}`}${at === undefined ? '' : ` at ${at}`}: ${reason}`,
});

const cannotChange = (id: Id, fields: readonly Change[]): Problem => ({
  code: 'CANNOT_CHANGE',
  message: `${fields.map(({ field }) => field).join(', ')} of ${titleOf(id)} cannot be changed`,
  hint: 'declare it as it is, or under another name',
});

function removals(known: ReadonlyMap<string, Declared>, actual: Actual, options: PlanOptions): Entry[] {
  const named = new Set([...known.values()].flatMap(({ id }) => id.tenant ?? []));
  const isThere = (id: Id): boolean => {
    const thing = actual.things.get(keyOf(id));
    return actual.unread.has(scopeOf(id)) || (thing !== undefined && thing.closed === undefined);
  };
  const gone = options.recorded.filter((id) => !known.has(keyOf(id)) && isThere(id));
  const ending = new Set(
    options.pruneTenants
      ? gone.flatMap(({ kind, name }) => (kind === 'Tenant' && !named.has(name) ? [name] : []))
      : [],
  );
  return gone
    .sort((a, b) => kinds.indexOf(b.kind) - kinds.indexOf(a.kind) || (keyOf(a) < keyOf(b) ? -1 : 1))
    .flatMap((id): Entry[] => {
      const base = { id, changes: [], needs: [] };
      const unread = actual.unread.get(scopeOf(id));
      if (unread !== undefined) return [{ ...base, action: 'refused', why: unread }];
      if (id.kind === 'Tenant')
        return [{ ...base, ...endOfTenant(id, actual.tenants.get(id.name), ending.has(id.name)) }];
      if (!options.prune && !(id.tenant !== null && ending.has(id.tenant))) return [];
      return [{ ...base, ...removal(id, { named, ending }) }];
    });
}
