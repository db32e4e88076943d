import type { KeyConfiguration } from '../../../../client/types.gen.ts';
import { EVERY, useApi } from '../../api/hooks.ts';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { type FieldSpec, nameField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { given, someOf } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { unless, useMay } from '../../session/may.ts';

const MAX_DESCRIPTION = 200;

export function KeyConfigurations({ tenant }: { readonly tenant: string }) {
  const { administerKeys } = useMay(tenant);
  const keys = useApi('listTenantKeys', { path: { tenant }, query: { limit: 200 } }, { every: EVERY.slow });
  const aliases = (keys.data?.items ?? []).map(({ alias }) => alias);
  return (
    <Section
      title="Key configurations"
      intro="Master keys that may take each other’s place; systems are linked to one of these."
      actions={
        <FormDialog
          button="New configuration"
          may={administerKeys}
          title="New key configuration"
          fields={[nameField('name', 'Name'), ...fieldsOf(aliases)]}
          submit="Create"
          operation="createTenantKeyConfiguration"
          request={(values) => ({
            path: { tenant },
            body: {
              name: values.text('name'),
              ...given('description', values.optional('description')),
              ...given('keys', someOf(values.chosen('keys'))),
            },
          })}
        />
      }
    >
      <ApiTable
        operation="listTenantKeyConfigurations"
        request={{ path: { tenant } }}
        label="Key configurations"
        empty="No key configuration yet: the first key makes one"
        keyOf={({ name }) => name}
        columns={[
          { name: 'Configuration', cell: ({ name }) => name },
          { name: 'State', cell: ({ state }) => <Badge state={state} /> },
          { name: 'Description', cell: ({ description }) => (description === '' ? '–' : description) },
          { name: 'Primary key', cell: ({ primaryKey }) => primaryKey ?? '–' },
          {
            name: 'Keys',
            cell: (configuration) => (
              <ul>
                {configuration.keys.map(({ alias, state }) => (
                  <li key={alias} className="row">
                    {alias} <Badge state={state} />
                  </li>
                ))}
              </ul>
            ),
          },
          { name: 'Systems', figures: true, cell: ({ systems }) => systems },
          { name: 'Created', cell: ({ createdAt }) => <Time at={createdAt} /> },
          {
            name: 'Actions',
            actions: true,
            cell: (configuration) => (
              <Actions tenant={tenant} configuration={configuration} aliases={aliases} />
            ),
          },
        ]}
      />
    </Section>
  );
}

function fieldsOf(aliases: readonly string[], configuration?: KeyConfiguration): FieldSpec[] {
  return [
    {
      name: 'description',
      label: 'Description',
      maxLength: MAX_DESCRIPTION,
      ...given('initial', configuration?.description),
    },
    {
      name: 'keys',
      label: 'Keys',
      kind: 'choices',
      options: aliases,
      ...given(
        'initial',
        configuration?.keys.map(({ alias }) => alias),
      ),
    },
  ];
}

interface ActionsProps {
  readonly tenant: string;
  readonly configuration: KeyConfiguration;
  readonly aliases: readonly string[];
}

function Actions({ tenant, configuration, aliases }: ActionsProps) {
  const { administerKeys } = useMay(tenant);
  const { name, primaryKey, systems } = configuration;
  const path = { tenant, name };
  return (
    <>
      <FormDialog
        button="Change"
        may={administerKeys}
        title={`Change ${name}`}
        fields={[
          ...fieldsOf(aliases, configuration),
          {
            name: 'primaryKey',
            label: 'Primary key',
            kind: 'select',
            options: configuration.keys.map(({ alias }) => alias),
            hint: 'Links take it unless another is named.',
            ...given('initial', primaryKey ?? undefined),
          },
        ]}
        submit="Change"
        operation="updateTenantKeyConfiguration"
        request={(values) => ({
          path,
          body: {
            description: values.text('description'),
            keys: values.chosen('keys'),
            ...given('primaryKey', values.optional('primaryKey')),
          },
        })}
        done="Changed"
      />
      <FormDialog
        button="Remove…"
        tone="danger"
        may={unless(administerKeys, systems > 0, `${systems} systems are linked to it`)}
        title={`Remove ${name}`}
        confirm={name}
        submit="Remove"
        operation="removeTenantKeyConfiguration"
        request={() => ({ path })}
        done="Removed"
      />
    </>
  );
}
