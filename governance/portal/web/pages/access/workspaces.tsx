import { EVERY, useApi } from '../../api/hooks.ts';
import { ApiTable } from '../../design/api-table.tsx';
import { nameField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { given } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';

export function Workspaces({ tenant }: { readonly tenant: string }) {
  const { administer, look } = useMay(tenant);
  const services = useApi(
    'listTenantServices',
    { path: { tenant }, query: { limit: 200 } },
    { every: EVERY.slow, enabled: look.allowed },
  );
  return (
    <Section
      title="Workspaces"
      intro="Places on the customer’s own platform, and which services live there."
      actions={
        <FormDialog
          button="Link a workspace"
          may={administer}
          title="Link a workspace"
          fields={[
            nameField('name', 'Name'),
            { name: 'displayName', label: 'Display name', maxLength: 200 },
            {
              name: 'externalId',
              label: 'External id',
              hint: 'As the platform calls it, such as platform://space/17.',
            },
          ]}
          submit="Link"
          operation="createTenantWorkspace"
          request={(values) => ({
            path: { tenant },
            body: {
              name: values.text('name'),
              ...given('displayName', values.optional('displayName')),
              ...given('externalId', values.optional('externalId')),
            },
          })}
          done="Linked"
        />
      }
    >
      <ApiTable
        operation="listTenantWorkspaces"
        request={{ path: { tenant } }}
        label="Workspaces"
        empty="No workspace"
        keyOf={({ name }) => name}
        columns={[
          { name: 'Workspace', cell: ({ name }) => name },
          { name: 'Display name', cell: ({ displayName }) => displayName },
          { name: 'External id', cell: ({ externalId }) => externalId ?? '–' },
          { name: 'Services', cell: (workspace) => workspace.services.join(', ') || '–' },
          { name: 'Linked', cell: ({ createdAt }) => <Time at={createdAt} /> },
          {
            name: 'Actions',
            actions: true,
            cell: (workspace) => (
              <>
                <FormDialog
                  button="Services"
                  may={administer}
                  title={`Services in ${workspace.name}`}
                  fields={[
                    {
                      name: 'services',
                      label: 'Services',
                      kind: 'choices',
                      options: services.data?.items.map(({ name }) => name) ?? [],
                      initial: workspace.services,
                    },
                  ]}
                  submit="Set"
                  operation="setTenantWorkspaceServices"
                  request={(values) => ({
                    path: { tenant, name: workspace.name },
                    body: { services: values.chosen('services') },
                  })}
                  done="Set"
                />
                <FormDialog
                  button="Remove…"
                  tone="danger"
                  may={administer}
                  title={`Remove ${workspace.name}`}
                  intro="Its services stay."
                  confirm={workspace.name}
                  submit="Remove"
                  operation="removeTenantWorkspace"
                  request={() => ({ path: { tenant, name: workspace.name } })}
                  done="Removed"
                />
              </>
            ),
          },
        ]}
      />
    </Section>
  );
}
