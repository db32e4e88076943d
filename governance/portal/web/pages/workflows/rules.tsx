import { EVERY, useApi } from '../../api/hooks.ts';
import { actionTitle, proposalActions } from '../../api/words.ts';
import { type FieldSpec, nameField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { given, someOf } from '../../design/form-values.ts';
import { Facts, Section } from '../../design/page.tsx';
import { EmptyState, Loaded } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';

const MAX_APPROVALS = 9;

export default function Rules() {
  const tenant = useTenant();
  const { look, administer } = useMay(tenant);
  const path = { tenant };
  const answer = useApi('getTenantApprovalRules', { path }, { every: EVERY.list, enabled: look.allowed });
  const groupNames = answer.data?.groups.map(({ name }) => name) ?? [];
  return (
    <TenantPage
      title="Rules"
      intro="How many others have to agree to what. Changes of rules are proposals themselves."
    >
      <Loaded of={answer}>
        {({ policy, rules, groups }) => (
          <>
            <Facts
              of={[
                ['Where there is no rule', `${policy.name}: ${policy.approvals} by others than the proposer`],
              ]}
            />
            <Section
              title="Rules"
              actions={
                <FormDialog
                  button="Set a rule"
                  may={administer}
                  title="Set an approval rule"
                  fields={ruleFields(groupNames)}
                  submit="Propose"
                  operation="setTenantApprovalRule"
                  request={(values) => ({
                    path: { tenant, action: values.text('action') },
                    body: {
                      approvals: values.integer('approvals'),
                      ...given('groups', someOf(values.chosen('groups'))),
                    },
                  })}
                />
              }
            >
              {rules.length === 0 ? (
                <EmptyState title="No rule of its own: the policy holds for everything" />
              ) : (
                <Table
                  label="Approval rules"
                  rows={rules}
                  keyOf={({ action }) => action}
                  columns={[
                    { name: 'For', cell: ({ action }) => actionTitle(action) },
                    { name: 'Approvals', figures: true, cell: ({ approvals }) => approvals },
                    { name: 'From', cell: ({ groups: from }) => from.join(', ') || 'any approver' },
                    { name: 'Set by', cell: ({ setBy }) => setBy },
                    { name: 'Set', cell: ({ setAt }) => <Time at={setAt} /> },
                    {
                      name: 'Actions',
                      actions: true,
                      cell: ({ action }) => (
                        <FormDialog
                          button="Remove…"
                          tone="danger"
                          may={administer}
                          title={`Remove the rule for ${action}`}
                          confirm={action}
                          submit="Propose"
                          operation="removeTenantApprovalRule"
                          request={() => ({ path: { tenant, action } })}
                        />
                      ),
                    },
                  ]}
                />
              )}
            </Section>
            <Section
              title="Groups of approvers"
              intro="A group narrows who may approve; it makes nobody an approver by itself. Make it larger than the number of approvals."
              actions={
                <FormDialog
                  button="Set a group"
                  may={administer}
                  title="Set a group of approvers"
                  fields={[
                    nameField('name', 'Name', 'A group of that name is replaced.'),
                    {
                      name: 'members',
                      label: 'Members',
                      kind: 'lines',
                      required: true,
                      hint: 'One a line, as the audit log names them, such as corp:4711.',
                    },
                  ]}
                  submit="Propose"
                  operation="setTenantApproverGroup"
                  request={(values) => ({
                    path: { tenant, name: values.text('name') },
                    body: { members: values.lines('members') },
                  })}
                />
              }
            >
              {groups.length === 0 ? (
                <EmptyState title="No group of approvers" />
              ) : (
                <Table
                  label="Groups of approvers"
                  rows={groups}
                  keyOf={({ name }) => name}
                  columns={[
                    { name: 'Group', cell: ({ name }) => name },
                    { name: 'Members', cell: ({ members }) => members.join(', ') },
                    { name: 'Set by', cell: ({ setBy }) => setBy },
                    { name: 'Set', cell: ({ setAt }) => <Time at={setAt} /> },
                    {
                      name: 'Actions',
                      actions: true,
                      cell: ({ name }) => (
                        <FormDialog
                          button="Remove…"
                          tone="danger"
                          may={administer}
                          title={`Remove the group ${name}`}
                          confirm={name}
                          submit="Propose"
                          operation="removeTenantApproverGroup"
                          request={() => ({ path: { tenant, name } })}
                        />
                      ),
                    },
                  ]}
                />
              )}
            </Section>
          </>
        )}
      </Loaded>
    </TenantPage>
  );
}

const ruleFields = (groups: readonly string[]): FieldSpec[] => [
  {
    name: 'action',
    label: 'For',
    kind: 'select',
    required: true,
    options: ['any', ...proposalActions].map((each) => [each, actionTitle(each)] as const),
  },
  {
    name: 'approvals',
    label: 'Approvals',
    type: 'number',
    min: 1,
    max: MAX_APPROVALS,
    required: true,
    hint: 'By others than the proposer.',
  },
  {
    name: 'groups',
    label: 'From groups',
    kind: 'choices',
    options: groups,
    hint: 'None chosen: from any approver.',
  },
];
