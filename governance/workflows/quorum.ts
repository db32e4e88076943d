/**
 * Who has to agree, and what becomes of a proposal: pure rules over what was frozen when it was made (D13). No database
 * and no clock of its own, so that every order of events can be tried.
 *
 *     pending ──▶ executed            the last approval that was needed; carried out in the same transaction
 *        │   ├──▶ failed              … and what it asked for was refused: it is asked for anew
 *        │   ├──▶ rejected            one approver said no
 *        │   ├──▶ revoked             the proposer took it back
 *        │   └──▶ expired             nobody decided in time
 *
 * There is no state in which a proposal is approved and not carried out: whatever is killed, it is one or the other.
 */

export const proposalStates = ['pending', 'executed', 'failed', 'rejected', 'revoked', 'expired'] as const;
export type ProposalState = (typeof proposalStates)[number];

/** One rule as it stood when the proposal was made. A proposal may have to satisfy several. */
export interface Requirement {
  /** What asks for it: the tenant's policy by name, or `rule:ACTION`. */
  readonly rule: string;
  /** By different people, the proposer not among them. */
  readonly approvals: number;
  readonly groups: readonly string[];
  /** The members of the groups at that time; null where no group is named: whoever holds the permission. */
  readonly approvers: readonly string[] | null;
}

export interface Case {
  readonly state: ProposalState;
  readonly proposer: string;
  readonly requirements: readonly Requirement[];
  /** Who has approved so far. */
  readonly approvers: readonly string[];
  readonly expiresAt: Date;
}

/** A group's members now; a group that is gone has none. */
export type Members = ReadonlyMap<string, readonly string[]>;

export type Event =
  | {
      readonly kind: 'approve' | 'reject';
      readonly by: string;
      readonly at: Date;
      readonly members: Members;
      /** Of `by` and of whoever has approved so far: who may approve in the tenant now. */
      readonly permitted: readonly string[];
    }
  | { readonly kind: 'revoke'; readonly by: string; readonly at: Date }
  | { readonly kind: 'expire'; readonly at: Date };

export type Verdict =
  | {
      readonly ok: true;
      /** `approved`: carry it out now. */
      readonly next: 'pending' | 'approved' | 'rejected' | 'revoked' | 'expired';
      readonly approvers: readonly string[];
    }
  | {
      readonly ok: false;
      readonly code: 'PROPOSAL_DECIDED' | 'FOUR_EYES' | 'NOT_APPROVER' | 'NOT_PROPOSER';
      readonly detail: string;
    };

export function decide(proposal: Case, event: Event): Verdict {
  const { state, proposer, requirements, approvers, expiresAt } = proposal;
  const refuse = (code: Exclude<Verdict, { ok: true }>['code'], detail: string): Verdict => ({
    ok: false,
    code,
    detail,
  });
  if (state !== 'pending') return refuse('PROPOSAL_DECIDED', `the proposal is ${state}`);
  const late = event.at >= expiresAt;
  if (event.kind === 'expire')
    return late
      ? { ok: true, next: 'expired', approvers }
      : refuse('PROPOSAL_DECIDED', `the proposal lives until ${expiresAt.toISOString()}`);
  if (late) return refuse('PROPOSAL_DECIDED', `the proposal expired at ${expiresAt.toISOString()}`);
  const { by } = event;
  if (event.kind === 'revoke')
    return by === proposer
      ? { ok: true, next: 'revoked', approvers }
      : refuse('NOT_PROPOSER', `${proposer} made this proposal`);
  // The initiator never decides, however many groups they are in (D13).
  if (by === proposer) return refuse('FOUR_EYES', `${by} made this proposal`);
  const isApprover = (who: string): boolean =>
    event.permitted.includes(who) && mayApprove(requirements, who, event.members);
  if (!isApprover(by)) return refuse('NOT_APPROVER', `${by} is not among the approvers of this proposal`);
  if (event.kind === 'reject') return { ok: true, next: 'rejected', approvers };
  const agreed = approvers.includes(by) ? approvers : [...approvers, by];
  // An approval stands for as long as whoever gave it is an approver.
  const approved = isSatisfied(requirements, agreed.filter(isApprover));
  return { ok: true, next: approved ? 'approved' : 'pending', approvers: agreed };
}

/**
 * Whoever was no approver when it was proposed does not become one for it, and whoever has been taken out of a group since
 * is none any more, of any of its rules: else one approval would count where it may not.
 */
function mayApprove(requirements: readonly Requirement[], by: string, members: Members): boolean {
  const wasOne = requirements.filter(
    ({ approvals, approvers }) => approvals > 0 && (approvers === null || approvers.includes(by)),
  );
  return (
    wasOne.length > 0 &&
    wasOne.every(
      ({ approvers, groups }) =>
        approvers === null || groups.some((group) => members.get(group)?.includes(by) === true),
    )
  );
}

/** One approval counts for every requirement whose approver gave it. */
export const isSatisfied = (requirements: readonly Requirement[], approvers: readonly string[]): boolean =>
  requirements.every((each) => given(each, approvers) >= each.approvals);

export function given({ approvers: entitled }: Requirement, approvers: readonly string[]): number {
  const people = new Set(approvers);
  return entitled === null ? people.size : entitled.filter((each) => people.has(each)).length;
}

/** The first requirement that not even all its approvers together could satisfy; where no group is named, nobody can know. */
export const unreachable = (
  requirements: readonly Requirement[],
  proposer: string,
): Requirement | undefined =>
  requirements.find(
    ({ approvers, approvals }) =>
      approvers !== null && approvers.filter((by) => by !== proposer).length < approvals,
  );

/** How many people have to agree in all, the proposer counted. */
export const quorumOf = (requirements: readonly Requirement[]): number =>
  1 + Math.max(0, ...requirements.map(({ approvals }) => approvals));
