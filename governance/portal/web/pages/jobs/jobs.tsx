import { EVERY, useApi } from '../../api/hooks.ts';
import { Page, Section } from '../../design/page.tsx';
import { EmptyState, Loaded } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';
import { DeadLetters } from './dead-letters.tsx';
import { JobList } from './job-list.tsx';
import { WaitingTasks } from './waiting.tsx';

export default function Jobs() {
  const { operate } = useMay();
  return (
    <Page title="Jobs" intro="What regions were asked for, and what became of it.">
      <WaitingTasks />
      <Section title="All jobs">
        <JobList enabled={operate.allowed} />
      </Section>
      <DeadLetters />
      <Refused />
    </Page>
  );
}

/** What came over the broker and was no message to be believed. */
function Refused() {
  const { operate } = useMay();
  const answer = useApi('listRefusedMessages', {}, { every: EVERY.list, enabled: operate.allowed });
  return (
    <Section
      title="Refused messages"
      intro="Came over the broker, and were not believed. Who they claim to be from is their own word."
    >
      <Loaded of={answer}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyState title="None" />
          ) : (
            <Table
              label="Refused messages"
              rows={items}
              keyOf={({ code, channel, keyId, claims }) => `${code}/${channel}/${keyId}/${claims}`}
              columns={[
                { name: 'Code', cell: ({ code }) => <code>{code}</code> },
                { name: 'It means', cell: ({ meaning }) => meaning },
                { name: 'Channel', cell: ({ channel }) => channel },
                {
                  name: 'Claims',
                  cell: ({ claims, keyId }) =>
                    [claims, keyId].filter((each) => each !== null).join(', ') || '–',
                },
                { name: 'Times', figures: true, cell: ({ count }) => count },
                { name: 'First', cell: ({ firstAt }) => <Time at={firstAt} /> },
                { name: 'Last', cell: ({ lastAt }) => <Time at={lastAt} /> },
              ]}
            />
          )
        }
      </Loaded>
    </Section>
  );
}
