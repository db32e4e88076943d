import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { nameField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';

export function Services({ tenant }: { readonly tenant: string }) {
  const { administer } = useMay(tenant);
  return (
    <Section
      title="Services"
      intro="Each has a service key (L3) of its own in every region."
      actions={
        <FormDialog
          button="Add a service"
          may={administer}
          title={`Add a service to ${tenant}`}
          intro="Its key is made in each region of the tenant."
          fields={[nameField('name', 'Name')]}
          submit="Add"
          operation="createTenantService"
          request={(values) => ({ path: { tenant }, body: { name: values.text('name') } })}
        />
      }
    >
      <ApiTable
        operation="listTenantServices"
        request={{ path: { tenant } }}
        label="Services"
        empty="No service yet"
        keyOf={({ name }) => name}
        columns={[
          { name: 'Service', cell: ({ name }) => name },
          { name: 'State', cell: ({ state }) => <Badge state={state} /> },
          {
            name: 'Regions',
            cell: ({ regions }) => (
              <ul>
                {regions.map(({ region, state, l3Version, error }) => (
                  <li key={region} className="row">
                    {region} <Badge state={state} tip={error ?? undefined} />
                    {l3Version !== null && <span className="muted">L3 version {l3Version}</span>}
                  </li>
                ))}
              </ul>
            ),
          },
          { name: 'Added', cell: ({ createdAt }) => <Time at={createdAt} /> },
        ]}
      />
    </Section>
  );
}
