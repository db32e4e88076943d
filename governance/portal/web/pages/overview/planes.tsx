import { Link } from 'wouter';
import type { GetStatusResponse } from '../../../../client/types.gen.ts';
import { milliseconds, plural, toneOf } from '../../api/words.ts';
import { Badge } from '../../design/badge.tsx';
import { LineChart, PartsChart } from '../../design/charts.tsx';
import { Facts, Section } from '../../design/page.tsx';
import { EmptyState } from '../../design/states.tsx';
import { Time } from '../../design/time.tsx';
import { useHistory } from './history.ts';

interface Props {
  readonly status: GetStatusResponse;
  readonly readAt: number;
}

export function Planes({ status, readAt }: Props) {
  const { regions } = status;
  return (
    <>
      <Governance status={status} readAt={readAt} />
      <Section title="Regions">
        {regions.length === 0 ? (
          <EmptyState title="No region is enrolled yet">
            <Link href="/regions">Enrol one</Link>
          </EmptyState>
        ) : (
          <ul className="cards">
            {regions.map((region) => (
              <RegionCard key={region.name} region={region} readAt={readAt} />
            ))}
          </ul>
        )}
      </Section>
    </>
  );
}

const count = (value: number): string => value.toLocaleString('en');

function Governance({ status: { cluster, cmk, broker, tenants, jobs, links }, readAt }: Props) {
  const waiting = useHistory('jobs', jobs.pending, readAt);
  const oldest = useHistory('oldest', jobs.oldestPendingMs, readAt);
  return (
    <Section title="Governance">
      <Facts
        of={[
          ['Cluster', cluster],
          ['CMK started', <Time key="started" at={cmk.startedAt} />],
          ['Broker', <Badge key="broker" state={broker.healthy ? 'healthy' : 'unreachable'} />],
          [
            'Tenants',
            <Link key="tenants" href="/tenants">
              {count(tenants)}
            </Link>,
          ],
          [
            'Jobs waiting',
            <Link key="jobs" href="/jobs?state=pending">
              {count(jobs.pending)}
            </Link>,
          ],
          [
            'Jobs failed',
            <Link key="failed" href="/jobs?state=failed">
              {count(jobs.failed)}
            </Link>,
          ],
        ]}
      />
      <div className="cards">
        <div className="card">
          <PartsChart
            label="Links"
            parts={Object.entries(links.counts).map(([name, each]) => ({
              name,
              count: each,
              tone: toneOf(name),
            }))}
          />
        </div>
        <div className="card">
          <LineChart label="Jobs waiting" values={waiting} format={count} />
        </div>
        <div className="card">
          <LineChart label="Oldest waits for" values={oldest} format={milliseconds} />
        </div>
      </div>
    </Section>
  );
}

interface CardProps {
  readonly region: GetStatusResponse['regions'][number];
  readonly readAt: number;
}

function RegionCard({ region, readAt }: CardProps) {
  const { name, seal, stale, reportedAt, gateways, pendingTasks, lagMs } = region;
  const connected = gateways.filter((gateway) => gateway.connected).length;
  const leases = gateways.reduce((sum, gateway) => sum + gateway.leases, 0);
  const lag = useHistory(`lag/${name}`, lagMs, readAt);
  const held = useHistory(`leases/${name}`, leases, readAt);
  return (
    <li className="card">
      <div className="card-head">
        <h3>
          <Link href={`/regions/${name}`}>{name}</Link>
        </h3>
        <span className="row">
          <Badge state={seal} />
          {stale && <Badge state="stale" />}
        </span>
      </div>
      <p className="muted">
        reported <Time at={reportedAt} none="never" />; {connected} of {plural(gateways.length, 'gateway')}{' '}
        connected; {plural(pendingTasks, 'task')} waiting
      </p>
      <LineChart label="Lag" values={lag} format={milliseconds} />
      <LineChart label="Leases" values={held} format={count} />
    </li>
  );
}
