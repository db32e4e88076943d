/**
 * Four eyes (D13): what can lock out, expose or weaken (wishes.ts) is proposed, approved by as many operators as the
 * tenant's policy asks for, and carried out in the transaction of the last approval. The proposer counts as the first.
 * Under the policy `development-quorum-one` the proposal is carried out at once, and recorded as approved by its proposer
 * alone; so it is under any policy where the wish protects no less than what holds.
 */
import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { type Actor, audit } from '../store/audit.ts';
import type { ApprovalRow, Proposal, RegionJob } from '../store/schema.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { lockTenant, requireTenant } from './lookups.ts';
import { cursorOf, instant, instantOrNull, limitOf, type Page, type PageRequest, toPage } from './pages.ts';
import { rulesOf, type Wish } from './wishes.ts';

/** Stands as the policy of what needed no second operator. */
const HARMLESS = 'protects-no-less';

export interface ProposalView {
  id: string;
  tenant: string;
  action: string;
  parameters: Record<string, unknown>;
  state: 'pending' | 'executed';
  policy: string;
  quorum: number;
  proposer: string;
  approvals: { approver: string; at: string }[];
  /** What the regions were asked when it was carried out; empty before. */
  jobs: RegionJob[];
  createdAt: string;
  decidedAt: string | null;
}

/** Errors: TENANT_UNKNOWN, what the wish's own rules refuse and, where it is carried out at once, what that refuses. */
export async function propose(cmk: Cmk, who: Actor, tenant: string, wish: Wish): Promise<ProposalView> {
  const rules = rulesOf(wish.action);
  await rules.ask?.(cmk, tenant, wish.parameters);
  return await asTenant(cmk.db, tenant, async (trx) => {
    const rule = await lockTenant(trx, tenant);
    await rules.check?.(trx, tenant, wish.parameters);
    const harmless = (await rules.isHarmless?.(trx, tenant, wish.parameters)) === true;
    const { policy, quorum } = harmless ? { policy: HARMLESS, quorum: 1 } : rule;
    const id = randomUUID();
    await trx
      .insertInto('proposals')
      .values({
        id,
        tenant,
        action: wish.action,
        parameters: JSON.stringify(wish.parameters),
        proposer: who.actor,
        policy,
        quorum,
        state: 'pending',
        correlation_id: who.correlationId,
        decided_at: null,
      })
      .execute();
    await audit(trx, who, {
      tenant,
      action: `${wish.action}.propose`,
      subject: `proposal:${id}`,
      outcome: 'accepted',
      detail: { ...wish.parameters, policy, quorum },
    });
    return await approveBy(cmk, trx, who, await requireProposal(trx, tenant, id));
  });
}

/** Errors: PROPOSAL_UNKNOWN, PROPOSAL_DECIDED, FOUR_EYES, and those of what is carried out. */
export async function approve(cmk: Cmk, who: Actor, tenant: string, id: string): Promise<ProposalView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const proposal = await requireProposal(trx, tenant, id);
    if (proposal.state !== 'pending')
      throw new CmkError('PROPOSAL_DECIDED', `proposal ${id} is ${proposal.state}`);
    if (proposal.proposer === who.actor) throw new CmkError('FOUR_EYES', `${who.actor} made this proposal`);
    return await approveBy(cmk, trx, who, proposal);
  });
}

export async function listProposals(
  cmk: Cmk,
  tenant: string,
  page: PageRequest,
): Promise<Page<ProposalView>> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('proposals')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('id')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) {
      if (!/^[0-9a-f-]{36}$/.test(after))
        throw new CmkError('INVALID_CURSOR', 'the cursor names no proposal');
      query = query.where('id', '>', after);
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

async function approveBy(cmk: Cmk, trx: Trx, who: Actor, proposal: Proposal): Promise<ProposalView> {
  const { tenant, id } = proposal;
  await trx
    .insertInto('approvals')
    .values({ tenant, proposal: id, approver: who.actor })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const approvals = await approvalsOf(trx, [id]);
  if (approvals.length < proposal.quorum) return toView(proposal, approvals);

  const jobs = await rulesOf(proposal.action).carryOut(cmk, trx, {
    who,
    tenant,
    proposal: id,
    parameters: proposal.parameters,
  });
  const executed = await trx
    .updateTable('proposals')
    .set({ state: 'executed', decided_at: new Date(), jobs: JSON.stringify(jobs) })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
  await audit(trx, who, {
    tenant,
    action: `${proposal.action}.approve`,
    subject: `proposal:${id}`,
    outcome: 'accepted',
    detail: { approvers: approvals.map((approval) => approval.approver), policy: proposal.policy },
  });
  return toView(executed, approvals);
}

async function requireProposal(trx: Trx, tenant: string, id: string): Promise<Proposal> {
  const row = await trx
    .selectFrom('proposals')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined) throw new CmkError('PROPOSAL_UNKNOWN', `${tenant} has no proposal ${id}`);
  return row;
}

async function approvalsOf(trx: Trx, proposals: readonly string[]): Promise<Selectable<ApprovalRow>[]> {
  if (proposals.length === 0) return [];
  return await trx
    .selectFrom('approvals')
    .selectAll()
    .where('proposal', 'in', [...proposals])
    .orderBy('approved_at')
    .execute();
}

function toView(row: Proposal, approvals: readonly Selectable<ApprovalRow>[]): ProposalView {
  return {
    id: row.id,
    tenant: row.tenant,
    action: row.action,
    parameters: row.parameters,
    state: row.state,
    policy: row.policy,
    quorum: row.quorum,
    proposer: row.proposer,
    approvals: approvals
      .filter((approval) => approval.proposal === row.id)
      .map(({ approver, approved_at }) => ({ approver, at: instant(approved_at) })),
    jobs: row.jobs,
    createdAt: instant(row.created_at),
    decidedAt: instantOrNull(row.decided_at),
  };
}
