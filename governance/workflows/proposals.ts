/**
 * Four eyes (D13): what can lock out, expose or weaken (wishes.ts) is proposed, approved by as many others as the tenant's
 * rules ask for, and carried out in the transaction of the last approval. So it is done exactly once, whatever is killed:
 * either the approval, its effect and its audit event have been committed, or nothing has. The proposer never approves.
 *
 * Under the policy `development-quorum-one` a proposal is carried out as it is made; so it is under any rule where the
 * wish protects no less than what holds.
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { JobConflictError } from '../../orbital/index.ts';
import { isDevelopmentName } from '../access/development-tokens.ts';
import { approversAmong } from '../access/standing.ts';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { lockTenant } from '../domain/lookups.ts';
import { CmkError } from '../errors.ts';
import { EXPIRY_BATCH, MAX_PENDING_PROPOSALS, PROPOSAL_TTL_MS } from '../limits.ts';
import type { Proposal, RegionJob } from '../store/schema.ts';
import { asPlatform, asTenant, type Trx } from '../store/transactions.ts';
import { type Case, decide, type Event, isSatisfied, quorumOf, unreachable, type Verdict } from './quorum.ts';
import { membersOf, requirementsOf } from './rules.ts';
import { approvalsOf, type ProposalView, requireProposal, toView } from './view.ts';
import { rulesOf, type Wish } from './wishes.ts';

/** Stands as the policy of what needed no second operator. */
const HARMLESS = 'protects-no-less';
const SYSTEM = 'system:workflows';

/** Errors: TENANT_UNKNOWN, QUORUM_UNREACHABLE, LIMIT_REACHED, and whatever carrying it out now would refuse. */
export async function propose(cmk: Cmk, who: Actor, tenant: string, wish: Wish): Promise<ProposalView> {
  const rules = rulesOf(wish.action);
  await rules.ask?.(cmk, tenant, wish.parameters);
  return await asTenant(cmk.db, tenant, async (trx) => {
    const row = await lockTenant(trx, tenant);
    await rules.check?.(trx, tenant, wish.parameters);
    const harmless = (await rules.isHarmless?.(trx, tenant, wish.parameters)) === true;
    const concerned = [wish.action, ...((await rules.concerns?.(trx, tenant, wish.parameters)) ?? [])];
    const requirements = harmless ? [] : await requirementsOf(trx, row, concerned);
    const impossible = unreachable(requirements, who.actor);
    if (impossible !== undefined)
      throw new CmkError(
        'QUORUM_UNREACHABLE',
        `${impossible.rule} takes ${impossible.approvals} approvals of ${impossible.groups.join(', ')}`,
      );
    const policy = harmless ? HARMLESS : requirements.map(({ rule }) => rule).join(' + ');
    const quorum = quorumOf(requirements);
    const id = randomUUID();
    await refuseTooMany(trx, tenant);
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
        requirements: JSON.stringify(requirements),
        state: 'pending',
        correlation_id: who.correlationId,
        expires_at: new Date(Date.now() + PROPOSAL_TTL_MS),
        decided_at: null,
      })
      .execute();
    const proposal = await requireProposal(trx, tenant, id);
    const atOnce = isSatisfied(requirements, []);
    if (!atOnce) await rehearse(cmk, trx, who, proposal);
    await tell(trx, who, proposal, 'create', 'accepted', { ...wish.parameters, policy, quorum });
    return atOnce ? await carryOut(cmk, trx, who, proposal) : toView(proposal, []);
  });
}

/**
 * Where it was the last approval that was needed, the wish is carried out with it; what is refused then ends the proposal
 * as failed, and the approval stands. Errors: PROPOSAL_UNKNOWN, PROPOSAL_DECIDED, FOUR_EYES, NOT_APPROVER.
 */
export async function approve(cmk: Cmk, who: Actor, tenant: string, id: string): Promise<ProposalView> {
  return await decided(cmk, tenant, id, { kind: 'approve', by: who.actor }, async (trx, proposal, next) => {
    await trx
      .insertInto('approvals')
      .values({ tenant, proposal: id, approver: who.actor })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    await tell(trx, who, proposal, 'approve', 'accepted');
    return next === 'approved'
      ? await carryOutOrFail(cmk, trx, who, proposal)
      : toView(proposal, await approvalsOf(trx, [id]));
  });
}

/** One approver's no is enough. Errors: as approve. */
export async function reject(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  id: string,
  reason: string,
): Promise<ProposalView> {
  return await decided(cmk, tenant, id, { kind: 'reject', by: who.actor }, (trx, proposal) =>
    end(trx, who, proposal, 'rejected', 'reject', { reason }),
  );
}

/** By whoever made it. Errors: PROPOSAL_UNKNOWN, PROPOSAL_DECIDED, NOT_PROPOSER. */
export async function revoke(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  id: string,
  reason: string,
): Promise<ProposalView> {
  return await decided(cmk, tenant, id, { kind: 'revoke', by: who.actor }, (trx, proposal) =>
    end(trx, who, proposal, 'revoked', 'revoke', { reason }),
  );
}

/** Ends what nobody has decided in time. Until it has run, such a proposal cannot be approved all the same. */
export async function expireProposals(cmk: Cmk): Promise<void> {
  const due = await asPlatform(cmk.db, (trx) =>
    trx
      .selectFrom('proposals')
      .select(['tenant', 'id'])
      .where('state', '=', 'pending')
      .where('expires_at', '<=', new Date())
      .orderBy('expires_at')
      .limit(EXPIRY_BATCH)
      .execute(),
  );
  for (const { tenant, id } of due) {
    const who = { actor: SYSTEM, correlationId: randomUUID() };
    try {
      await decided(cmk, tenant, id, { kind: 'expire' }, (trx, proposal) =>
        end(trx, who, proposal, 'expired', 'expire'),
      );
    } catch (error) {
      // Somebody took it back a moment ago.
      if (!(error instanceof CmkError && error.code === 'PROPOSAL_DECIDED')) throw error;
    }
  }
}

type Deciding =
  | { readonly kind: 'approve'; readonly by: string }
  | { readonly kind: 'reject'; readonly by: string }
  | { readonly kind: 'revoke'; readonly by: string }
  | { readonly kind: 'expire' };

/** Puts the event to the rules (quorum.ts) with the tenant locked, and does what follows from their verdict. */
async function decided(
  cmk: Cmk,
  tenant: string,
  id: string,
  deciding: Deciding,
  then: (trx: Trx, proposal: Proposal, next: Extract<Verdict, { ok: true }>['next']) => Promise<ProposalView>,
): Promise<ProposalView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const proposal = await requireProposal(trx, tenant, id);
    const present = await caseOf(trx, proposal);
    const verdict = decide(present, await eventOf(cmk, trx, proposal, present, deciding));
    if (!verdict.ok) throw new CmkError(verdict.code, verdict.detail);
    return await then(trx, proposal, verdict.next);
  });
}

async function caseOf(trx: Trx, proposal: Proposal): Promise<Case> {
  const { state, proposer, requirements, expires_at: expiresAt } = proposal;
  const approvers = (await approvalsOf(trx, [proposal.id]))
    .map(({ approver }) => approver)
    .filter((approver) => approver !== proposer);
  return { state, proposer, requirements, approvers, expiresAt };
}

/** Asked again with the tenant locked: a role may have been taken since the request was let in, or since an approval. */
async function eventOf(
  cmk: Cmk,
  trx: Trx,
  { tenant, requirements }: Proposal,
  { approvers }: Case,
  deciding: Deciding,
): Promise<Event> {
  const at = new Date();
  if (deciding.kind !== 'approve' && deciding.kind !== 'reject') return { ...deciding, at };
  const members = await membersOf(
    trx,
    tenant,
    requirements.flatMap(({ groups }) => groups),
  );
  const people = [...approvers, deciding.by];
  const holders = await approversAmong(trx, tenant, people);
  const permitted = people.filter(
    (each) => holders.includes(each) || (cmk.development && isDevelopmentName(each)),
  );
  return { ...deciding, at, members, permitted };
}

/**
 * What could not be done now is not put before anybody: it is done and undone. Errors: those of carrying it out.
 */
async function rehearse(cmk: Cmk, trx: Trx, who: Actor, proposal: Proposal): Promise<void> {
  await sql`SAVEPOINT rehearsal`.execute(trx);
  await effect(cmk, trx, who, proposal);
  await sql`ROLLBACK TO SAVEPOINT rehearsal`.execute(trx);
}

const effect = (cmk: Cmk, trx: Trx, who: Actor, proposal: Proposal): Promise<RegionJob[]> =>
  rulesOf(proposal.action).carryOut(cmk, trx, {
    who,
    tenant: proposal.tenant,
    proposal: proposal.id,
    parameters: proposal.parameters,
  });

async function carryOut(cmk: Cmk, trx: Trx, who: Actor, proposal: Proposal): Promise<ProposalView> {
  const jobs = await effect(cmk, trx, who, proposal);
  return await end(trx, who, proposal, 'executed', 'execute', { jobs });
}

async function carryOutOrFail(cmk: Cmk, trx: Trx, who: Actor, proposal: Proposal): Promise<ProposalView> {
  await sql`SAVEPOINT carrying_out`.execute(trx);
  try {
    return await carryOut(cmk, trx, who, proposal);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    await sql`ROLLBACK TO SAVEPOINT carrying_out`.execute(trx);
    return await end(trx, who, proposal, 'failed', 'execute', { error: refusal });
  }
}

/** Whatever else goes wrong undoes the approval too, and its caller may try again. */
function refusalOf(error: unknown): { code: string; detail: string } | undefined {
  if (error instanceof CmkError) return { code: error.code, detail: error.message };
  if (error instanceof JobConflictError)
    return { code: 'JOB_LIVE', detail: `job ${error.liveJobId} is still running` };
  return undefined;
}

async function end(
  trx: Trx,
  who: Actor,
  proposal: Proposal,
  state: 'executed' | 'failed' | 'rejected' | 'revoked' | 'expired',
  action: string,
  outcome: { jobs?: RegionJob[]; reason?: string; error?: { code: string; detail: string } } = {},
): Promise<ProposalView> {
  const { jobs, reason, error } = outcome;
  const ended = await trx
    .updateTable('proposals')
    .set({
      state,
      decided_at: new Date(),
      decided_by: who.actor,
      ...(jobs === undefined ? {} : { jobs: JSON.stringify(jobs) }),
      ...(reason === undefined ? {} : { reason }),
      ...(error === undefined ? {} : { error: JSON.stringify(error) }),
    })
    .where('id', '=', proposal.id)
    .where('state', '=', 'pending')
    .returningAll()
    .executeTakeFirstOrThrow();
  const approvals = await approvalsOf(trx, [proposal.id]);
  await tell(trx, who, proposal, action, error === undefined ? 'accepted' : 'failed', {
    proposer: proposal.proposer,
    approvers: approvals.map(({ approver }) => approver),
    policy: proposal.policy,
    ...outcome,
  });
  return toView(ended, approvals);
}

/** The audit events of a proposal are `proposal.create`, `.approve`, `.execute`, `.reject`, `.revoke` and `.expire`. */
async function tell(
  trx: Trx,
  who: Actor,
  { tenant, id, action: wish }: Proposal,
  action: string,
  outcome: 'accepted' | 'failed',
  detail: Record<string, unknown> = {},
): Promise<void> {
  await audit(trx, who, {
    tenant,
    action: `proposal.${action}`,
    subject: `proposal:${id}`,
    outcome,
    detail: { wish, ...detail },
  });
}

async function refuseTooMany(trx: Trx, tenant: string): Promise<void> {
  const { count } = await trx
    .selectFrom('proposals')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('tenant', '=', tenant)
    .where('state', '=', 'pending')
    .executeTakeFirstOrThrow();
  if (Number(count) >= MAX_PENDING_PROPOSALS)
    throw new CmkError('LIMIT_REACHED', `a tenant has at most ${MAX_PENDING_PROPOSALS} pending proposals`);
}
