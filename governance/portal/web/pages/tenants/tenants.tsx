import { Link, useLocation } from 'wouter';
import { EVERY, useApi } from '../../api/hooks.ts';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { nameField } from '../../design/fields.tsx';
import { Filters, useFilter, useFilterOf } from '../../design/filters.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { given, someOf } from '../../design/form-values.ts';
import { Page } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';

const STATES = [
  'requested',
  'provisioning',
  'active',
  'blocking',
  'blocked',
  'terminating',
  'terminated',
] as const;
const POLICIES = ['four-eyes', 'development-quorum-one'] as const;

export default function Tenants() {
  const state = useFilterOf('state', STATES);
  const search = useFilter('search');
  const region = useFilter('region');
  const policy = useFilterOf('policy', POLICIES);
  const failed = useFilterOf('failed', ['true'] as const);
  return (
    <Page
      title="Tenants"
      intro="Whoever holds keys here. You see those that you belong to; operators of the platform see all."
      actions={<Onboard />}
    >
      <Filters
        of={[
          { name: 'search', label: 'Name', placeholder: 'begins with…' },
          { name: 'state', label: 'State', options: STATES },
          { name: 'region', label: 'Region' },
          { name: 'policy', label: 'Policy', options: POLICIES },
          { name: 'failed', label: 'Refused by a region', options: [['true', 'only those']] },
        ]}
      />
      <ApiTable
        operation="listTenants"
        request={{
          query: {
            ...given('state', state),
            ...given('search', search),
            ...given('region', region),
            ...given('policy', policy),
            ...(failed === undefined ? {} : { failed: true }),
          },
        }}
        limit={50}
        label="Tenants"
        empty="No tenant fits"
        keyOf={({ id }) => id}
        columns={[
          { name: 'Tenant', cell: ({ id }) => <Link href={`/tenants/${id}`}>{id}</Link> },
          { name: 'Display name', cell: ({ displayName }) => displayName },
          {
            name: 'State',
            cell: ({ state: shown, change }) => (
              <span className="row">
                <Badge state={shown} />
                {change?.failed === true && (
                  <Badge state="failed" tip={`Becoming ${change.to}: a region refused`} />
                )}
              </span>
            ),
          },
          { name: 'Since', cell: ({ stateSince }) => <Time at={stateSince} /> },
          { name: 'Regions', cell: ({ regions }) => regions.map((each) => each.region).join(', ') },
          { name: 'Policy', cell: (tenant) => tenant.policy },
        ]}
      />
    </Page>
  );
}

function Onboard() {
  const { operate } = useMay();
  const [, go] = useLocation();
  const regions = useApi(
    'listRegions',
    { query: { limit: 200 } },
    { every: EVERY.slow, enabled: operate.allowed },
  );
  return (
    <FormDialog
      button="Onboard a tenant"
      tone="main"
      may={operate}
      title="Onboard a tenant"
      intro="Its keys are made in each region. It is active once every region has done so."
      fields={[
        nameField('id', 'Id', 'Lower-case letters, digits and inner hyphens. It stays for ever.'),
        { name: 'displayName', label: 'Display name', maxLength: 200 },
        {
          name: 'regions',
          label: 'Regions',
          kind: 'choices',
          options: regions.data?.items.map(({ name }) => name) ?? [],
          hint: 'None chosen: all that are there.',
        },
        {
          name: 'policy',
          label: 'Approval policy',
          kind: 'select',
          options: POLICIES,
          hint: 'Left out: as the installation has it.',
        },
        {
          name: 'rotateLinkAfterDays',
          label: 'Rotate the link every … days',
          type: 'number',
          min: 1,
          max: 3650,
          hint: 'Left out: never by itself.',
        },
        { name: 'later', label: 'Only request it; somebody provisions it later', kind: 'flag' },
      ]}
      submit="Onboard"
      operation="createTenant"
      request={(values) => ({
        body: {
          id: values.text('id'),
          ...given('displayName', values.optional('displayName')),
          ...given('regions', someOf(values.chosen('regions'))),
          ...given(
            'policy',
            POLICIES.find((each) => each === values.text('policy')),
          ),
          ...(values.optional('rotateLinkAfterDays') === undefined
            ? {}
            : { rotateLinkAfterSeconds: values.integer('rotateLinkAfterDays') * 86_400 }),
          ...(values.flag('later') ? { provision: false } : {}),
        },
      })}
      done={({ tenant }) => `${tenant.id} is ${tenant.state}`}
      onDone={({ tenant }) => go(`/tenants/${tenant.id}`)}
    />
  );
}
