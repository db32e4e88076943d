import type { ListTenantGroupsResponse } from '../../../../client/types.gen.ts';
import { ApiTable } from '../../design/api-table.tsx';
import { nameField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { given } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { unless, useMay } from '../../session/may.ts';

export function Groups({ tenant }: { readonly tenant: string }) {
  const { administer } = useMay(tenant);
  return (
    <Section
      title="Groups"
      intro="People and machines that get roles together: members that are named here, or whoever the identity provider says is in one of its groups."
      actions={
        <FormDialog
          button="New group"
          may={administer}
          title="New group"
          fields={[
            nameField('name', 'Name'),
            { name: 'displayName', label: 'Display name', maxLength: 200 },
            {
              name: 'claim',
              label: 'Group at the provider',
              hint: 'Such as corp:payments-keys. Left out: members are named here.',
            },
          ]}
          submit="Create"
          operation="createTenantGroup"
          request={(values) => ({
            path: { tenant },
            body: {
              name: values.text('name'),
              ...given('displayName', values.optional('displayName')),
              ...given('claim', values.optional('claim')),
            },
          })}
          done="Created"
        />
      }
    >
      <ApiTable
        operation="listTenantGroups"
        request={{ path: { tenant } }}
        label="Groups"
        empty="No group"
        keyOf={({ name }) => name}
        columns={[
          { name: 'Group', cell: ({ name }) => name },
          { name: 'Display name', cell: ({ displayName }) => displayName },
          { name: 'Members', cell: ({ claim, members }) => claim ?? (members.join(', ') || 'nobody') },
          { name: 'Created', cell: ({ createdAt }) => <Time at={createdAt} /> },
          { name: 'Actions', actions: true, cell: (group) => <Actions tenant={tenant} group={group} /> },
        ]}
      />
    </Section>
  );
}

interface ActionsProps {
  readonly tenant: string;
  readonly group: ListTenantGroupsResponse['items'][number];
}

function Actions({ tenant, group: { name, claim, members } }: ActionsProps) {
  const { administer } = useMay(tenant);
  const path = { tenant };
  const byHand = unless(administer, claim !== null, 'Its members are the provider’s');
  const operation = 'createTenantAccessChange';
  return (
    <>
      <FormDialog
        button="Add a member"
        may={byHand}
        title={`Add a member to ${name}`}
        fields={[
          {
            name: 'principal',
            label: 'Name',
            required: true,
            hint: 'As the audit log names them, such as corp:4711.',
          },
        ]}
        submit="Propose"
        operation={operation}
        request={(values) => ({
          path,
          body: { change: 'add-member', group: name, principal: values.text('principal') },
        })}
      />
      <FormDialog
        button="Remove a member"
        may={unless(byHand, members.length === 0, 'It has none')}
        title={`Remove a member of ${name}`}
        fields={[{ name: 'principal', label: 'Member', kind: 'select', required: true, options: members }]}
        submit="Propose"
        operation={operation}
        request={(values) => ({
          path,
          body: { change: 'remove-member', group: name, principal: values.text('principal') },
        })}
      />
      <FormDialog
        button="Remove…"
        tone="danger"
        may={administer}
        title={`Remove the group ${name}`}
        confirm={name}
        submit="Propose"
        operation={operation}
        request={() => ({ path, body: { change: 'remove-group', group: name } })}
      />
    </>
  );
}
