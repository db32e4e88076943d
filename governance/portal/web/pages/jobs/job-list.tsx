import { Link } from 'wouter';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { Filters, useFilter, useFilterOf } from '../../design/filters.tsx';
import { given } from '../../design/form-values.ts';
import { Time } from '../../design/time.tsx';

export const STATES = ['pending', 'processing', 'done', 'failed', 'cancelled'] as const;

/** Of one tenant, or of the whole installation. */
export function JobList({ tenant, enabled }: { readonly tenant?: string; readonly enabled: boolean }) {
  const state = useFilterOf('state', STATES);
  const kind = useFilter('kind');
  const entity = useFilter('entity');
  const correlationId = useFilter('correlation');
  return (
    <>
      <Filters
        of={[
          { name: 'state', label: 'State', options: STATES },
          { name: 'kind', label: 'Kind', placeholder: 'LINK, UNLINK, …' },
          { name: 'entity', label: 'About', placeholder: 'exactly' },
          { name: 'correlation', label: 'Correlation id' },
        ]}
      />
      <ApiTable
        operation="listJobs"
        request={{
          query: {
            ...given('tenant', tenant),
            ...given('state', state),
            ...given('kind', kind),
            ...given('entity', entity),
            ...given('correlationId', correlationId),
          },
        }}
        enabled={enabled}
        limit={50}
        label="Jobs"
        empty="No job fits"
        keyOf={({ id }) => id}
        columns={[
          { name: 'Job', cell: ({ id, kind: what }) => <Link href={`/jobs/${id}`}>{what}</Link> },
          { name: 'About', breaks: true, cell: (job) => job.entity },
          { name: 'State', cell: (job) => <Badge state={job.state} /> },
          { name: 'Lane', cell: ({ lane }) => lane },
          { name: 'Made', cell: ({ createdAt }) => <Time at={createdAt} /> },
          { name: 'Settled', cell: ({ settledAt }) => <Time at={settledAt} none="not yet" /> },
          { name: 'Id', cell: ({ id }) => <Copyable value={id} name="job id" short /> },
        ]}
      />
    </>
  );
}
