import { Link } from 'wouter';
import { plural } from '../../api/words.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { given } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { toast } from '../../design/toasts.ts';
import { useMay } from '../../session/may.ts';

/** What regions have refused for good, or not done in time. */
export function DeadLetters({ tenant }: { readonly tenant?: string }) {
  const { retryJobs, help, operate } = useMay(tenant);
  const enabled = tenant === undefined ? operate.allowed : help.allowed;
  return (
    <Section
      title="Dead letters"
      intro="What regions have refused for good, or not done in time. Mend the cause, then ask once more."
      actions={
        <FormDialog
          button="Retry many"
          may={retryJobs}
          title="Retry what has failed"
          intro="Everything that fits is asked once more; what cannot be is left, with the reason."
          fields={[
            { name: 'region', label: 'Region', hint: 'Left out: any.' },
            { name: 'kind', label: 'Kind', hint: 'Such as LINK. Left out: any.' },
            { name: 'errorCode', label: 'Error code', hint: 'Left out: any.' },
          ]}
          submit="Retry"
          operation="createJobRetry"
          request={(values) => ({
            body: {
              ...given('region', values.optional('region')),
              ...given('kind', values.optional('kind')),
              ...given('errorCode', values.optional('errorCode')),
            },
            query: { ...given('tenant', tenant) },
          })}
          done={({ retried, left, next }) =>
            `${plural(retried.length, 'job')} asked once more, ${left.length} left${next === undefined ? '' : '; there are more: retry again'}`
          }
          onDone={({ left }) => {
            for (const { job, detail } of left.slice(0, 3))
              toast({ tone: 'warn', title: `Left: ${detail}`, to: `/jobs/${job}`, link: 'Job' });
          }}
        />
      }
    >
      <ApiTable
        operation="listTasks"
        request={{ query: { ...given('tenant', tenant), state: 'failed' } }}
        enabled={enabled}
        limit={20}
        label="Dead letters"
        empty="None"
        keyOf={({ id, region }) => `${id}/${region}`}
        columns={[
          { name: 'Job', cell: ({ job, kind }) => <Link href={`/jobs/${job}`}>{kind}</Link> },
          { name: 'About', breaks: true, cell: ({ entity }) => entity },
          { name: 'Region', cell: ({ region }) => region },
          {
            name: 'Error',
            cell: ({ error }) =>
              error === null ? (
                '–'
              ) : (
                <>
                  <Badge state={error.code} tone="bad" /> {error.message}
                </>
              ),
          },
          { name: 'When', cell: ({ updatedAt }) => <Time at={updatedAt} /> },
          {
            name: 'Actions',
            actions: true,
            cell: ({ job, region }) => (
              <ActionButton
                operation="retryJob"
                request={{ path: { id: job }, body: { regions: [region] } }}
                may={retryJobs}
                done={`${region} is asked once more`}
              >
                Retry
              </ActionButton>
            ),
          },
        ]}
      />
    </Section>
  );
}
