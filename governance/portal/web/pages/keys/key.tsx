import { useParams } from 'wouter';
import { EVERY, useApi } from '../../api/hooks.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { Badge } from '../../design/badge.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { Facts, Section } from '../../design/page.tsx';
import { Loaded, Notice } from '../../design/states.tsx';
import { Time } from '../../design/time.tsx';
import { Timeline } from '../../design/timeline.tsx';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { LinkTable } from './links.tsx';

export default function Key() {
  const tenant = useTenant();
  const { alias } = useParams<{ alias: string }>();
  const { administerKeys, look } = useMay(tenant);
  const asking = { every: EVERY.live, enabled: look.allowed };
  const answer = useApi('getTenantKey', { path: { tenant, alias } }, asking);
  const links = useApi('getTenantLinks', { path: { tenant } }, asking);
  return (
    <TenantPage
      title={`Key ${alias}`}
      heading={`${tenant}: key ${alias}`}
      actions={
        <ActionButton
          operation="proofTenantKey"
          request={{ path: { tenant, alias } }}
          may={administerKeys}
          done="It wraps and unwraps for CMK"
        >
          Prove that it can be used
        </ActionButton>
      }
    >
      <Loaded of={answer}>
        {(key) => (
          <>
            {key.warning !== null && (
              <Notice tone="warn">
                <p>
                  {key.warning.means}, since <Time at={key.warning.since} />.
                </p>
              </Notice>
            )}
            {key.mend !== null && (
              <Notice tone={key.state === 'ENABLED' ? 'warn' : 'bad'}>
                <p>
                  <strong>To mend by {key.mend.by === 'time' ? 'waiting' : `the ${key.mend.by}`}.</strong>{' '}
                  {key.mend.how}
                </p>
              </Notice>
            )}
            <Facts
              of={[
                ['State', <Badge key="state" state={key.state} tip={key.means} />],
                ['It means', key.means],
                ['Keystore', key.keystore],
                ['Reference', <Copyable key="reference" value={key.reference} name="reference" />],
                ['Named', key.named ?? undefined],
                ['Origin', key.origin],
                ['Version', key.version ?? undefined],
                [
                  'Key configuration',
                  key.keyConfiguration === null
                    ? '–'
                    : `${key.keyConfiguration}${key.primary ? ', its primary key' : ''}`,
                ],
              ]}
            />
            <Section title="What is known of it">
              <Timeline
                label="History of the key"
                of={[
                  { at: key.createdAt, title: 'Registered', tone: 'off' },
                  {
                    at: key.stateSince,
                    title: `${key.state.toLowerCase()} since then`,
                    tone: key.state === 'ENABLED' ? 'ok' : 'bad',
                  },
                  ...(key.lastEnabledAt === null
                    ? []
                    : [{ at: key.lastEnabledAt, title: 'Last seen enabled', tone: 'ok' as const }]),
                  ...(key.provedAt === null
                    ? []
                    : [
                        {
                          at: key.provedAt,
                          title: 'Last wrapped and unwrapped something',
                          tone: 'ok' as const,
                        },
                      ]),
                  { at: key.checkedAt, title: 'The keystore last gave a clear answer', tone: 'off' },
                ]}
              />
            </Section>
          </>
        )}
      </Loaded>
      <Section title="Links on this key">
        <Loaded of={links}>
          {(data) => (
            <LinkTable links={{ ...data, regions: data.regions.filter(({ key }) => key === alias) }} />
          )}
        </Loaded>
      </Section>
    </TenantPage>
  );
}
