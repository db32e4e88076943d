/**
 * Which of the changes take a proposal, and which of those that are pending ask for them already (governance/workflows/wishes.ts). A
 * pure function of the plan and of what waits: nothing is proposed twice.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Change, type Entry, isToDo, type Plan } from './entries.ts';
import type { Id, PendingProposal, Value } from './things.ts';

/** What is looked for among the proposals that wait: an action, and the parameters that make it this one. */
interface Wish {
  readonly actions: readonly string[];
  readonly parameters: Readonly<Record<string, unknown>>;
}

const wish = (action: string, parameters: Wish['parameters'] = {}): Wish => ({
  actions: [action],
  parameters,
});

/** Of a thing that is made, changed or removed by a proposal as a whole. */
function wishOf({ id, action, changes, declared }: Entry): Wish | undefined {
  const to = (field: string): Value | undefined => declared?.fields[field];
  switch (id.kind) {
    case 'Link':
      if (action === 'remove') return wish('unlink');
      return { actions: ['link', 'switch-key'], parameters: { key: to('key') } };
    case 'ApproverGroup':
      return wish('approver-group', {
        group: id.name,
        members: action === 'remove' ? null : to('members'),
      });
    case 'ApprovalRule':
      return wish('approval-rule', {
        action: id.name,
        rule: action === 'remove' ? null : { approvals: to('approvals'), groups: to('groups') },
      });
    case 'Tenant':
      if (action !== 'remove') return undefined;
      return wish(changes.some((change) => change.to === 'blocked') ? 'block-tenant' : 'terminate-tenant');
    default:
      return undefined;
  }
}

/** Of one field that is changed by a proposal of its own. */
function wishOfField({ kind, name }: Id, { field, to }: Change): Wish | undefined {
  if (kind === 'Tenant' && field === 'rotateLinkAfterSeconds')
    return wish('link-rotation-policy', { rotateAfterSeconds: to });
  if (kind === 'Tenant' && field === 'rotateKeyAfterSeconds')
    return wish('rotation-policy', { service: undefined, rotateAfterSeconds: to });
  if (kind === 'Service' && field === 'rotateAfterSeconds')
    return wish('rotation-policy', { service: name, rotateAfterSeconds: to });
  return undefined;
}

/** Tenants in which something may wait: of no others have the proposals to be read. */
export function tenantsToAsk(plan: Plan): string[] {
  const tenants = plan.filter(
    (entry) =>
      isToDo(entry) &&
      (wishOf(entry) !== undefined ||
        entry.changes.some((change) => wishOfField(entry.id, change) !== undefined)),
  );
  return [...new Set(tenants.flatMap(({ id }) => id.tenant ?? []))];
}

/** The plan, in which every change that is proposed already waits for that. */
export function awaiting(plan: Plan, pending: readonly PendingProposal[]): Plan {
  const byTenant = Map.groupBy(pending, ({ tenant }) => tenant);
  return plan.map((entry) => {
    const proposals = byTenant.get(entry.id.tenant ?? '') ?? [];
    return isToDo(entry) && proposals.length > 0 ? waitingFor(entry, proposals) : entry;
  });
}

function waitingFor(entry: Entry, proposals: readonly PendingProposal[]): Entry {
  const whole = find(wishOf(entry), proposals);
  if (whole !== undefined) return { ...entry, action: 'wait', waits: whole };
  const changes = entry.changes.map((change) => {
    const waits = find(wishOfField(entry.id, change), proposals);
    return waits === undefined ? change : { ...change, waits };
  });
  const waits = changes.length > 0 && changes.every((change) => change.waits !== undefined);
  return { ...entry, changes, action: waits ? 'wait' : entry.action };
}

function find(wanted: Wish | undefined, proposals: readonly PendingProposal[]): string | undefined {
  if (wanted === undefined) return undefined;
  return proposals.find(
    ({ action, parameters }) =>
      wanted.actions.includes(action) &&
      Object.entries(wanted.parameters).every(([name, value]) => alike(parameters[name], value)),
  )?.id;
}

/** Lists of people and groups are sets. */
function alike(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(normal(a), normal(b));
}
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value)].sort();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, normal(each)]));
}
