import { ApiTable } from '../../design/api-table.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { nameField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';

export function Clients({ tenant }: { readonly tenant: string }) {
  const { administer } = useMay(tenant);
  return (
    <Section
      title="Machine clients"
      intro="Programs that call this API with a certificate. Registered, one may nothing yet: grant it a role."
      actions={
        <FormDialog
          button="Register a machine"
          may={administer}
          title="Register a machine client"
          fields={[
            nameField('name', 'Name'),
            {
              name: 'certificate',
              label: 'Certificate',
              kind: 'pem',
              required: true,
              hint: 'PEM, without its private key.',
            },
          ]}
          submit="Register"
          operation="createTenantClient"
          request={(values) => ({
            path: { tenant },
            body: { name: values.text('name'), certificate: values.text('certificate') },
          })}
          done={({ principal }) => `Registered as ${principal}`}
        />
      }
    >
      <ApiTable
        operation="listTenantClients"
        request={{ path: { tenant } }}
        label="Machine clients"
        empty="No machine client"
        keyOf={({ name }) => name}
        columns={[
          { name: 'Client', cell: ({ name }) => name },
          { name: 'Principal', cell: ({ principal }) => <Copyable value={principal} name="principal" /> },
          {
            name: 'Key',
            cell: ({ fingerprint }) => <Copyable value={fingerprint} name="fingerprint" short />,
          },
          { name: 'Registered', cell: ({ createdAt }) => <Time at={createdAt} /> },
          {
            name: 'Actions',
            actions: true,
            cell: ({ name }) => (
              <FormDialog
                button="Remove…"
                tone="danger"
                may={administer}
                title={`Remove ${name}`}
                intro="It is refused from its next request on."
                confirm={name}
                submit="Remove"
                operation="removeTenantClient"
                request={() => ({ path: { tenant, name } })}
                done="Removed"
              />
            ),
          },
        ]}
      />
    </Section>
  );
}
