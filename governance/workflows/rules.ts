/**
 * How many people have to agree, and who they may be: for each tenant and action a rule, else the tenant's rule for all
 * actions (`any`), else the policy that it was onboarded with. Approvers are kept here and nowhere else, since who may change
 * them could approve anything: an identity provider's groups say who somebody is, never what they may approve (D13).
 */
import type { Selectable } from 'kysely';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { requireTenant } from '../domain/lookups.ts';
import { instant } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import { MAX_APPROVER_GROUPS } from '../limits.ts';
import type { Tenant } from '../store/schema.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import type { ApprovalRuleRow } from '../store/workflow-tables.ts';
import { countApprovers } from './approvers.ts';
import type { Members, Requirement } from './quorum.ts';

/** The rule for every action without one of its own. */
export const ANY_ACTION = 'any';

export interface Rule {
  /** By others than the proposer. */
  readonly approvals: number;
  /** Whose members may approve; empty: whoever holds the permission. */
  readonly groups: readonly string[];
}
type DevelopmentOperators = Pick<Cmk, 'developmentOperators'>;

interface NamedRule extends Rule {
  readonly rule: string;
}

export interface RuleView {
  action: string;
  approvals: number;
  groups: string[];
  setBy: string;
  setAt: string;
}
export interface GroupView {
  name: string;
  members: string[];
  setBy: string;
  setAt: string;
}

/** Of each of the actions as they hold now, each once, with the members that their groups have now. */
export async function requirementsOf(
  trx: Trx,
  tenant: Tenant,
  actions: readonly string[],
): Promise<Requirement[]> {
  const stored = await rulesOfTenant(trx, tenant.tenant);
  const rules = new Map<string, NamedRule>();
  for (const action of new Set(actions)) {
    const found = ruleFor(stored, tenant, action);
    rules.set(found.rule, found);
  }
  const groups = await membersOf(
    trx,
    tenant.tenant,
    [...rules.values()].flatMap((rule) => rule.groups),
  );
  return [...rules.values()].map(({ rule, approvals, groups: named }) => ({
    rule,
    approvals,
    groups: named,
    approvers: named.length === 0 ? null : union(named, groups),
  }));
}

function ruleFor(stored: readonly Selectable<ApprovalRuleRow>[], tenant: Tenant, action: string): NamedRule {
  const own = stored.find((row) => row.action === action) ?? stored.find((row) => row.action === ANY_ACTION);
  return own === undefined
    ? { rule: tenant.policy, approvals: tenant.quorum - 1, groups: [] }
    : { rule: `rule:${own.action}`, approvals: own.approvals, groups: own.groups };
}

/** Their members now; a group that is gone has none. */
export async function membersOf(trx: Trx, tenant: string, names: readonly string[]): Promise<Members> {
  if (names.length === 0) return new Map();
  const rows = await trx
    .selectFrom('approver_groups')
    .select(['name', 'members'])
    .where('tenant', '=', tenant)
    .where('name', 'in', [...new Set(names)])
    .execute();
  return new Map(rows.map(({ name, members }) => [name, members]));
}

const union = (names: readonly string[], groups: Members): string[] =>
  [...new Set(names.flatMap((name) => groups.get(name) ?? []))].sort();

async function rulesOfTenant(trx: Trx, tenant: string): Promise<Selectable<ApprovalRuleRow>[]> {
  return await trx
    .selectFrom('approval_rules')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('action')
    .execute();
}

/** The actions whose rules name the group: their approvers change with it. */
export async function actionsApprovedBy(trx: Trx, tenant: string, group: string): Promise<string[]> {
  return (await rulesOfTenant(trx, tenant))
    .filter(({ groups }) => groups.includes(group))
    .map(({ action }) => action);
}

/** The actions whose rules name no group: their approvers change with who holds the role. */
export async function actionsApprovedByRole(trx: Trx, tenant: string): Promise<string[]> {
  const rules = await rulesOfTenant(trx, tenant);
  const named = rules.filter(({ groups }) => groups.length === 0).map(({ action }) => action);
  return rules.some(({ action }) => action === ANY_ACTION) ? named : [...named, ANY_ACTION];
}

/** `null` gives the action back to the rule for all. Errors: GROUP_UNKNOWN, QUORUM_UNREACHABLE. */
export async function setRule(
  cmk: DevelopmentOperators,
  trx: Trx,
  who: Actor,
  { tenant, action, rule }: { tenant: string; action: string; rule: Rule | null },
): Promise<void> {
  if (rule === null)
    await trx
      .deleteFrom('approval_rules')
      .where('tenant', '=', tenant)
      .where('action', '=', action)
      .execute();
  else {
    const groups = [...new Set(rule.groups)].sort();
    const members = await membersOf(trx, tenant, groups);
    const unknown = groups.find((group) => !members.has(group));
    if (unknown !== undefined) throw new CmkError('GROUP_UNKNOWN', `${tenant} has no group ${unknown}`);
    await refuseUnreachable(cmk, trx, { tenant, action, approvals: rule.approvals, groups }, members);
    const value = { approvals: rule.approvals, groups, set_by: who.actor, set_at: new Date() };
    await trx
      .insertInto('approval_rules')
      .values({ tenant, action, ...value })
      .onConflict((conflict) => conflict.columns(['tenant', 'action']).doUpdateSet(value))
      .execute();
  }
  await audit(trx, who, {
    tenant,
    action: 'approval-rule.set',
    subject: `approval-rule:${tenant}/${action}`,
    outcome: 'accepted',
    detail: { rule },
  });
}

/** `null` removes it. Errors: GROUP_UNKNOWN, GROUP_IN_USE, QUORUM_UNREACHABLE, LIMIT_REACHED. */
export async function setGroup(
  cmk: DevelopmentOperators,
  trx: Trx,
  who: Actor,
  { tenant, group, members }: { tenant: string; group: string; members: readonly string[] | null },
): Promise<void> {
  const rules = (await rulesOfTenant(trx, tenant)).filter(({ groups }) => groups.includes(group));
  if (members === null) {
    const [user] = rules;
    if (user !== undefined)
      throw new CmkError('GROUP_IN_USE', `the rule for ${user.action} names the group ${group}`);
    const removed = await trx
      .deleteFrom('approver_groups')
      .where('tenant', '=', tenant)
      .where('name', '=', group)
      .executeTakeFirst();
    if (removed.numDeletedRows === 0n) throw new CmkError('GROUP_UNKNOWN', `${tenant} has no group ${group}`);
  } else {
    const value = { members: [...new Set(members)].sort(), set_by: who.actor, set_at: new Date() };
    await trx
      .insertInto('approver_groups')
      .values({ tenant, name: group, ...value })
      .onConflict((conflict) => conflict.columns(['tenant', 'name']).doUpdateSet(value))
      .execute();
    const { count } = await trx
      .selectFrom('approver_groups')
      .select((eb) => eb.fn.countAll<string>().as('count'))
      .where('tenant', '=', tenant)
      .executeTakeFirstOrThrow();
    if (Number(count) > MAX_APPROVER_GROUPS)
      throw new CmkError('LIMIT_REACHED', `a tenant has at most ${MAX_APPROVER_GROUPS} approver groups`);
    const all = await membersOf(
      trx,
      tenant,
      rules.flatMap(({ groups }) => groups),
    );
    for (const rule of rules) await refuseUnreachable(cmk, trx, rule, all);
  }
  await audit(trx, who, {
    tenant,
    action: 'approver-group.set',
    subject: `approver-group:${tenant}/${group}`,
    outcome: 'accepted',
    detail: { members },
  });
}

/** A rule that nobody can satisfy would lock the tenant out, from changing that rule too. */
async function refuseUnreachable(
  { developmentOperators }: DevelopmentOperators,
  trx: Trx,
  { tenant, action, approvals, groups }: Rule & { readonly tenant: string; readonly action: string },
  members: Members,
): Promise<void> {
  const among = groups.length === 0 ? null : union(groups, members);
  const people = await countApprovers(trx, tenant, among, developmentOperators);
  if (people >= approvals) return;
  const who = among === null ? 'people' : `of the members of ${groups.join(', ')}`;
  throw new CmkError(
    'QUORUM_UNREACHABLE',
    `${action} would take ${approvals} approvals, and ${people} ${who} may approve`,
  );
}

/** What holds: the tenant's policy, and every rule and group of its own. Throws TENANT_UNKNOWN. */
export async function viewRules(
  cmk: Cmk,
  tenant: string,
): Promise<{
  tenant: string;
  policy: { name: string; approvals: number };
  rules: RuleView[];
  groups: GroupView[];
}> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    const { policy, quorum } = await requireTenant(trx, tenant);
    const groups = await trx
      .selectFrom('approver_groups')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('name')
      .execute();
    return {
      tenant,
      policy: { name: policy, approvals: quorum - 1 },
      rules: (await rulesOfTenant(trx, tenant)).map(
        ({ action, approvals, groups: named, set_by, set_at }) => ({
          action,
          approvals,
          groups: named,
          setBy: set_by,
          setAt: instant(set_at),
        }),
      ),
      groups: groups.map(({ name, members, set_by, set_at }) => ({
        name,
        members,
        setBy: set_by,
        setAt: instant(set_at),
      })),
    };
  });
}
