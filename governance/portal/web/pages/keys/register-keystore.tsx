import { nameField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { useMay } from '../../session/may.ts';
import { isKind, kindNames, kinds, newKeystoreOf } from './keystore-kinds.ts';

/** Of one tenant, or for all. */
export function RegisterKeystore({ tenant }: { readonly tenant?: string }) {
  const may = useMay(tenant);
  const common = {
    button: 'Register a keystore',
    title: tenant === undefined ? 'Register a keystore for all tenants' : `Register a keystore of ${tenant}`,
    intro: 'The configuration names files with secrets and holds none: nothing secret is typed here.',
    submit: 'Register',
    fields: (values: Parameters<typeof newKeystoreOf>[0]) => {
      const kind = values.text('kind');
      return [
        nameField('name', 'Name'),
        {
          name: 'kind',
          label: 'Kind',
          kind: 'select' as const,
          required: true,
          options: kindNames.map((each) => [each, kinds[each].title] as const),
        },
        ...kinds[isKind(kind) ? kind : 'aws-kms'].fields,
      ];
    },
    done: ({ created }: { created: boolean }) => (created ? 'Registered' : 'It was there already, just so'),
  };
  return tenant === undefined ? (
    <FormDialog
      {...common}
      may={may.operate}
      operation="createKeystore"
      request={(values) => ({ body: newKeystoreOf(values) })}
    />
  ) : (
    <FormDialog
      {...common}
      may={may.administerKeys}
      operation="createTenantKeystore"
      request={(values) => ({ path: { tenant }, body: newKeystoreOf(values) })}
    />
  );
}
