/**
 * Who may do what, as far as it helps to know before asking: the groups of governance/access/openkcm.cedarschema. CMK decides
 * anew at each request; this only keeps people from what it would refuse.
 */
import type { GetMeResponse } from '../../../client/types.gen.ts';

export type Role = 'administrator' | 'key-administrator' | 'approver' | 'auditor';
export const roles: readonly Role[] = ['administrator', 'key-administrator', 'approver', 'auditor'];

export interface Verdict {
  readonly allowed: boolean;
  /** Why not. */
  readonly reason: string;
}

const ALLOWED: Verdict = { allowed: true, reason: '' };
const UNKNOWN: Verdict = { allowed: false, reason: 'Not known yet who you are' };

/** All at once, since a page asks several of them. */
export interface May {
  /** To look at a tenant: whoever has a role in it. */
  readonly look: Verdict;
  readonly administer: Verdict;
  readonly administerKeys: Verdict;
  readonly approve: Verdict;
  readonly audit: Verdict;
  /** Either of the two administrators. */
  readonly propose: Verdict;
  /** To run the installation. */
  readonly operate: Verdict;
  /** Of a tenant, what operators may as well: that it is there, its jobs. */
  readonly help: Verdict;
  readonly retryJobs: Verdict;
  readonly cancelJobs: Verdict;
}

export function mayOf(me: GetMeResponse | undefined, tenant: string | undefined): May {
  const all = (verdict: Verdict): May => ({
    look: verdict,
    administer: verdict,
    administerKeys: verdict,
    approve: verdict,
    audit: verdict,
    propose: verdict,
    operate: verdict,
    help: verdict,
    retryJobs: verdict,
    cancelJobs: verdict,
  });
  if (me === undefined) return all(UNKNOWN);
  if (me.duty === 'development') return all(ALLOWED);
  const operator = me.duty === 'operator';
  const own = me.tenants.find((each) => each.tenant === tenant)?.roles ?? [];
  const needs = (...wanted: Role[]): Verdict => {
    if (operator && tenant !== undefined)
      return {
        allowed: false,
        reason: 'Operators of the platform stay out of tenants’ keys, people and decisions',
      };
    if (own.some((role) => wanted.includes(role))) return ALLOWED;
    return {
      allowed: false,
      reason: `Needs the role ${wanted.join(' or ')}${tenant === undefined ? '' : ` in ${tenant}`}`,
    };
  };
  const operate: Verdict = operator ? ALLOWED : { allowed: false, reason: 'For operators of the platform' };
  const either = (verdict: Verdict): Verdict => (operator ? ALLOWED : verdict);
  const approve = needs('approver');
  return {
    look: needs(...roles),
    administer: needs('administrator'),
    administerKeys: needs('key-administrator'),
    approve: approve.allowed && !me.person ? { allowed: false, reason: 'Only people approve' } : approve,
    audit: tenant === undefined ? operate : needs('auditor'),
    propose: needs('administrator', 'key-administrator'),
    operate,
    help: either(needs(...roles)),
    retryJobs: either(needs('administrator', 'key-administrator')),
    cancelJobs: tenant === undefined ? operate : needs('administrator', 'key-administrator'),
  };
}

/** Allowed by one, but not now. */
export const unless = (verdict: Verdict, hindered: boolean, reason: string): Verdict =>
  verdict.allowed && hindered ? { allowed: false, reason } : verdict;
