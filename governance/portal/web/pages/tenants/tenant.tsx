import { Link } from 'wouter';
import type { Tenant } from '../../../../client/types.gen.ts';
import { EVERY, useApi } from '../../api/hooks.ts';
import { duration } from '../../api/words.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { Badge } from '../../design/badge.tsx';
import { Facts, Section } from '../../design/page.tsx';
import { Loaded, Notice } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { unless, useMay } from '../../session/may.ts';
import { Services } from './services.tsx';
import { TenantLife } from './tenant-life.tsx';
import { TenantPage, useTenant } from './tenant-page.tsx';

export default function TenantOverview() {
  const tenant = useTenant();
  const may = useMay(tenant);
  const answer = useApi('getTenant', { path: { tenant } }, { every: EVERY.live });
  return (
    <TenantPage title="Tenant" may={may.help} actions={answer.data && <TenantLife tenant={answer.data} />}>
      <Loaded of={answer}>
        {(data) => (
          <>
            <Facts
              of={[
                ['Display name', data.displayName],
                ['State', <Badge key="state" state={data.state} />],
                ['Since', <Time key="since" at={data.stateSince} />],
                ['Reason', data.reason ?? undefined],
                ['Approval policy', `${data.policy} (${data.quorum} people, the proposer counted)`],
                [
                  'Link rotates by itself',
                  data.rotateLinkAfterSeconds === null
                    ? 'never'
                    : `every ${duration(data.rotateLinkAfterSeconds)}`,
                ],
                ['Onboarded', <Time key="created" at={data.createdAt} />],
              ]}
            />
            {data.change !== null && <Change tenant={data} change={data.change} />}
            <Section title="Regions" intro="Where the tenant’s keys are.">
              <Table
                label="Regions of the tenant"
                rows={data.regions}
                keyOf={({ region }) => region}
                columns={[
                  { name: 'Region', cell: ({ region }) => region },
                  { name: 'State', cell: ({ state }) => <Badge state={state} /> },
                  { name: 'L2 version', figures: true, cell: ({ l2Version }) => l2Version ?? '–' },
                  { name: 'Error', cell: ({ error }) => error ?? '–' },
                ]}
              />
            </Section>
          </>
        )}
      </Loaded>
      {may.look.allowed && <Services tenant={tenant} />}
    </TenantPage>
  );
}

interface ChangeProps {
  readonly tenant: Tenant;
  readonly change: NonNullable<Tenant['change']>;
}

/** What the regions still have to do, one by one. */
function Change({ tenant, change }: ChangeProps) {
  const may = useMay(tenant.id);
  return (
    <Notice tone={change.failed ? 'bad' : 'busy'}>
      <p>
        Becoming <strong>{change.to}</strong>
        {change.failed ? ': a region has refused its part.' : ': regions are at it.'}
      </p>
      <ul>
        {change.regions.map(({ region, state, error, job }) => (
          <li key={region} className="row">
            {region} <Badge state={state} /> {error}
            {job !== null && <Link href={`/jobs/${job}`}>Job</Link>}
          </li>
        ))}
      </ul>
      {change.failed && (
        <ActionButton
          operation="retryTenant"
          request={{ path: { tenant: tenant.id } }}
          may={unless(may.operate, tenant.state === 'requested', 'It was only requested')}
          done="Asked the regions once more"
        >
          Ask them once more
        </ActionButton>
      )}
    </Notice>
  );
}
