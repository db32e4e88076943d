import { useState } from 'react';
import { Link } from 'wouter';
import { EVERY, useApi } from '../../api/hooks.ts';
import { Badge } from '../../design/badge.tsx';
import { Button } from '../../design/button.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { Facts, Page, Section } from '../../design/page.tsx';
import { EmptyState, Loaded } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { useMay, useMe } from '../../session/may.ts';
import { useSession, useSignOut } from '../../session/session.ts';
import { chooseTheme, readTheme, type Theme } from '../../theme.ts';

const THEMES: readonly (readonly [Theme, string])[] = [
  ['system', 'As the system has it'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

export default function Settings() {
  const me = useMe();
  const session = useSession();
  const signOut = useSignOut();
  return (
    <Page
      title="Settings"
      actions={
        <Button busy={signOut.isPending} onPress={() => signOut.mutate()}>
          Sign out
        </Button>
      }
    >
      <Section title="Who you are">
        <Loaded of={me}>
          {({ principal, name, person, duty, tenants }) => (
            <>
              <Facts
                of={[
                  ['Name', name],
                  ['Principal', <Copyable key="principal" value={principal} name="principal" />],
                  ['A person', person ? 'yes' : 'no: machines approve nothing'],
                  ['For the installation', duty ?? 'nothing beyond your tenants'],
                  ['Signed in until', <Time key="until" at={session.data?.expiresAt} />],
                ]}
              />
              {tenants.length === 0 ? (
                <EmptyState title="You belong to no tenant" />
              ) : (
                <Table
                  label="Your tenants"
                  rows={tenants}
                  keyOf={({ tenant }) => tenant}
                  columns={[
                    {
                      name: 'Tenant',
                      cell: ({ tenant }) => <Link href={`/tenants/${tenant}`}>{tenant}</Link>,
                    },
                    { name: 'Roles', cell: ({ roles }) => roles.join(', ') },
                  ]}
                />
              )}
            </>
          )}
        </Loaded>
      </Section>
      <ThemeChoice />
      <Installation />
    </Page>
  );
}

/** Kept in this browser alone. */
function ThemeChoice() {
  const [theme, setTheme] = useState(readTheme);
  return (
    <Section title="Theme">
      <fieldset className="card">
        <legend className="sr-only">Theme</legend>
        {THEMES.map(([each, title]) => (
          <label key={each} className="check">
            <input
              type="radio"
              name="theme"
              checked={theme === each}
              onChange={() => {
                chooseTheme(each);
                setTheme(each);
              }}
            />
            <span>{title}</span>
          </label>
        ))}
      </fieldset>
    </Section>
  );
}

function Installation() {
  const { operate } = useMay();
  const session = useSession();
  const status = useApi('getStatus', {}, { every: EVERY.slow, enabled: operate.allowed });
  return (
    <Section title="Installation">
      <Facts
        of={[
          ['Cluster', session.data?.cluster],
          [
            'Kind',
            session.data?.development === true ? (
              <Badge key="kind" state="development" tone="warn" />
            ) : (
              'production'
            ),
          ],
          [
            'CMK started',
            status.data === undefined ? undefined : <Time key="started" at={status.data.cmk.startedAt} />,
          ],
          [
            'Broker',
            status.data === undefined ? undefined : (
              <Badge key="broker" state={status.data.broker.healthy ? 'healthy' : 'unreachable'} />
            ),
          ],
          ['Portal', `version ${__VERSION__}`],
          [
            'API',
            <a key="api" href="/v1/openapi.json">
              OpenAPI document
            </a>,
          ],
        ]}
      />
    </Section>
  );
}
