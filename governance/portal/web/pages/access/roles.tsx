import { EVERY, useApi } from '../../api/hooks.ts';
import { ApiTable } from '../../design/api-table.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { type Role, roles, useMay } from '../../session/may.ts';

const MAY: Readonly<Record<Role, string>> = {
  administrator: 'looks after services, applications, machines, groups; proposes who gets which role',
  'key-administrator':
    'looks after keystores and keys; proposes to link, unlink, rotate, destroy; runs simulations and drills',
  approver: 'approves and rejects what others propose, as a person',
  auditor: 'reads, verifies and exports the audit log',
};

export function Roles({ tenant }: { readonly tenant: string }) {
  const { administer } = useMay(tenant);
  const groups = useApi(
    'listTenantGroups',
    { path: { tenant }, query: { limit: 200 } },
    { every: EVERY.slow },
  );
  const path = { tenant };
  return (
    <Section
      title="Roles"
      intro={
        <ul>
          {roles.map((role) => (
            <li key={role}>
              <strong>{role}</strong> {MAY[role]}
            </li>
          ))}
        </ul>
      }
      actions={
        <FormDialog
          button="Grant a role"
          tone="main"
          may={administer}
          title={`Grant a role in ${tenant}`}
          fields={(values) => [
            { name: 'role', label: 'Role', kind: 'select', required: true, options: roles },
            {
              name: 'whom',
              label: 'To',
              kind: 'select',
              required: true,
              options: [
                ['principal', 'a person or a machine'],
                ['group', 'a group'],
              ],
            },
            values.text('whom') === 'group'
              ? {
                  name: 'group',
                  label: 'Group',
                  kind: 'select',
                  required: true,
                  options: groups.data?.items.map(({ name }) => name) ?? [],
                }
              : {
                  name: 'principal',
                  label: 'Name',
                  required: true,
                  hint: 'As the audit log names them, such as corp:4711, or client:TENANT/NAME.',
                },
          ]}
          submit="Propose"
          operation="createTenantAccessChange"
          request={(values) => {
            const role = roles.find((each) => each === values.text('role')) ?? 'auditor';
            return {
              path,
              body:
                values.text('whom') === 'group'
                  ? { change: 'grant', role, group: values.text('group') }
                  : { change: 'grant', role, principal: values.text('principal') },
            };
          }}
        />
      }
    >
      <ApiTable
        operation="listTenantRoles"
        request={{ path }}
        limit={100}
        label="Roles"
        empty="Nobody has a role: an operator appoints the first people"
        keyOf={({ role, principal, group }) => `${role}/${principal ?? ''}/${group ?? ''}`}
        columns={[
          { name: 'Role', cell: ({ role }) => role },
          { name: 'Who', cell: ({ principal, group }) => principal ?? `group ${group ?? ''}` },
          { name: 'Granted by', cell: ({ grantedBy }) => grantedBy },
          { name: 'Granted', cell: ({ grantedAt }) => <Time at={grantedAt} /> },
          {
            name: 'Actions',
            actions: true,
            cell: ({ role, principal, group }) => (
              <FormDialog
                button="Withdraw…"
                tone="danger"
                may={administer}
                title={`Withdraw the role ${role}`}
                confirm={principal ?? group ?? ''}
                submit="Propose"
                operation="createTenantAccessChange"
                request={() => ({
                  path,
                  body:
                    principal !== null
                      ? { change: 'withdraw', role, principal }
                      : { change: 'withdraw', role, group: group ?? '' },
                })}
              />
            ),
          },
        ]}
      />
    </Section>
  );
}
