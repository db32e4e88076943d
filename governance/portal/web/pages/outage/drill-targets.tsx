import { useLocation } from 'wouter';
import { EVERY, useApi } from '../../api/hooks.ts';
import { FormDialog } from '../../design/form-dialog.tsx';
import { given, someOf } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { EmptyState, Loaded } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';

const MAX_MINUTES = 240;

export function DrillTargets({ tenant }: { readonly tenant: string }) {
  const { administerKeys, look } = useMay(tenant);
  const enabled = look.allowed;
  const targets = useApi('listTenantDrillTargets', { path: { tenant } }, { every: EVERY.list, enabled });
  const services = useApi(
    'listTenantServices',
    { path: { tenant }, query: { limit: 200 } },
    { every: EVERY.slow, enabled },
  );
  const about = useApi('getTenant', { path: { tenant } }, { every: EVERY.slow, enabled });
  const regions = about.data?.regions.map(({ region }) => region) ?? [];
  const path = { tenant };
  return (
    <Section
      title="Made for drills"
      intro="Only what nobody uses can be designated: a tenant without applications that was never linked, or a service that no application may use."
      actions={
        <FormDialog
          button="Designate"
          may={administerKeys}
          title="Designate for drills"
          fields={[
            {
              name: 'service',
              label: 'Service',
              kind: 'select',
              options: services.data?.items.map(({ name }) => name) ?? [],
              hint: 'Left out: the whole tenant.',
            },
          ]}
          submit="Designate"
          operation="createTenantDrillTarget"
          request={(values) => ({ path, body: { ...given('service', values.optional('service')) } })}
          done="Designated"
        />
      }
    >
      <Loaded of={targets}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyState title="Nothing is designated for drills" />
          ) : (
            <Table
              label="Made for drills"
              rows={items}
              keyOf={({ service }) => service ?? '*'}
              columns={[
                { name: 'What', cell: ({ service }) => service ?? `the whole of ${tenant}` },
                { name: 'Designated by', cell: ({ designatedBy }) => designatedBy },
                { name: 'Designated', cell: ({ designatedAt }) => <Time at={designatedAt} /> },
                {
                  name: 'Actions',
                  actions: true,
                  cell: ({ service }) => (
                    <>
                      <StartDrill tenant={tenant} service={service ?? undefined} regions={regions} />
                      <FormDialog
                        button="Withdraw"
                        may={administerKeys}
                        title="Withdraw the designation"
                        intro="No drill of it can be started any more."
                        submit="Withdraw"
                        operation="removeTenantDrillTargets"
                        request={() => ({ path, query: { ...given('service', service ?? undefined) } })}
                        done="Withdrawn"
                      />
                    </>
                  ),
                },
              ]}
            />
          )
        }
      </Loaded>
    </Section>
  );
}

interface StartProps {
  readonly tenant: string;
  readonly service: string | undefined;
  readonly regions: readonly string[];
}

function StartDrill({ tenant, service, regions }: StartProps) {
  const { administerKeys } = useMay(tenant);
  const [, go] = useLocation();
  const name = service === undefined ? tenant : `${tenant}/${service}`;
  return (
    <FormDialog
      button="Start a drill…"
      tone="danger"
      may={administerKeys}
      title={`Drill of ${name}`}
      intro="Its keys are handed to nobody until the time is over; then they come back by themselves. No link and no key changes."
      fields={[
        {
          name: 'minutes',
          label: 'Minutes',
          type: 'number',
          min: 0.5,
          max: MAX_MINUTES,
          step: 0.5,
          initial: '5',
          required: true,
        },
        {
          name: 'regions',
          label: 'Regions',
          kind: 'choices',
          options: regions,
          hint: 'None chosen: every region.',
        },
      ]}
      confirm={name}
      submit="Start the drill"
      operation="createTenantDrill"
      request={(values) => ({
        path: { tenant },
        body: {
          ...given('service', service),
          seconds: Math.round(Number.parseFloat(values.text('minutes')) * 60),
          confirm: name,
          ...given('regions', someOf(values.chosen('regions'))),
        },
      })}
      done="The drill has begun"
      onDone={({ id }) => go(`/tenants/${tenant}/outage/drills/${id}`)}
    />
  );
}
