/**
 * Everything that can lock out, expose or weaken, in one table (D13): what may be asked, what is refused at once, when one
 * operator's word is enough, and what is done when the tenant's rules are satisfied. proposals.ts knows none of them.
 */
import { type Static, Type } from 'typebox';
import { MAX_ROTATE_AFTER_S } from '../../contracts/index.ts';
import { AccessChange, carryOutChange, checkChange } from '../access/changes.ts';
import type { Cmk } from '../context.ts';
import { requireKey } from '../domain/keys.ts';
import { startBlocking, startTermination, startUnblocking } from '../domain/lifecycle.ts';
import { requireServed, requireTenant } from '../domain/lookups.ts';
import { CmkError } from '../errors.ts';
import { PASSING } from '../keystores/provider.ts';
import { MAX_APPROVALS, MAX_APPROVERS, MAX_GROUPS_PER_RULE } from '../limits.ts';
import { rotatable, startLinks, startRotation, startUnlink } from '../links/request.ts';
import { keysOf } from '../links/rows.ts';
import { setLinkSchedule } from '../links/schedule.ts';
import { refuseBlindDestruction } from '../rotation/inventory.ts';
import { compromiseKey, destroyVersion } from '../rotation/orders.ts';
import { lowersProtection, setPolicy } from '../rotation/policies.ts';
import { regionsFor, requireKeyOf } from '../rotation/scope.ts';
import { refuseUntold } from '../simulation/targets.ts';
import { asTenant } from '../store/transactions.ts';
import { changesApprovers } from './approvers.ts';
import { ANY_ACTION, actionsApprovedBy, actionsApprovedByRole, setGroup, setRule } from './rules.ts';
import { closed, Reason, type Rules, wish } from './wish.ts';

const Text = Type.String();
const Service = Type.Optional(Text);
/** `drillTarget`: the tenant is for tests, and drills may cut off what is linked. */
const Linking = Type.Object({ key: Text, drillTarget: Type.Optional(Type.Boolean()) }, closed);
const Seconds = Type.Union([Type.Integer({ minimum: 0, maximum: MAX_ROTATE_AFTER_S }), Type.Null()]);
const WithReason = Type.Object({ reason: Reason }, closed);

export const wishes = {
  link: wish(Linking, {
    ask: (cmk, tenant, { key }) => refuseUnusableKey(cmk, tenant, key),
    carryOut: async (cmk, trx, { who, parameters: { key, drillTarget }, ...order }) => {
      await refuseUntold(trx, order.tenant, 'link', drillTarget);
      const other = (await keysOf(trx, order.tenant)).find((each) => each !== key);
      if (other !== undefined)
        throw new CmkError('KEY_SWITCH_NEEDED', `the keys of ${order.tenant} stand on ${other}`);
      return await startLinks(cmk, trx, who, { ...order, key });
    },
  }),
  'switch-key': wish(Linking, {
    ask: (cmk, tenant, { key }) => refuseUnusableKey(cmk, tenant, key),
    carryOut: async (cmk, trx, { who, parameters: { key, drillTarget }, ...order }) => {
      await refuseUntold(trx, order.tenant, 'link', drillTarget);
      return await startLinks(cmk, trx, who, { ...order, key });
    },
  }),
  unlink: wish(WithReason, {
    carryOut: (cmk, trx, { who, parameters, ...order }) =>
      startUnlink(cmk, trx, who, { ...order, reason: parameters.reason }),
  }),
  'rotate-link': wish(Type.Object({ reason: Type.Optional(Reason) }, closed), {
    ask: refuseUnusableKeys,
    carryOut: async (cmk, trx, { who, parameters, ...order }) => {
      await requireServed(trx, order.tenant);
      return await startRotation(cmk, trx, who, { ...order, ...parameters });
    },
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
  'change-access': wish(AccessChange, {
    check: checkChange,
    // A rule falls only by itself, not by who is made an approver either.
    concerns: async (trx, tenant, change) =>
      (await changesApprovers(trx, tenant, change)) ? await actionsApprovedByRole(trx, tenant) : [],
    carryOut: async (_cmk, trx, { who, tenant, parameters }) => {
      await carryOutChange(trx, who, tenant, parameters);
      return [];
    },
  }),
  'block-tenant': wish(WithReason, {
    carryOut: (cmk, trx, { who, parameters, ...order }) =>
      startBlocking(cmk, trx, who, { ...order, ...parameters }),
  }),
  'unblock-tenant': wish(WithReason, {
    carryOut: (_cmk, trx, { who, tenant, parameters }) =>
      startUnblocking(trx, who, { tenant, ...parameters }),
  }),
  'terminate-tenant': wish(WithReason, {
    carryOut: (cmk, trx, { who, parameters, ...order }) =>
      startTermination(cmk, trx, who, { ...order, ...parameters }),
  }),
  'approval-rule': wish(
    Type.Object(
      {
        action: Text,
        rule: Type.Union([
          Type.Object(
            {
              approvals: Type.Integer({ minimum: 1, maximum: MAX_APPROVALS }),
              groups: Type.Array(Text, { maxItems: MAX_GROUPS_PER_RULE }),
            },
            closed,
          ),
          Type.Null(),
        ]),
      },
      closed,
    ),
    {
      check: async (_trx, _tenant, { action }) => {
        if (action !== ANY_ACTION && !isAction(action))
          throw new CmkError('ACTION_UNKNOWN', `there is no action ${action}`);
      },
      // A rule falls only by itself: neither an easier rule about rules nor a new one can go around it.
      concerns: async (_trx, _tenant, { action }) => [action],
      carryOut: async (cmk, trx, { who, tenant, parameters }) => {
        await setRule(cmk, trx, who, { tenant, ...parameters });
        return [];
      },
    },
  ),
  'approver-group': wish(
    Type.Object(
      {
        group: Text,
        members: Type.Union([Type.Array(Text, { minItems: 1, maxItems: MAX_APPROVERS }), Type.Null()]),
      },
      closed,
    ),
    {
      concerns: (trx, tenant, { group }) => actionsApprovedBy(trx, tenant, group),
      carryOut: async (cmk, trx, { who, tenant, parameters }) => {
        await setGroup(cmk, trx, who, { tenant, ...parameters });
        return [];
      },
    },
  ),
} as const;

export type Action = keyof typeof wishes;
export type Wish = {
  [A in Action]: { readonly action: A; readonly parameters: Static<(typeof wishes)[A]['schema']> };
}[Action];
export const actions = Object.keys(wishes) as readonly Action[];
export const isAction = (name: string): name is Action => Object.hasOwn(wishes, name);

/** The rules of a stored proposal's action. */
export function rulesOf(action: string): Rules<unknown> {
  if (!isAction(action)) throw new Error(`nobody knows how to ${action}`);
  return wishes[action].rules;
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
