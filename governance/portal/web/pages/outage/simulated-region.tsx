import type { ReactNode } from 'react';
import type { GetTenantSimulationResponse } from '../../../../client/types.gen.ts';
import { Badge } from '../../design/badge.tsx';
import { Facts, Section } from '../../design/page.tsx';
import { Notice } from '../../design/states.tsx';
import { type Column, Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';

type Region = GetTenantSimulationResponse['regions'][number];

export function SimulatedRegion({ region }: { readonly region: Region }) {
  const { link } = region;
  return (
    <Section title={region.region} intro={region.why}>
      <Facts
        of={[
          [
            'Would it stop',
            <Badge
              key="stops"
              state={region.stops ? 'stops' : 'goes on'}
              tone={region.stops ? 'bad' : 'ok'}
            />,
          ],
          ['Link', <Badge key="link" state={link.state} />],
          ['On key', link.key ?? '–'],
          ['Lease ends', <Time key="expires" at={link.expiresAt} />],
          ['Seal', <Badge key="seal" state={region.seal} />],
          ['Last reported', <Time key="reported" at={region.reportedAt} none="never" />],
          ['Last used', <Time key="used" at={region.lastUsedAt} none="not known" />],
          ['Last gateway stops by', <Time key="stop" at={region.lastGatewayStopsBy} />],
        ]}
      />
      {region.answers
        .filter(({ answeredAt, error }) => answeredAt === null || error !== null)
        .map(({ question, error }) => (
          <Notice key={question} tone="warn">
            <p>
              {question}: {error ?? 'the region has not answered yet'}
            </p>
          </Notice>
        ))}
      <Part
        title="Systems"
        of={region.systems}
        keyOf={({ name }) => name}
        columns={[
          { name: 'System', cell: ({ name }) => name },
          { name: 'Kind', cell: ({ kind }) => kind },
          { name: 'External id', cell: ({ externalId }) => externalId },
          { name: 'Service', cell: ({ service }) => service ?? '–' },
        ]}
      />
      <Part
        title="Services"
        of={region.services}
        keyOf={({ service }) => service}
        columns={[
          { name: 'Service', cell: ({ service }) => service },
          { name: 'State', cell: ({ state }) => <Badge state={state} /> },
          { name: 'Objects', figures: true, cell: ({ objects }) => objects ?? 'not known' },
          { name: 'Applications', figures: true, cell: ({ applications }) => applications },
          { name: 'Last used', cell: ({ lastUsedAt }) => <Time at={lastUsedAt} none="not known" /> },
        ]}
      />
      <Part
        title="Applications"
        of={region.applications}
        keyOf={({ name }) => name}
        columns={[
          { name: 'Application', cell: ({ name }) => name },
          { name: 'State', cell: ({ state }) => <Badge state={state} /> },
          { name: 'Services', cell: ({ services }) => services.join(', ') },
          { name: 'Last seen', cell: ({ lastSeenAt }) => <Time at={lastSeenAt} none="not known" /> },
        ]}
      />
      <Part
        title="Gateways"
        of={region.gateways}
        keyOf={({ name }) => name}
        columns={[
          { name: 'Gateway', cell: ({ name }) => name },
          { name: 'State', cell: ({ state }) => <Badge state={state} /> },
          { name: 'Connected', cell: ({ connected }) => (connected ? 'yes' : 'no') },
          { name: 'Leases', figures: true, cell: ({ leases }) => leases },
        ]}
      />
      <Part
        title="Leases"
        of={region.leases}
        keyOf={({ gateway, service }) => `${gateway}/${service}`}
        columns={[
          { name: 'Gateway', cell: ({ gateway }) => gateway },
          { name: 'Service', cell: ({ service }) => service },
          { name: 'Ends if no push comes', cell: ({ endsBy }) => <Time at={endsBy} /> },
          { name: 'With its grace', cell: ({ graceEndsBy }) => <Time at={graceEndsBy} /> },
          { name: 'Last used', cell: ({ lastUsedAt }) => <Time at={lastUsedAt} none="not known" /> },
        ]}
      />
      <Part
        title="Key versions"
        of={region.versions}
        keyOf={({ level, service, version }) => `${level}/${service}/${version}`}
        columns={[
          { name: 'Level', cell: ({ level }) => level },
          { name: 'Service', cell: ({ service }) => service ?? '–' },
          { name: 'Version', figures: true, cell: ({ version }) => version },
          { name: 'State', cell: ({ state }) => <Badge state={state} /> },
          { name: 'Depend on it', figures: true, cell: ({ dependents }) => dependents ?? 'not known' },
        ]}
      />
      {region.omitted > 0 && (
        <p className="muted">{region.omitted} more are left out here. They are counted above.</p>
      )}
    </Section>
  );
}

interface PartProps<T> {
  readonly title: string;
  readonly of: readonly T[];
  readonly keyOf: (row: T) => string;
  readonly columns: readonly Column<T>[];
}

function Part<T>({ title, of: rows, keyOf, columns }: PartProps<T>): ReactNode {
  if (rows.length === 0) return null;
  return (
    <div className="stack">
      <h3>
        {title} <span className="muted">{rows.length}</span>
      </h3>
      <Table label={title} rows={rows} keyOf={keyOf} columns={columns} />
    </div>
  );
}
