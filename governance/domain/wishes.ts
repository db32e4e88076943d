/**
 * Everything that can lock out, expose or weaken, in one table (D13): what may be asked, what is refused at once, when one
 * operator's word is enough, and what is done when the tenant's policy is satisfied. proposals.ts knows none of them.
 */
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { MAX_ROTATE_AFTER_S } from '../../contracts/index.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { PASSING } from '../keystores/provider.ts';
import { rotatable, startLinks, startRotation, startUnlink } from '../links/request.ts';
import { setLinkSchedule } from '../links/schedule.ts';
import { refuseBlindDestruction } from '../rotation/inventory.ts';
import { compromiseKey, destroyVersion } from '../rotation/orders.ts';
import { lowersProtection, setPolicy } from '../rotation/policies.ts';
import { regionsFor, requireKeyOf } from '../rotation/scope.ts';
import type { Actor } from '../store/audit.ts';
import type { RegionJob } from '../store/schema.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { requireKey } from './keys.ts';
import { requireTenant } from './lookups.ts';

interface Rules<P> {
  /** Asks providers, before any transaction. */
  readonly ask?: (cmk: Cmk, tenant: string, parameters: P) => Promise<void>;
  /** In the transaction of the proposal: what could not be carried out now is not put before anybody. */
  readonly check?: (trx: Trx, tenant: string, parameters: P) => Promise<void>;
  /** True where this wish of a kind protects no less than what holds now: no second operator is needed. */
  readonly isHarmless?: (trx: Trx, tenant: string, parameters: P) => Promise<boolean>;
  /** In the transaction of the last approval, with the tenant locked. Returns what the regions were asked. */
  readonly carryOut: (cmk: Cmk, trx: Trx, order: Order<P>) => Promise<RegionJob[]>;
}

interface Order<P> {
  readonly who: Actor;
  readonly tenant: string;
  readonly proposal: string;
  readonly parameters: P;
}

const closed = { additionalProperties: false } as const;
const Text = Type.String();
const Service = Type.Optional(Text);
const Reason = Type.String({ maxLength: 256 });
const Seconds = Type.Union([Type.Integer({ minimum: 0, maximum: MAX_ROTATE_AFTER_S }), Type.Null()]);

export const wishes = {
  link: wish(Type.Object({ key: Text }, closed), {
    ask: (cmk, tenant, { key }) => refuseUnusableKey(cmk, tenant, key),
    carryOut: (cmk, trx, { who, parameters, ...order }) =>
      startLinks(cmk, trx, who, { ...order, key: parameters.key }),
  }),
  unlink: wish(Type.Object({ reason: Reason }, closed), {
    carryOut: (cmk, trx, { who, parameters, ...order }) =>
      startUnlink(cmk, trx, who, { ...order, reason: parameters.reason }),
  }),
  'rotate-link': wish(Type.Object({ reason: Type.Optional(Reason) }, closed), {
    ask: refuseUnusableKeys,
    carryOut: (cmk, trx, { who, parameters, ...order }) =>
      startRotation(cmk, trx, who, { ...order, ...parameters }),
  }),
  'link-rotation-policy': wish(Type.Object({ rotateAfterSeconds: Seconds }, closed), {
    isHarmless: async (trx, tenant, { rotateAfterSeconds }) => {
      const { rotate_link_after_s: present } = await requireTenant(trx, tenant);
      return (rotateAfterSeconds ?? Infinity) <= (present ?? Infinity);
    },
    carryOut: async (_cmk, trx, { who, tenant, parameters }) => {
      await setLinkSchedule(trx, who, tenant, parameters.rotateAfterSeconds);
      return [];
    },
  }),
  'rotation-policy': wish(Type.Object({ service: Service, rotateAfterSeconds: Seconds }, closed), {
    check: (trx, tenant, { service }) => requireKeyOf(trx, key(tenant, service)),
    isHarmless: async (trx, tenant, parameters) => !(await lowersProtection(trx, { tenant, ...parameters })),
    carryOut: (cmk, trx, { who, tenant, parameters }) => setPolicy(cmk, trx, who, { tenant, ...parameters }),
  }),
  'compromise-key': wish(
    Type.Object({ service: Service, regions: Type.Optional(Type.Array(Text)), reason: Reason }, closed),
    {
      check: async (trx, tenant, { service, regions }) => {
        await requireKeyOf(trx, key(tenant, service));
        await regionsFor(trx, tenant, regions);
      },
      carryOut: (cmk, trx, { who, tenant, parameters }) =>
        compromiseKey(cmk, trx, who, { tenant, ...parameters }),
    },
  ),
  'destroy-key': wish(
    Type.Object(
      {
        region: Text,
        service: Service,
        version: Type.Integer({ minimum: 1 }),
        dependents: Type.Integer({ minimum: 0 }),
        reason: Reason,
      },
      closed,
    ),
    {
      // Once approved, the number counts and not its age: the region compares it with what is true then.
      check: async (trx, tenant, parameters) => {
        await requireKeyOf(trx, key(tenant, parameters.service));
        await refuseBlindDestruction(trx, { tenant, ...parameters });
      },
      carryOut: (cmk, trx, { who, tenant, parameters }) =>
        destroyVersion(cmk, trx, who, { tenant, ...parameters }),
    },
  ),
} as const;

export type Action = keyof typeof wishes;
export type Wish = {
  [A in Action]: { readonly action: A; readonly parameters: Static<(typeof wishes)[A]['schema']> };
}[Action];
export const actions = Object.keys(wishes) as readonly Action[];

/** The rules of a stored proposal's action. */
export function rulesOf(action: string): Rules<unknown> {
  const found = actions.find((known) => known === action);
  if (found === undefined) throw new Error(`nobody knows how to ${action}`);
  return wishes[found].rules;
}

/** Parameters come back from the database as JSON: each rule sees them only after they were held against the schema. */
function wish<S extends TSchema>(schema: S, rules: Rules<Static<S>>): { schema: S; rules: Rules<unknown> } {
  const parsed = (parameters: unknown): Static<S> => {
    if (!Value.Check(schema, parameters))
      throw new Error('the parameters of a wish do not follow its schema');
    return parameters;
  };
  const { ask, check, isHarmless, carryOut } = rules;
  return {
    schema,
    rules: {
      ...(ask && { ask: (cmk, tenant, parameters) => ask(cmk, tenant, parsed(parameters)) }),
      ...(check && { check: (trx, tenant, parameters) => check(trx, tenant, parsed(parameters)) }),
      ...(isHarmless && {
        isHarmless: (trx, tenant, parameters) => isHarmless(trx, tenant, parsed(parameters)),
      }),
      carryOut: (cmk, trx, order) => carryOut(cmk, trx, { ...order, parameters: parsed(order.parameters) }),
    },
  };
}

const key = (tenant: string, service: string | undefined) =>
  service === undefined ? { tenant } : { tenant, service };

/** Of the keys that the tenant's living links stand on. Errors: LINK_BUSY, NOT_LINKED, KEY_NOT_USABLE. */
async function refuseUnusableKeys(cmk: Cmk, tenant: string): Promise<void> {
  const links = await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    return await rotatable(trx, tenant);
  });
  for (const alias of new Set(links.map(({ living }) => living.key_alias)))
    await refuseUnusableKey(cmk, tenant, alias);
}

async function refuseUnusableKey(cmk: Cmk, tenant: string, alias: string): Promise<void> {
  const usable = await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    return await requireKey(cmk, trx, tenant, alias);
  });
  const state = await usable.provider.describe(usable.reference);
  cmk.metrics.keystoreAnswer(state);
  // One that is away is waited for by the link itself.
  if (state !== 'ENABLED' && !PASSING.has(state))
    throw new CmkError('KEY_NOT_USABLE', `${alias} is ${state} at its keystore`);
}
