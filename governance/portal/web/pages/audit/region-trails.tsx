import { EVERY, useApi } from '../../api/hooks.ts';
import { Badge } from '../../design/badge.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { given } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { EmptyState, Loaded } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';

/** What regions say of trails that never leave them: heads and counts. */
export function RegionTrails({ tenant, enabled }: { readonly tenant?: string; readonly enabled: boolean }) {
  const answer = useApi(
    'getAuditRegions',
    { query: { ...given('tenant', tenant) } },
    { every: EVERY.slow, enabled },
  );
  return (
    <Section
      title="Regions’ own trails"
      intro="They stay in the regions, which tell a signed head and counts alone."
    >
      <Loaded of={answer}>
        {({ regions, counts }) => (
          <>
            {regions.length === 0 ? (
              <EmptyState title="No region has told a head" />
            ) : (
              <Table
                label="Heads of regions’ trails"
                rows={regions}
                keyOf={({ region, instance }) => `${region}/${instance}`}
                columns={[
                  { name: 'Region', cell: ({ region }) => region },
                  {
                    name: 'State',
                    cell: ({ fault }) => (
                      <Badge state={fault ?? 'whole'} tone={fault === null ? 'ok' : 'bad'} />
                    ),
                  },
                  { name: 'Fault since', cell: ({ faultAt }) => <Time at={faultAt} /> },
                  { name: 'Events', figures: true, cell: ({ checkpoint }) => checkpoint.sequence },
                  { name: 'Signed', cell: ({ checkpoint }) => <Time at={checkpoint.at} /> },
                  {
                    name: 'Head',
                    cell: ({ checkpoint }) => (
                      <Copyable value={checkpoint.hash} name="hash of the head" short />
                    ),
                  },
                ]}
              />
            )}
            {counts.length > 0 && (
              <Table
                label="Counts of regions’ events"
                rows={counts}
                keyOf={({ region, class: of, outcome }) => `${region}/${of}/${outcome}`}
                columns={[
                  { name: 'Region', cell: ({ region }) => region },
                  { name: 'Class', cell: (count) => count.class },
                  {
                    name: 'Outcome',
                    cell: ({ outcome }) => (
                      <Badge state={outcome} tone={outcome === 'success' ? 'ok' : 'warn'} />
                    ),
                  },
                  { name: 'Events', figures: true, cell: ({ events }) => events.toLocaleString('en') },
                  { name: 'Last', cell: ({ lastAt }) => <Time at={lastAt} /> },
                ]}
              />
            )}
          </>
        )}
      </Loaded>
    </Section>
  );
}
