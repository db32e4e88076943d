import type { Application } from '../../../../client/types.gen.ts';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { nameField, reasonField } from '../../design/fields.tsx';
import { Filters, useFilter, useFilterOf } from '../../design/filters.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { given, someOf } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { toast } from '../../design/toasts.ts';
import { unless, useMay } from '../../session/may.ts';

const STATES = ['provisioning', 'active', 'failed', 'removing'] as const;

interface Props {
  readonly tenant: string;
  readonly services: readonly string[];
}

export function Applications({ tenant, services }: Props) {
  const { administer } = useMay(tenant);
  const search = useFilter('application');
  const state = useFilterOf('state', STATES);
  return (
    <Section
      title="Applications"
      intro="Whatever speaks KMIP to a gateway, known by the key of its certificate."
      actions={
        <FormDialog
          button="Register an application"
          tone="main"
          may={unless(administer, services.length === 0, 'There is no service yet that it could use')}
          title={`Register an application of ${tenant}`}
          fields={[
            nameField('name', 'Name'),
            { name: 'services', label: 'Services', kind: 'choices', options: services, required: true },
            {
              name: 'certificate',
              label: 'Certificate',
              kind: 'pem',
              required: true,
              hint: 'Of the application, PEM, without its private key.',
            },
            {
              name: 'operations',
              label: 'Operations',
              kind: 'lines',
              hint: 'KMIP operations that it may use, one a line, such as Encrypt. Left out: all.',
            },
            {
              name: 'drillTarget',
              label: 'It is for tests: drills may cut it off',
              kind: 'flag',
              hint: 'Asked for where its service was designated for drills.',
            },
          ]}
          submit="Register"
          operation="createTenantApplication"
          request={(values) => ({
            path: { tenant },
            body: {
              name: values.text('name'),
              services: values.chosen('services'),
              certificate: values.text('certificate'),
              ...given('operations', someOf(values.lines('operations'))),
              ...(values.flag('drillTarget') ? { drillTarget: true } : {}),
            },
          })}
          done={({ application }) => `${application.name} is registered; the regions are told`}
          onDone={({ warnings }) => {
            for (const warning of warnings) toast({ tone: 'warn', title: warning });
          }}
        />
      }
    >
      <Filters
        of={[
          { name: 'application', label: 'Name', placeholder: 'begins with…' },
          { name: 'state', label: 'State', options: STATES },
        ]}
      />
      <ApiTable
        operation="listTenantApplications"
        request={{ path: { tenant }, query: { ...given('search', search), ...given('state', state) } }}
        label="Applications"
        empty="No application fits"
        keyOf={({ name }) => name}
        columns={[
          { name: 'Application', cell: ({ name }) => name },
          {
            name: 'State',
            cell: (application) => <Badge state={application.state} tip={refusals(application)} />,
          },
          { name: 'Services', cell: (application) => application.services.join(', ') },
          { name: 'Operations', cell: ({ operations }) => operations?.join(', ') ?? 'all' },
          { name: 'Subject', breaks: true, cell: ({ certificate }) => certificate.subject },
          { name: 'Certificate ends', cell: ({ certificate }) => <Time at={certificate.notAfter} /> },
          {
            name: 'Key',
            cell: ({ fingerprint }) => <Copyable value={fingerprint} name="fingerprint" short />,
          },
          {
            name: 'Actions',
            actions: true,
            cell: ({ name, state: shown }) => (
              <FormDialog
                button="Remove…"
                tone="danger"
                may={unless(administer, shown === 'removing', 'It is being removed')}
                title={`Remove ${name}`}
                intro="Every region and gateway refuses it from then on; its connections are closed."
                fields={[reasonField(false)]}
                confirm={name}
                submit="Remove"
                operation="removeTenantApplication"
                request={(values) => ({
                  path: { tenant, name },
                  query: { ...given('reason', values.optional('reason')) },
                })}
              />
            ),
          },
        ]}
      />
    </Section>
  );
}

function refusals({ regions }: Application): string | undefined {
  const refused = regions
    .filter(({ error }) => error !== null)
    .map(({ region, error }) => `${region}: ${error}`);
  return refused.length === 0 ? undefined : refused.join('; ');
}
