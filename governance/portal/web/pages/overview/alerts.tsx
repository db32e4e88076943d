import { Link } from 'wouter';
import type { DriftFinding, GetStatusResponse, ListedTask } from '../../../../client/types.gen.ts';
import { EVERY, useApi } from '../../api/hooks.ts';
import { actionTitle, milliseconds, plural } from '../../api/words.ts';
import { Mark } from '../../design/badge.tsx';
import { Section } from '../../design/page.tsx';
import { Notice } from '../../design/states.tsx';
import { Time } from '../../design/time.tsx';
import { useMay, useMe } from '../../session/may.ts';
import { usePending } from '../../shell/pending.ts';
import type { Alert } from './alert.ts';
import { useOwnTrouble } from './own-trouble.ts';

const MAX_OF_A_KIND = 5;
/** The rest is one press away. */
const MAX_SHOWN = 10;
/** As Orbital's own alert has it. */
const STALLED_MS = 60_000;

/** What needs somebody. Nothing here is the good case, and is said. */
export function Alerts({ status }: { readonly status: GetStatusResponse | undefined }) {
  const { operate } = useMay();
  const { data: me } = useMe();
  const pending = usePending(EVERY.list);
  const asking = { every: EVERY.list, enabled: operate.allowed };
  const failed = useApi('listTasks', { query: { state: 'failed', limit: MAX_OF_A_KIND } }, asking);
  const drift = useApi('listDrift', { query: { mend: 'tell', limit: MAX_OF_A_KIND } }, asking);
  const own = useOwnTrouble(!operate.allowed || me?.duty === 'development');
  const alerts = [
    ...(status === undefined ? [] : statusAlerts(status)),
    ...(failed.data?.items ?? []).map(deadLetter),
    ...(drift.data?.items ?? []).map(finding),
    ...pending.items.slice(0, MAX_OF_A_KIND).map(
      (proposal): Alert => ({
        id: `proposal/${proposal.id}`,
        tone: 'warn',
        title: `${proposal.tenant}: ${actionTitle(proposal.action)} waits for approval`,
        to: `/tenants/${proposal.tenant}/workflows/${proposal.id}`,
        since: proposal.createdAt,
      }),
    ),
    ...own,
  ];
  const unique = [...new Map(alerts.map((alert) => [alert.id, alert])).values()].sort(
    (a, b) => Number(b.tone === 'bad') - Number(a.tone === 'bad'),
  );
  return (
    <Section title="What needs somebody">
      <div aria-live="polite" aria-relevant="additions">
        {unique.length === 0 ? (
          <Notice tone="ok">
            <p>Nothing needs anybody at the moment.</p>
          </Notice>
        ) : (
          <>
            <AlertList of={unique.slice(0, MAX_SHOWN)} />
            {unique.length > MAX_SHOWN && (
              <details className="disclosure">
                <summary>{plural(unique.length - MAX_SHOWN, 'more thing')}</summary>
                <AlertList of={unique.slice(MAX_SHOWN)} />
              </details>
            )}
          </>
        )}
      </div>
    </Section>
  );
}

function AlertList({ of: alerts }: { readonly of: readonly Alert[] }) {
  return (
    <ul className="alerts">
      {alerts.map(({ id, tone, title, to, since }) => (
        <li key={id} className="alert">
          <Mark tone={tone} />
          <Link href={to}>{title}</Link>
          {since !== undefined && since !== null && (
            <span className="muted small">
              <Time at={since} />
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

function statusAlerts({ broker, regions, jobs, keys }: GetStatusResponse): Alert[] {
  return [
    ...(broker.healthy
      ? []
      : [
          {
            id: 'broker',
            tone: 'bad' as const,
            title: 'The broker is away: nothing reaches any region',
            to: '/jobs',
          },
        ]),
    ...regions.flatMap(({ name, seal, stale, reportedAt, gateways, lagMs, pendingTasks }): Alert[] => [
      ...(stale
        ? [
            {
              id: `stale/${name}`,
              tone: 'bad' as const,
              title: `${name} is silent`,
              to: `/regions/${name}`,
              since: reportedAt,
            },
          ]
        : []),
      ...(seal === 'sealed'
        ? [
            {
              id: `seal/${name}`,
              tone: 'bad' as const,
              title: `${name} is sealed: no key can be used there`,
              to: `/regions/${name}`,
            },
          ]
        : []),
      ...(lagMs > STALLED_MS
        ? [
            {
              id: `lag/${name}`,
              tone: 'warn' as const,
              title: `${name} is ${milliseconds(lagMs)} behind, with ${plural(pendingTasks, 'task')} waiting`,
              to: '/jobs',
            },
          ]
        : []),
      ...gateways
        .filter(({ connected }) => !connected)
        .map((gateway) => ({
          id: `gateway/${name}/${gateway.name}`,
          tone: 'bad' as const,
          title: `${name}: the gateway ${gateway.name} is away`,
          to: `/regions/${name}`,
          since: gateway.lastSeenAt,
        })),
    ]),
    ...(jobs.failed > 0
      ? [
          {
            id: 'failed',
            tone: 'warn' as const,
            title: `${plural(jobs.failed, 'job')} failed in all`,
            to: '/jobs?state=failed',
          },
        ]
      : []),
    ...keys.map(
      ({ tenant, alias, state, means, stateSince }): Alert => ({
        id: `key/${tenant}/${alias}`,
        tone: state === 'ENABLED' ? 'warn' : 'bad',
        title: `${tenant}: the master key ${alias}: ${means}`,
        to: `/tenants/${tenant}/keys/key/${alias}`,
        since: stateSince,
      }),
    ),
  ];
}

const deadLetter = ({ id, region, job, kind, entity, error, updatedAt }: ListedTask): Alert => ({
  id: `task/${id}/${region}`,
  tone: 'bad',
  title: `${region} did not do ${kind} of ${entity}: ${error?.message ?? 'no answer in time'}`,
  to: `/jobs/${job}`,
  since: updatedAt,
});

const finding = ({ region, item, meaning, foundAt, finding: name }: DriftFinding): Alert => ({
  id: `drift/${region}/${item}/${name}`,
  tone: 'warn',
  title: `Drift in ${region}: ${item}: ${meaning}`,
  to: '/drift?mend=tell',
  since: foundAt,
});
