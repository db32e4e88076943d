import type { ListAuditResponse } from '../../../../client/types.gen.ts';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { Filters, useFilter, useFilterOf } from '../../design/filters.tsx';
import { given } from '../../design/form-values.ts';
import { Time } from '../../design/time.tsx';

type AuditEvent = ListAuditResponse['items'][number];

const OUTCOMES = ['accepted', 'refused', 'succeeded', 'failed'] as const;
const IS_INSTANT = /^\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?$/;

/** A day as the API has instants; anything else is asked for only when it is whole. */
function instantOf(text: string | undefined): string | undefined {
  if (text === undefined || !IS_INSTANT.test(text)) return undefined;
  return text.includes('T') ? text : `${text}T00:00:00Z`;
}

/** Of one tenant, or the platform's. */
export function AuditLog({ tenant, enabled }: { readonly tenant?: string; readonly enabled: boolean }) {
  const action = useFilter('action');
  const actor = useFilter('actor');
  const subject = useFilter('subject');
  const outcome = useFilterOf('outcome', OUTCOMES);
  const correlationId = useFilter('correlation');
  const since = instantOf(useFilter('since'));
  const until = instantOf(useFilter('until'));
  return (
    <>
      <Filters
        of={[
          { name: 'action', label: 'Action', placeholder: 'proposal.create' },
          { name: 'actor', label: 'Who', placeholder: 'exactly' },
          { name: 'subject', label: 'On what' },
          { name: 'outcome', label: 'Outcome', options: OUTCOMES },
          { name: 'since', label: 'Since', placeholder: '2031-01-31' },
          { name: 'until', label: 'Until', placeholder: '2031-02-28' },
          { name: 'correlation', label: 'Correlation id' },
        ]}
      />
      <ApiTable
        operation="listAudit"
        request={{
          query: {
            ...given('tenant', tenant),
            ...given('action', action),
            ...given('actor', actor),
            ...given('subject', subject),
            ...given('outcome', outcome),
            ...given('correlationId', correlationId),
            ...given('since', since),
            ...given('until', until),
          },
        }}
        enabled={enabled}
        limit={50}
        label="Audit events"
        empty="No event fits"
        keyOf={({ sequence }) => String(sequence)}
        columns={[
          { name: 'No.', figures: true, cell: ({ sequence }) => sequence },
          { name: 'When', cell: ({ at }) => <Time at={at} /> },
          { name: 'Who', cell: (event) => event.actor },
          { name: 'Action', cell: (event) => <code>{event.action}</code> },
          { name: 'On what', breaks: true, cell: (event) => event.subject },
          { name: 'Outcome', cell: (event) => <Badge state={event.outcome} /> },
          { name: 'Detail', cell: (event) => <Detail event={event} /> },
        ]}
      />
    </>
  );
}

function Detail({ event }: { readonly event: AuditEvent }) {
  return (
    <details className="disclosure">
      <summary>
        <span className="sr-only">Event {event.sequence}: </span>all of it
      </summary>
      <dl>
        <dt className="muted small">From</dt>
        <dd>{event.origin ?? '–'}</dd>
        <dt className="muted small">Correlation id</dt>
        <dd>
          <Copyable value={event.correlationId} name="correlation id" />
        </dd>
        <dt className="muted small">Hash</dt>
        <dd>
          <Copyable value={event.hash} name="hash" short />
        </dd>
        <dt className="muted small">Hash of the one before</dt>
        <dd>
          <Copyable value={event.previousHash} name="hash of the event before" short />
        </dd>
      </dl>
      <pre>{typeof event.detail === 'string' ? event.detail : JSON.stringify(event.detail, null, 2)}</pre>
    </details>
  );
}
