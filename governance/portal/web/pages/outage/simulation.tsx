import { useParams } from 'wouter';
import type { GetTenantSimulationResponse } from '../../../../client/types.gen.ts';
import { pathOf } from '../../api/client.ts';
import { EVERY, useApi } from '../../api/hooks.ts';
import { milliseconds } from '../../api/words.ts';
import { Badge } from '../../design/badge.tsx';
import { Facts, Section } from '../../design/page.tsx';
import { EmptyState, Loaded, Notice } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { subjectTitle } from './outage.tsx';
import { SimulatedRegion } from './simulated-region.tsx';

const FORMATS = [
  ['markdown', 'Markdown', 'md'],
  ['csv', 'CSV', 'csv'],
  ['json', 'JSON', 'json'],
] as const;

export default function SimulationPage() {
  const tenant = useTenant();
  const { id } = useParams<{ id: string }>();
  const { look } = useMay(tenant);
  const path = { tenant, id };
  const answer = useApi('getTenantSimulation', { path }, { every: EVERY.live, enabled: look.allowed });
  return (
    <TenantPage
      title="Simulation"
      heading={answer.data === undefined ? 'Simulation' : `What if: ${subjectTitle(answer.data.subject)}`}
      actions={FORMATS.map(([format, title, ending]) => (
        <a
          key={format}
          className="button"
          href={pathOf('getTenantSimulationExport', { path, query: { format } })}
          download={`${tenant}-${id}.${ending}`}
        >
          {title}
        </a>
      ))}
    >
      <Loaded of={answer} what="Loading the report">
        {(report) => (
          <>
            <Verdict report={report} />
            <Totals report={report} />
            {report.regions.map((region) => (
              <SimulatedRegion key={region.region} region={region} />
            ))}
            <Workflows report={report} />
          </>
        )}
      </Loaded>
    </TenantPage>
  );
}

interface Props {
  readonly report: GetTenantSimulationResponse;
}

function Verdict({ report: { stops, means, reversible, back, state } }: Props) {
  return (
    <div aria-live="polite" className="stack">
      {state === 'asking' && (
        <Notice tone="busy">
          <p>Regions are still being asked; the report fills as they answer.</p>
        </Notice>
      )}
      <Notice tone={stops ? 'bad' : 'ok'}>
        <p>
          <strong>{stops ? 'Something would stop.' : 'Nothing would stop.'}</strong> It would {means}.
        </p>
        <p>
          <strong>{reversible ? 'The way back:' : 'There is no way back:'}</strong> {back}
        </p>
      </Notice>
    </div>
  );
}

function Totals({ report }: Props) {
  const { totals, askedBy, askedAt, lastUsedAt, noticedWithinMs } = report;
  return (
    <Facts
      of={[
        ['Asked by', askedBy],
        ['Asked', <Time key="asked" at={askedAt} />],
        ['Last used', <Time key="used" at={lastUsedAt} none="not known" />],
        ['Noticed within', noticedWithinMs === null ? undefined : milliseconds(noticedWithinMs)],
        ...Object.entries(totals).map(
          ([name, count]) => [name[0]?.toUpperCase() + name.slice(1), count.toLocaleString('en')] as const,
        ),
      ]}
    />
  );
}

function Workflows({ report: { workflows } }: Props) {
  return (
    <Section title="Under way or planned" intro="What would become of it.">
      {workflows.length === 0 ? (
        <EmptyState title="Nothing is under way" />
      ) : (
        <Table
          label="Under way or planned"
          rows={workflows}
          keyOf={({ kind, id, what, region }) => `${kind}/${id}/${what}/${region}`}
          columns={[
            { name: 'Kind', cell: ({ kind }) => kind },
            { name: 'What', cell: ({ what }) => what },
            { name: 'Region', cell: ({ region }) => region ?? '–' },
            { name: 'Since', cell: ({ since }) => <Time at={since} /> },
            {
              name: 'Effect',
              cell: ({ effect }) => (
                <Badge
                  state={effect}
                  tone={
                    effect === 'cancelled' || effect === 'refused'
                      ? 'bad'
                      : effect === 'unaffected'
                        ? 'ok'
                        : 'warn'
                  }
                />
              ),
            },
            { name: 'It means', cell: ({ means }) => means },
          ]}
        />
      )}
    </Section>
  );
}
