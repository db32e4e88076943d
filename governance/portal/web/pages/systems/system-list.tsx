import type { System } from '../../../../client/types.gen.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { nameField } from '../../design/fields.tsx';
import { Filters, useFilter } from '../../design/filters.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { given } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { unless, useMay } from '../../session/may.ts';

interface Props {
  readonly tenant: string;
  readonly services: readonly string[];
  readonly configurations: readonly string[];
}

export function SystemList(props: Props) {
  const { tenant, services, configurations } = props;
  const may = useMay(tenant);
  const search = useFilter('system');
  const kind = useFilter('kind');
  return (
    <Section
      title="Systems"
      intro="What the customer runs, by the names that the customer has for it; each linked to a key configuration."
      actions={
        <FormDialog
          button="Add a system"
          tone="main"
          may={may.administer}
          title={`Add a system of ${tenant}`}
          fields={[
            nameField('name', 'Name'),
            {
              name: 'kind',
              label: 'Kind',
              required: true,
              maxLength: 63,
              hint: 'Such as database or cluster.',
            },
            {
              name: 'externalId',
              label: 'External id',
              required: true,
              hint: 'How the customer knows it; the only one of its kind.',
            },
            { name: 'service', label: 'Service', kind: 'select', options: services },
            { name: 'keyConfiguration', label: 'Key configuration', kind: 'select', options: configurations },
          ]}
          submit="Add"
          operation="createTenantSystem"
          request={(values) => ({
            path: { tenant },
            body: {
              name: values.text('name'),
              kind: values.text('kind'),
              externalId: values.text('externalId'),
              ...given('service', values.optional('service')),
              ...given('keyConfiguration', values.optional('keyConfiguration')),
            },
          })}
          done="Added"
        />
      }
    >
      <Filters
        of={[
          { name: 'system', label: 'Name', placeholder: 'begins with…' },
          { name: 'kind', label: 'Kind' },
        ]}
      />
      <ApiTable
        operation="listTenantSystems"
        request={{ path: { tenant }, query: { ...given('search', search), ...given('kind', kind) } }}
        label="Systems"
        empty="No system fits"
        keyOf={({ name }) => name}
        columns={[
          { name: 'System', cell: ({ name }) => name },
          { name: 'State', cell: ({ state }) => <Badge state={state} /> },
          { name: 'Kind', cell: (system) => system.kind },
          { name: 'External id', cell: ({ externalId }) => <code>{externalId}</code> },
          { name: 'Service', cell: ({ service }) => service ?? '–' },
          { name: 'Key configuration', cell: ({ keyConfiguration }) => keyConfiguration ?? '–' },
          { name: 'Key', cell: ({ key }) => key ?? '–' },
          { name: 'Added', cell: ({ createdAt }) => <Time at={createdAt} /> },
          { name: 'Actions', actions: true, cell: (system) => <Actions {...props} system={system} /> },
        ]}
      />
    </Section>
  );
}

function Actions({ tenant, services, configurations, system }: Props & { readonly system: System }) {
  const may = useMay(tenant);
  const { name, keyConfiguration } = system;
  const path = { tenant, name };
  return (
    <>
      <FormDialog
        button="Link"
        may={unless(may.administerKeys, configurations.length === 0, 'There is no key configuration yet')}
        title={`Link ${name}`}
        fields={[
          {
            name: 'keyConfiguration',
            label: 'Key configuration',
            kind: 'select',
            required: true,
            options: configurations,
            ...given('initial', keyConfiguration ?? undefined),
          },
        ]}
        submit="Link"
        operation="linkTenantSystem"
        request={(values) => ({ path, body: { keyConfiguration: values.text('keyConfiguration') } })}
        done="Linked to the key configuration"
      />
      {keyConfiguration !== null && (
        <ActionButton
          operation="unlinkTenantSystem"
          request={{ path }}
          may={may.administerKeys}
          done="Unlinked from the key configuration"
        >
          Unlink
        </ActionButton>
      )}
      <FormDialog
        button="Change"
        may={may.administer}
        title={`Change ${name}`}
        fields={[
          {
            name: 'service',
            label: 'Service',
            kind: 'select',
            options: services,
            ...given('initial', system.service ?? undefined),
          },
        ]}
        submit="Change"
        operation="updateTenantSystem"
        request={(values) => ({ path, body: { service: values.optional('service') ?? null } })}
        done="Changed"
      />
      <FormDialog
        button="Remove…"
        tone="danger"
        may={may.administer}
        title={`Remove ${name}`}
        intro="It is taken off the list. No key changes."
        confirm={name}
        submit="Remove"
        operation="removeTenantSystem"
        request={() => ({ path })}
        done="Removed"
      />
    </>
  );
}
