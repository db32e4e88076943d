import { Link } from 'wouter';
import type { JobTask, ListedTask } from '../../../../client/types.gen.ts';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { given } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { Time, useNow } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';

/** As Orbital's own alert has it: older than that is stalled. */
export const STALLED_MS = 60_000;

/** Everything that has not ended, as what it waits for. */
export function WaitingTasks({ tenant }: { readonly tenant?: string }) {
  const { help, operate } = useMay(tenant);
  const enabled = tenant === undefined ? operate.allowed : help.allowed;
  return (
    <Section
      title="Waiting"
      intro="What a region has not ended: which one, since when, and when it is asked again."
    >
      <ApiTable
        operation="listTasks"
        request={{ query: { ...given('tenant', tenant), state: 'pending' } }}
        enabled={enabled}
        limit={20}
        label="Waiting tasks"
        empty="Nothing waits: every region has done what it was asked"
        keyOf={({ id, region }) => `${id}/${region}`}
        columns={[
          { name: 'Job', cell: ({ job, kind }) => <Link href={`/jobs/${job}`}>{kind}</Link> },
          { name: 'About', breaks: true, cell: ({ entity }) => entity },
          { name: 'Waits for', cell: ({ region }) => region },
          { name: 'Last heard', cell: (task) => <Since task={task} /> },
          { name: 'Attempt', figures: true, cell: ({ attempt }) => attempt },
          {
            name: 'Asked again',
            cell: ({ nextAttemptAt }) => <Time at={nextAttemptAt} none="when it answers" />,
          },
          { name: 'Given up', cell: ({ deadlineAt }) => <Time at={deadlineAt} none="never" /> },
          {
            name: 'Last answer',
            cell: ({ error }) => (error === null ? '–' : `${error.code}: ${error.message}`),
          },
        ]}
      />
    </Section>
  );
}

function Since({ task }: { readonly task: JobTask | ListedTask }) {
  const now = useNow();
  const isStalled = now - Date.parse(task.updatedAt) > STALLED_MS;
  return (
    <span className="row">
      <Time at={task.updatedAt} />
      {isStalled && <Badge state="stalled" tone="warn" />}
    </span>
  );
}

/** "Waits for eu-west-1: asked 3 times, again in 20 s." */
export function WaitsFor({ task }: { readonly task: JobTask }) {
  const { region, attempt, nextAttemptAt, deadlineAt, error } = task;
  return (
    <>
      Waits for <strong>{region}</strong>, asked {attempt === 1 ? 'once' : `${attempt} times`}
      {nextAttemptAt !== null && (
        <>
          , again <Time at={nextAttemptAt} />
        </>
      )}
      {deadlineAt !== null && (
        <>
          , given up <Time at={deadlineAt} />
        </>
      )}
      .{error !== null && ` It said: ${error.message} (${error.code}).`}
    </>
  );
}
