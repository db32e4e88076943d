/** Proposals as operators see them: what is asked, who has to agree, who has, and what came of it. */
import type { Selectable } from 'kysely';
import type { Cmk } from '../context.ts';
import { requireTenant } from '../domain/lookups.ts';
import {
  cursorOf,
  instant,
  instantOrNull,
  limitOf,
  type Page,
  type PageRequest,
  toPage,
} from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import type { ApprovalRow, Proposal, RegionJob } from '../store/schema.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { given, type ProposalState } from './quorum.ts';

export interface RequirementView {
  /** The tenant's policy, or the rule that asks for it. */
  rule: string;
  approvals: number;
  /** Of those, how many have been given. */
  given: number;
  groups: string[];
  /** Who may give them; null: whoever holds the permission. */
  approvers: string[] | null;
}

export interface ProposalView {
  id: string;
  tenant: string;
  action: string;
  parameters: Record<string, unknown>;
  state: ProposalState;
  policy: string;
  /** How many people have to agree in all, the proposer counted. */
  quorum: number;
  requirements: RequirementView[];
  proposer: string;
  /** By others than the proposer. */
  approvals: { approver: string; at: string }[];
  /** What the regions were asked when it was carried out; empty before. */
  jobs: RegionJob[];
  createdAt: string;
  expiresAt: string;
  decidedAt: string | null;
  decidedBy: string | null;
  reason: string | null;
  /** Why an approved proposal was not carried out. */
  error: { code: string; detail: string } | null;
  correlationId: string;
}

/** Newest first. Errors: TENANT_UNKNOWN, INVALID_CURSOR. */
export async function listProposals(
  cmk: Cmk,
  tenant: string,
  filter: { readonly state?: ProposalState; readonly action?: string },
  page: PageRequest,
): Promise<Page<ProposalView>> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('proposals')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limitOf(page) + 1);
    if (filter.state !== undefined) query = query.where('state', '=', filter.state);
    if (filter.action !== undefined) query = query.where('action', '=', filter.action);
    const after = cursorOf(page);
    if (after !== undefined) {
      if (!/^[0-9a-f-]{36}$/.test(after))
        throw new CmkError('INVALID_CURSOR', 'the cursor names no proposal');
      query = query.where((eb) =>
        eb(
          eb.refTuple('created_at', 'id'),
          '<',
          eb
            .selectFrom('proposals as shown')
            .select(['shown.created_at', 'shown.id'])
            .where('shown.tenant', '=', tenant)
            .where('shown.id', '=', after)
            .$asTuple('created_at', 'id'),
        ),
      );
    }
    const rows = await query.execute();
    const approvals = await approvalsOf(
      trx,
      rows.map((row) => row.id),
    );
    return toPage(
      rows,
      page,
      (row) => row.id,
      (row) => toView(row, approvals),
    );
  });
}

/** Errors: TENANT_UNKNOWN, PROPOSAL_UNKNOWN. */
export async function getProposal(cmk: Cmk, tenant: string, id: string): Promise<ProposalView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    return toView(await requireProposal(trx, tenant, id), await approvalsOf(trx, [id]));
  });
}

export async function requireProposal(trx: Trx, tenant: string, id: string): Promise<Proposal> {
  const row = await trx
    .selectFrom('proposals')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined) throw new CmkError('PROPOSAL_UNKNOWN', `${tenant} has no proposal ${id}`);
  return row;
}

export async function approvalsOf(
  trx: Trx,
  proposals: readonly string[],
): Promise<Selectable<ApprovalRow>[]> {
  if (proposals.length === 0) return [];
  return await trx
    .selectFrom('approvals')
    .selectAll()
    .where('proposal', 'in', [...proposals])
    .orderBy('approved_at')
    .execute();
}

export function toView(row: Proposal, all: readonly Selectable<ApprovalRow>[]): ProposalView {
  // Older rows count the proposer among the approvers.
  const approvals = all.filter(({ proposal, approver }) => proposal === row.id && approver !== row.proposer);
  const approvers = approvals.map(({ approver }) => approver);
  return {
    id: row.id,
    tenant: row.tenant,
    action: row.action,
    parameters: row.parameters,
    state: row.state,
    policy: row.policy,
    quorum: row.quorum,
    requirements: row.requirements.map((requirement) => ({
      rule: requirement.rule,
      approvals: requirement.approvals,
      given: Math.min(given(requirement, approvers), requirement.approvals),
      groups: [...requirement.groups],
      approvers: requirement.approvers === null ? null : [...requirement.approvers],
    })),
    proposer: row.proposer,
    approvals: approvals.map(({ approver, approved_at }) => ({ approver, at: instant(approved_at) })),
    jobs: row.jobs,
    createdAt: instant(row.created_at),
    expiresAt: instant(row.expires_at),
    decidedAt: instantOrNull(row.decided_at),
    decidedBy: row.decided_by,
    reason: row.reason,
    error: row.error,
    correlationId: row.correlation_id,
  };
}
