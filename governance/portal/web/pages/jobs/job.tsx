import { Link, useParams } from 'wouter';
import type { JobTask, JobWithTasks } from '../../../../client/types.gen.ts';
import { EVERY, useApi } from '../../api/hooks.ts';
import { toneOf } from '../../api/words.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { Badge } from '../../design/badge.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { Facts, Page, Section } from '../../design/page.tsx';
import { Loaded } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { type Moment, Timeline } from '../../design/timeline.tsx';
import { unless, useMe, type Verdict } from '../../session/may.ts';
import { WaitsFor } from './waiting.tsx';

export default function JobPage() {
  const { id } = useParams<{ id: string }>();
  const answer = useApi('getJob', { path: { id } }, { every: EVERY.live });
  const job = answer.data;
  return (
    <Page
      title={job === undefined ? 'Job' : `${job.kind} of ${job.entity}`}
      up={{ to: '/jobs', title: 'Jobs' }}
      actions={job !== undefined && <Actions job={job} />}
    >
      <Loaded of={answer} what="Loading the job">
        {(shown) => (
          <>
            <Facts
              of={[
                ['State', <Badge key="state" state={shown.state} />],
                ['About', shown.entity],
                ['Lane', shown.lane],
                ['Made', <Time key="made" at={shown.createdAt} />],
                ['Settled', <Time key="settled" at={shown.settledAt} none="not yet" />],
                ['Job id', <Copyable key="id" value={shown.id} name="job id" short />],
                [
                  'Correlation id',
                  <Copyable key="correlation" value={shown.correlationId} name="correlation id" short />,
                ],
                [
                  'Of the same request',
                  <Link key="same" href={`/jobs?correlation=${encodeURIComponent(shown.correlationId)}`}>
                    Jobs
                  </Link>,
                ],
              ]}
            />
            <Section title="Timeline">
              <Timeline label="Timeline of the job" of={momentsOf(shown)} />
            </Section>
            <Tasks job={shown} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** Whose job it is stands not in it: CMK knows, and refuses what is not permitted. */
function useMayChange(): Verdict {
  const { data: me } = useMe();
  const allowed =
    me !== undefined &&
    (me.duty !== null ||
      me.tenants.some(({ roles }) =>
        roles.some((role) => role === 'administrator' || role === 'key-administrator'),
      ));
  return { allowed, reason: 'Needs the role administrator or key-administrator' };
}

function Actions({ job }: { readonly job: JobWithTasks }) {
  const may = useMayChange();
  const path = { id: job.id };
  const isLive = job.state === 'pending' || job.state === 'processing';
  return (
    <>
      <ActionButton
        operation="retryJob"
        request={{ path, body: null }}
        tone="main"
        may={unless(may, job.state !== 'failed', 'Only what has failed is retried')}
        done="Asked once more"
      >
        Retry
      </ActionButton>
      <FormDialog
        button="Cancel…"
        tone="danger"
        may={unless(may, !isLive, 'It has ended')}
        title={`Cancel ${job.kind} of ${job.entity}`}
        intro="Regions that have done their part stay as they are."
        confirm={job.kind}
        submit="Cancel the job"
        operation="cancelJob"
        request={() => ({ path })}
        done="Cancelled where it was not done yet"
      />
    </>
  );
}

function Tasks({ job: { id, tasks } }: { readonly job: JobWithTasks }) {
  const may = useMayChange();
  return (
    <Section title="Regions">
      <Table
        label="Regions of the job"
        rows={tasks}
        keyOf={(task) => task.id}
        columns={[
          { name: 'Region', cell: ({ region }) => region },
          { name: 'State', cell: ({ state }) => <Badge state={state} /> },
          { name: 'Attempts', figures: true, cell: ({ attempt }) => attempt },
          { name: 'Changed', cell: ({ updatedAt }) => <Time at={updatedAt} /> },
          { name: 'Asked again', cell: ({ nextAttemptAt }) => <Time at={nextAttemptAt} /> },
          { name: 'Given up', cell: ({ deadlineAt }) => <Time at={deadlineAt} none="never" /> },
          {
            name: 'Error',
            cell: ({ error }) =>
              error === null
                ? '–'
                : `${error.code}: ${error.message}${error.retryable ? ' (passes by itself)' : ''}`,
          },
          {
            name: 'Actions',
            actions: true,
            cell: ({ region, state }) => (
              <ActionButton
                operation="retryJob"
                request={{ path: { id }, body: { regions: [region] } }}
                may={unless(may, state !== 'failed', 'Only what has failed is retried')}
                done={`${region} is asked once more`}
              >
                Retry there
              </ActionButton>
            ),
          },
        ]}
      />
    </Section>
  );
}

function momentsOf(job: JobWithTasks): Moment[] {
  return [
    { at: job.createdAt, title: 'Made', tone: 'off' },
    ...job.tasks.map((task) => ({
      at: isLive(task) ? null : task.updatedAt,
      title: `${task.region}: ${task.state}`,
      tone: toneOf(task.state),
      detail: isLive(task) ? <WaitsFor task={task} /> : errorWords(task),
    })),
    ...(job.settledAt === null
      ? []
      : [{ at: job.settledAt, title: `Settled: ${job.state}`, tone: toneOf(job.state) }]),
  ];
}

const isLive = ({ state }: JobTask): boolean => state === 'pending' || state === 'processing';
const errorWords = ({ error, attempt }: JobTask): string =>
  error === null
    ? `after ${attempt === 1 ? 'one attempt' : `${attempt} attempts`}`
    : `${error.code}: ${error.message}`;
