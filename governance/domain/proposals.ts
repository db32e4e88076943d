/**
 * Four eyes (D13): what can lock out or expose is proposed, approved by as many operators as the tenant's policy asks
 * for, and carried out in the transaction of the last approval. The proposer counts as the first. Under the policy
 * `development-quorum-one` the proposal is carried out at once, and recorded as approved by its proposer alone.
 */
import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { startLinks, startUnlink } from '../links/request.ts';
import { type Actor, audit } from '../store/audit.ts';
import type { ApprovalRow, Proposal } from '../store/schema.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import { requireKey } from './keys.ts';
import { lockTenant, requireTenant } from './lookups.ts';
import { cursorOf, instant, instantOrNull, limitOf, type Page, type PageRequest, toPage } from './pages.ts';

export type Wish =
  | { readonly action: 'link'; readonly parameters: { readonly key: string } }
  | { readonly action: 'unlink'; readonly parameters: { readonly reason: string } };

export interface ProposalView {
  id: string;
  tenant: string;
  action: 'link' | 'unlink';
  parameters: Record<string, string>;
  state: 'pending' | 'executed';
  policy: string;
  quorum: number;
  proposer: string;
  approvals: { approver: string; at: string }[];
  createdAt: string;
  decidedAt: string | null;
}

/** Links to a key whose keystore says, asked before any transaction, that it cannot be used are refused at once. */
export async function propose(cmk: Cmk, who: Actor, tenant: string, wish: Wish): Promise<ProposalView> {
  if (wish.action === 'link') await refuseUnusableKey(cmk, tenant, wish.parameters.key);
  return await asTenant(cmk.db, tenant, async (trx) => {
    const { policy, quorum } = await lockTenant(trx, tenant);
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

  await execute(cmk, trx, who, proposal);
  const executed = await trx
    .updateTable('proposals')
    .set({ state: 'executed', decided_at: new Date() })
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

async function execute(cmk: Cmk, trx: Trx, who: Actor, proposal: Proposal): Promise<void> {
  const { tenant, id, parameters } = proposal;
  const { key, reason } = parameters as { key?: string; reason?: string };
  switch (proposal.action) {
    case 'link':
      if (key === undefined) throw new Error('a proposal to link names no key');
      return await startLinks(cmk, trx, who, { tenant, key, proposal: id });
    case 'unlink':
      return await startUnlink(cmk, trx, who, { tenant, reason: reason ?? 'no reason given', proposal: id });
  }
}

async function refuseUnusableKey(cmk: Cmk, tenant: string, alias: string): Promise<void> {
  const key = await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    return await requireKey(cmk, trx, tenant, alias);
  });
  const state = await key.provider.describe(key.reference);
  cmk.metrics.keystoreAnswer(state);
  // One that is away is waited for by the link itself.
  if (state !== 'ENABLED' && state !== 'UNREACHABLE' && state !== 'UNKNOWN')
    throw new CmkError('KEY_NOT_USABLE', `${alias} is ${state} at its keystore`);
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
    createdAt: instant(row.created_at),
    decidedAt: instantOrNull(row.decided_at),
  };
}
