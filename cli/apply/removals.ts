/** What becomes of things that were declared once and are declared no longer. What was never declared is not looked at. */
import type { Entry } from './entries.ts';
import { type Id, type Kind, type Problem, titleOf } from './things.ts';

/** Kinds that the API removes. */
const REMOVABLE: ReadonlySet<Kind> = new Set([
  'ApproverGroup',
  'ApprovalRule',
  'KeyConfiguration',
  'Link',
  'Workspace',
  'System',
  'Application',
]);

type Outcome = Pick<Entry, 'action' | 'why' | 'warning'> & Partial<Pick<Entry, 'changes'>>;

const left = (why: Problem): Outcome => ({ action: 'left', why });

/** Of a tenant that ends, its applications go first: one that has some is not terminated. What else it has ends with it. */
export function removal(
  id: Id,
  { named, ending }: { readonly named: ReadonlySet<string>; readonly ending: ReadonlySet<string> },
): Outcome {
  if (id.tenant !== null && !named.has(id.tenant)) {
    if (ending.has(id.tenant) && id.kind === 'Application') return { action: 'remove' };
    return left({
      code: 'TENANT_NOT_NAMED',
      message: `${titleOf(id)} stays: nothing that is declared names ${id.tenant}`,
      hint: 'name the tenant, or end it with --prune-tenants',
    });
  }
  if (!REMOVABLE.has(id.kind))
    return left({
      code: 'CANNOT_REMOVE',
      message: `${titleOf(id)} stays: a ${id.kind} is never removed`,
      hint: 'declare it again, or let it be',
    });
  return { action: 'remove' };
}

const FOR_GOOD = 'nobody will ever open its keys again, nor use its name';

/**
 * An active tenant is blocked first: its end takes two decisions, and so two runs. One that was only requested is in no region and
 * cannot be blocked: it ends at once.
 */
export function endOfTenant(id: Id, state: string | undefined, ends: boolean): Outcome {
  if (!ends)
    return left({
      code: 'TENANT_STAYS',
      message: `${titleOf(id)} stays, and all that it has`,
      hint: '--prune-tenants ends it: nobody opens its keys again',
    });
  switch (state) {
    case 'provisioning':
    case 'active':
      return {
        action: 'remove',
        changes: [{ field: 'state', from: state, to: 'blocked' }],
        warning: `its applications are refused within a second; the next run with --prune-tenants terminates it: then ${FOR_GOOD}`,
      };
    case 'requested':
    case 'blocked':
      return {
        action: 'remove',
        changes: [{ field: 'state', from: state, to: 'terminated' }],
        warning: `this cannot be taken back: ${FOR_GOOD}`,
      };
    case 'blocking':
    case 'terminating':
      return {
        action: 'held',
        why: {
          code: 'TENANT_STATE',
          message: `${id.name} is ${state}`,
          hint: 'apply again when it has ended',
        },
      };
    default:
      return left({ code: 'TENANT_STATE', message: `${id.name} is ${state ?? 'gone'}` });
  }
}
