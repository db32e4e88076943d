import { Link } from 'wouter';
import type { ListTenantInventoryResponse } from '../../../../client/types.gen.ts';
import { EVERY, useApi } from '../../api/hooks.ts';
import { plural } from '../../api/words.ts';
import { Badge } from '../../design/badge.tsx';
import { reasonField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { given } from '../../design/form-values.ts';
import { EmptyState, Loaded } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { unless, useMay } from '../../session/may.ts';

type RegionInventory = ListTenantInventoryResponse['items'][number];

interface Version {
  readonly region: string;
  readonly service: string | undefined;
  readonly version: number;
  readonly state: string;
  readonly createdAt: string;
  readonly dependents: number;
}

export function Inventory({ tenant }: { readonly tenant: string }) {
  const { look } = useMay(tenant);
  const answer = useApi(
    'listTenantInventory',
    { path: { tenant }, query: { limit: 200 } },
    { every: EVERY.list, enabled: look.allowed },
  );
  return (
    <Loaded of={answer}>
      {({ items }) =>
        items.length === 0 ? (
          <EmptyState title="No region has been asked yet" />
        ) : (
          items.map((region) => <RegionVersions key={region.region} tenant={tenant} of={region} />)
        )
      }
    </Loaded>
  );
}

function versionsOf({ region, inventory }: RegionInventory): Version[] {
  if (inventory === null) return [];
  return [
    ...inventory.l2.versions.map((version) => ({ ...version, region, service: undefined })),
    ...inventory.services.flatMap(({ service, l3 }) =>
      l3.versions.map((version) => ({ ...version, region, service })),
    ),
  ];
}

function RegionVersions({
  tenant,
  of: inventory,
}: {
  readonly tenant: string;
  readonly of: RegionInventory;
}) {
  const { region, at, pending, error, job } = inventory;
  const rows = versionsOf(inventory);
  return (
    <div className="stack">
      <p className="row">
        <strong>{region}</strong>
        <span className="muted">
          told <Time at={at} none="never" />
        </span>
        {pending && <Badge state="asking" />}
        {error !== null && <Badge state="failed" tip={error} />}
        {job !== null && <Link href={`/jobs/${job}`}>Job</Link>}
      </p>
      {rows.length > 0 && (
        <Table
          label={`Key versions in ${region}`}
          rows={rows}
          keyOf={({ service, version }) => `${service ?? ''}/${version}`}
          columns={[
            {
              name: 'Key',
              cell: ({ service }) => (service === undefined ? 'tenant key (L2)' : `${service} (L3)`),
            },
            { name: 'Version', figures: true, cell: ({ version }) => version },
            { name: 'State', cell: ({ state }) => <Badge state={state} /> },
            { name: 'Made', cell: ({ createdAt }) => <Time at={createdAt} /> },
            {
              name: 'Depend on it',
              cell: ({ service, dependents }) =>
                plural(dependents, service === undefined ? 'service key version' : 'object'),
            },
            { name: 'Actions', actions: true, cell: (version) => <Destroy tenant={tenant} of={version} /> },
          ]}
        />
      )}
    </div>
  );
}

function Destroy({
  tenant,
  of: { region, service, version, state, dependents },
}: {
  readonly tenant: string;
  readonly of: Version;
}) {
  const { administerKeys } = useMay(tenant);
  if (state.startsWith('destroyed')) return null;
  const name = `${service ?? tenant}/${version}`;
  return (
    <FormDialog
      button="Destroy…"
      tone="danger"
      may={unless(administerKeys, state === 'active', 'It is the active version: rotate first')}
      title={`Destroy version ${version} in ${region}`}
      intro={
        <p>
          <strong>{plural(dependents, service === undefined ? 'service key version' : 'object')}</strong>{' '}
          depend on it, as the region told. They can never be read again, by anybody. The region destroys it
          only if that number is still true.
        </p>
      }
      fields={[reasonField()]}
      confirm={name}
      submit="Destroy for ever"
      operation="createTenantDestruction"
      request={(values) => ({
        path: { tenant },
        body: { region, ...given('service', service), version, dependents, reason: values.text('reason') },
      })}
    />
  );
}
