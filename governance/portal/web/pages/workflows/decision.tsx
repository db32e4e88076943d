import type { Proposal } from '../../../../client/types.gen.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { reasonField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { unless, useMay, useMe } from '../../session/may.ts';

interface Props {
  readonly proposal: Proposal;
  readonly onNext: () => void;
}

/** Approve and reject are others' than the proposer's, and never offered to them; to revoke is the proposer's alone. */
export function Decision({ proposal, onNext }: Props) {
  const { tenant, id, state, proposer, approvals, requirements } = proposal;
  const may = useMay(tenant);
  const { data: me } = useMe();
  if (state !== 'pending' || me === undefined) return null;
  const path = { tenant, id };
  if (me.principal === proposer) {
    return (
      <FormDialog
        button="Revoke…"
        may={may.propose}
        title="Revoke your proposal"
        intro="It ends, and nothing happens."
        fields={[reasonField()]}
        submit="Revoke"
        operation="revokeTenantProposal"
        request={(values) => ({ path, body: { reason: values.text('reason') } })}
        done="Revoked"
      />
    );
  }
  const hasApproved = approvals.some(({ approver }) => approver === me.principal);
  const isAsked = requirements.some(
    ({ approvers }) => approvers === null || approvers.includes(me.principal),
  );
  const approve = unless(
    unless(may.approve, hasApproved, 'You have approved it'),
    !isAsked,
    'Its rules name others who may approve it',
  );
  return (
    <>
      <ActionButton
        operation="approveTenantProposal"
        request={{ path }}
        tone="main"
        icon="check"
        may={approve}
      >
        Approve
      </ActionButton>
      <FormDialog
        button="Reject…"
        tone="danger"
        may={may.approve}
        title="Reject the proposal"
        intro="One rejection ends it."
        fields={[reasonField()]}
        submit="Reject"
        operation="rejectTenantProposal"
        request={(values) => ({ path, body: { reason: values.text('reason') } })}
        done="Rejected"
        onDone={onNext}
      />
    </>
  );
}
