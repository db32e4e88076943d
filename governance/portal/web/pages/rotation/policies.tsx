import { EVERY, useApi } from '../../api/hooks.ts';
import { duration } from '../../api/words.ts';
import { Badge } from '../../design/badge.tsx';
import type { FieldSpec } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import type { FormValues } from '../../design/form-values.ts';
import { given } from '../../design/form-values.ts';
import { Facts, Section } from '../../design/page.tsx';
import { EmptyState, Loaded } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';
import { type Scope, scopeFields, serviceOf, TENANT_KEY } from './scope.ts';

const DAY_S = 86_400;

/** null: as each region does; 0: never. */
export const policyWords = (seconds: number | null): string =>
  seconds === null ? 'as each region does' : seconds === 0 ? 'never' : `every ${duration(seconds)}`;

const howOften = (unset: string, canBeNever: boolean): FieldSpec[] => [
  {
    name: 'how',
    label: 'How often',
    kind: 'select',
    required: true,
    options: [
      ['days', 'every … days'],
      ['unset', unset],
      ...(canBeNever ? ([['never', 'never']] as const) : []),
    ],
  },
  { name: 'days', label: 'Days', type: 'number', min: 1, max: 3650, hint: 'For “every … days”.' },
];

const secondsOf = (values: FormValues): number | null => {
  const how = values.text('how');
  return how === 'unset' ? null : how === 'never' ? 0 : (values.integer('days') || 1) * DAY_S;
};

export function Policies(scope: Scope) {
  const { tenant } = scope;
  const { administerKeys, look } = useMay(tenant);
  const answer = useApi(
    'listTenantRotationPolicy',
    { path: { tenant } },
    { every: EVERY.list, enabled: look.allowed },
  );
  return (
    <Section
      title="How often keys rotate by themselves"
      intro="Older keys for longer take approval; shorter times do not."
      actions={
        <>
          <FormDialog
            button="Of a key"
            may={administerKeys}
            title="How often a key rotates"
            fields={[...scopeFields(scope).slice(0, 1), ...howOften('as each region does', true)]}
            submit="Set"
            operation="setTenantRotationPolicy"
            request={(values) => ({
              path: { tenant },
              body: { ...given('service', serviceOf(values)), rotateAfterSeconds: secondsOf(values) },
            })}
          />
          <FormDialog
            button="Of the link"
            may={administerKeys}
            title="How often the link rotates"
            fields={howOften('never by itself', false)}
            submit="Set"
            operation="setTenantLinkRotationPolicy"
            request={(values) => ({ path: { tenant }, body: { rotateAfterSeconds: secondsOf(values) } })}
          />
        </>
      }
    >
      <Loaded of={answer}>
        {({ link, items }) => (
          <>
            <Facts
              of={[
                [
                  'The link',
                  link.rotateAfterSeconds === null ? 'never by itself' : policyWords(link.rotateAfterSeconds),
                ],
              ]}
            />
            {items.length === 0 ? (
              <EmptyState title="No policy of its own: keys rotate as each region does" />
            ) : (
              <Table
                label="Rotation policies"
                rows={items}
                keyOf={({ service }) => service ?? '*'}
                columns={[
                  {
                    name: 'Key',
                    cell: ({ service }) => (service === null ? TENANT_KEY : `service key of ${service}`),
                  },
                  { name: 'Rotates', cell: ({ rotateAfterSeconds }) => policyWords(rotateAfterSeconds) },
                  {
                    name: 'Regions',
                    cell: ({ regions }) => (
                      <ul>
                        {regions.map(({ region, state, error, nextRotationAt }) => (
                          <li key={region} className="row">
                            {region} <Badge state={state} tip={error ?? undefined} /> next{' '}
                            <Time at={nextRotationAt} />
                          </li>
                        ))}
                      </ul>
                    ),
                  },
                  { name: 'Set by', cell: ({ setBy }) => setBy },
                  { name: 'Set', cell: ({ setAt }) => <Time at={setAt} /> },
                ]}
              />
            )}
          </>
        )}
      </Loaded>
    </Section>
  );
}
