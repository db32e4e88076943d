import { Link, useLocation } from 'wouter';
import { EVERY, useApi } from '../../api/hooks.ts';
import { actionTitle, milliseconds } from '../../api/words.ts';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { given, someOf } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { DrillTargets } from './drill-targets.tsx';

const SUBJECTS = [
  'unlink',
  'disable-key',
  'delete-key',
  'block-tenant',
  'terminate-tenant',
  'drill',
] as const;

export default function Outage() {
  const tenant = useTenant();
  const { look } = useMay(tenant);
  return (
    <TenantPage
      title="What would stop"
      intro="A simulation tells what would stop, and reads only. A drill cuts off something that was made for it, for a few minutes, and measures how long that took."
      actions={look.allowed && <Simulate tenant={tenant} />}
    >
      <Section title="Simulations">
        <ApiTable
          operation="listTenantSimulations"
          request={{ path: { tenant } }}
          label="Simulations"
          empty="Nothing has been simulated yet"
          keyOf={({ id }) => id}
          columns={[
            {
              name: 'What if',
              cell: ({ id, subject }) => (
                <Link href={`/tenants/${tenant}/outage/simulations/${id}`}>{subjectTitle(subject)}</Link>
              ),
            },
            { name: 'State', cell: ({ state }) => <Badge state={state} /> },
            { name: 'Asked by', cell: ({ askedBy }) => askedBy },
            { name: 'Asked', cell: ({ askedAt }) => <Time at={askedAt} /> },
          ]}
        />
      </Section>
      <Section title="Drills">
        <ApiTable
          operation="listTenantDrills"
          request={{ path: { tenant } }}
          label="Drills"
          empty="No drill yet. Designate something for drills first"
          keyOf={({ id }) => id}
          columns={[
            {
              name: 'Drill of',
              cell: ({ id, service }) => (
                <Link href={`/tenants/${tenant}/outage/drills/${id}`}>
                  {service ?? `the whole of ${tenant}`}
                </Link>
              ),
            },
            { name: 'State', cell: ({ state }) => <Badge state={state} /> },
            { name: 'Started', cell: ({ startedAt }) => <Time at={startedAt} /> },
            { name: 'Ends by itself', cell: ({ until }) => <Time at={until} /> },
            {
              name: 'To last refusal',
              figures: true,
              cell: ({ timeToLastRefusalMs }) =>
                timeToLastRefusalMs === null ? '–' : milliseconds(timeToLastRefusalMs),
            },
            {
              name: 'Back after',
              figures: true,
              cell: ({ timeBackMs }) => (timeBackMs === null ? '–' : milliseconds(timeBackMs)),
            },
          ]}
        />
      </Section>
      <DrillTargets tenant={tenant} />
    </TenantPage>
  );
}

export function subjectTitle(subject: {
  readonly action: string;
  readonly key?: string;
  readonly service?: string;
}): string {
  const about = subject.key ?? subject.service;
  return about === undefined ? actionTitle(subject.action) : `${actionTitle(subject.action)}: ${about}`;
}

function Simulate({ tenant }: { readonly tenant: string }) {
  const { administerKeys } = useMay(tenant);
  const [, go] = useLocation();
  const all = { path: { tenant }, query: { limit: 200 } };
  const keys = useApi('listTenantKeys', all, { every: EVERY.slow });
  const services = useApi('listTenantServices', all, { every: EVERY.slow });
  const about = useApi('getTenant', { path: { tenant } }, { every: EVERY.slow });
  return (
    <FormDialog
      button="Simulate"
      tone="main"
      may={administerKeys}
      title="What would stop, if …"
      intro="Nothing changes. Regions are asked what they hold, and the report is kept."
      fields={(values) => {
        const action = values.text('action');
        return [
          {
            name: 'action',
            label: 'What happens',
            kind: 'select',
            required: true,
            options: SUBJECTS.map((each) => [each, actionTitle(each)] as const),
          },
          ...(action === 'disable-key' || action === 'delete-key'
            ? [
                {
                  name: 'key',
                  label: 'Master key',
                  kind: 'select' as const,
                  required: true,
                  options: keys.data?.items.map(({ alias }) => alias) ?? [],
                },
              ]
            : []),
          ...(action === 'drill'
            ? [
                {
                  name: 'service',
                  label: 'Service',
                  kind: 'select' as const,
                  options: services.data?.items.map(({ name }) => name) ?? [],
                  hint: 'Left out: the whole tenant.',
                },
              ]
            : []),
          {
            name: 'regions',
            label: 'Regions',
            kind: 'choices',
            options: about.data?.regions.map(({ region }) => region) ?? [],
            hint: 'None chosen: every region.',
          },
        ];
      }}
      submit="Simulate"
      operation="createTenantSimulation"
      request={(values) => ({
        path: { tenant },
        body: {
          action: SUBJECTS.find((each) => each === values.text('action')) ?? 'unlink',
          ...given('key', values.optional('key')),
          ...given('service', values.optional('service')),
          ...given('regions', someOf(values.chosen('regions'))),
        },
      })}
      done="Asked the regions"
      onDone={({ id }) => go(`/tenants/${tenant}/outage/simulations/${id}`)}
    />
  );
}
