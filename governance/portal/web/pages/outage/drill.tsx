import { Link, useParams } from 'wouter';
import type { GetTenantDrillResponse } from '../../../../client/types.gen.ts';
import { EVERY, useApi } from '../../api/hooks.ts';
import { milliseconds, plural } from '../../api/words.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { Badge } from '../../design/badge.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { Facts, Section } from '../../design/page.tsx';
import { Loaded, Notice } from '../../design/states.tsx';
import { Time } from '../../design/time.tsx';
import { type Moment, Timeline } from '../../design/timeline.tsx';
import { unless, useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';

type RegionDrill = GetTenantDrillResponse['regions'][number];

export default function DrillPage() {
  const tenant = useTenant();
  const { id } = useParams<{ id: string }>();
  const { administerKeys, look } = useMay(tenant);
  const answer = useApi(
    'getTenantDrill',
    { path: { tenant, id } },
    { every: EVERY.live, enabled: look.allowed },
  );
  const state = answer.data?.state ?? 'running';
  return (
    <TenantPage
      title="Drill"
      actions={
        <ActionButton
          operation="stopTenantDrill"
          request={{ path: { tenant, id } }}
          tone="main"
          may={unless(
            administerKeys,
            state !== 'running',
            state === 'ended' ? 'It has ended' : 'It is being restored',
          )}
          done="The regions restore it"
        >
          Stop now
        </ActionButton>
      }
    >
      <Loaded of={answer} what="Loading the drill">
        {(drill) => (
          <>
            {drill.state === 'running' && (
              <Notice tone="warn">
                <p>
                  Cut off. Comes back <Time at={drill.restoreAt} />, and by the regions themselves{' '}
                  <Time at={drill.until} /> at the latest.
                </p>
              </Notice>
            )}
            <Facts
              of={[
                ['Of', drill.service === null ? `the whole of ${tenant}` : `service ${drill.service}`],
                ['State', <Badge key="state" state={drill.state} />],
                [
                  'Time to last refusal',
                  drill.timeToLastRefusalMs === null ? '–' : milliseconds(drill.timeToLastRefusalMs),
                ],
                ['Time back', drill.timeBackMs === null ? '–' : milliseconds(drill.timeBackMs)],
                ['Started by', drill.startedBy],
                ['Stopped by', drill.stoppedBy ?? undefined],
                ['Started', <Time key="started" at={drill.startedAt} />],
                ['Ended', <Time key="ended" at={drill.endedAt} />],
                [
                  'Correlation id',
                  <Copyable key="id" value={drill.correlationId} name="correlation id" short />,
                ],
              ]}
            />
            {drill.regions.map((region) => (
              <Section key={region.region} title={region.region} intro={<Badge state={region.state} />}>
                <Timeline label={`Drill in ${region.region}`} of={momentsOf(drill, region)} />
              </Section>
            ))}
          </>
        )}
      </Loaded>
    </TenantPage>
  );
}

function momentsOf(
  drill: GetTenantDrillResponse,
  {
    cut,
    cutJob,
    cutError,
    refusedBy,
    refusedWithinMs,
    restored,
    restoreJob,
    restoreError,
    backWithinMs,
  }: RegionDrill,
): Moment[] {
  const untold = (names: readonly string[]) =>
    names.length === 0 ? '' : ` Not confirmed: ${names.join(', ')}.`;
  return [
    {
      at: drill.startedAt,
      title: 'Asked to cut it off',
      tone: cutError === null ? 'ok' : 'bad',
      detail: (
        <>
          <Link href={`/jobs/${cutJob}`}>Job</Link> {cutError}
        </>
      ),
    },
    ...(cut === null
      ? []
      : [
          {
            at: cut.cutAt,
            title: 'Cut off',
            tone: cut.untold.length === 0 ? ('ok' as const) : ('warn' as const),
            detail: `${plural(cut.gatewaysTold, 'gateway')} told, in ${milliseconds(cut.tookMs)}.${untold(cut.untold)}`,
          },
        ]),
    ...(refusedBy === null
      ? []
      : [
          {
            at: refusedBy,
            title: 'Every gateway refuses',
            tone: 'ok' as const,
            ...(refusedWithinMs === null ? {} : { detail: `within ${milliseconds(refusedWithinMs)}` }),
          },
        ]),
    ...(restoreJob === null
      ? [{ at: null, title: 'Comes back by itself', tone: 'off' as const }]
      : [
          {
            at: drill.restoringAt,
            title: 'Asked to restore it',
            tone: restoreError === null ? ('ok' as const) : ('bad' as const),
            detail: (
              <>
                <Link href={`/jobs/${restoreJob}`}>Job</Link> {restoreError}
              </>
            ),
          },
        ]),
    ...(restored === null
      ? []
      : [
          {
            at: restored.restoredAt,
            title: 'Back',
            tone: restored.untold.length === 0 ? ('ok' as const) : ('warn' as const),
            detail: `${plural(restored.gatewaysTold, 'gateway')} told${backWithinMs === null ? '' : `, within ${milliseconds(backWithinMs)}`}.${untold(restored.untold)}`,
          },
        ]),
  ];
}
