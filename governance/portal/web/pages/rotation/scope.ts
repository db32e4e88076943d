import type { FieldSpec } from '../../design/fields.tsx';
import { type FormValues, given, someOf } from '../../design/form-values.ts';

/** What an order can be about. */
export interface Scope {
  readonly tenant: string;
  readonly regions: readonly string[];
  readonly services: readonly string[];
}

export const TENANT_KEY = 'the tenant key (L2)';

export const scopeFields = ({ regions, services }: Scope): FieldSpec[] => [
  {
    name: 'service',
    label: 'Key',
    kind: 'select',
    required: true,
    options: [['*', TENANT_KEY], ...services.map((name) => [name, `service key of ${name} (L3)`] as const)],
  },
  {
    name: 'regions',
    label: 'Regions',
    kind: 'choices',
    options: regions,
    hint: 'None chosen: every region.',
  },
];

/** `*` stands for the tenant key, which no service has for a name. */
export const serviceOf = (values: FormValues): string | undefined => {
  const service = values.text('service');
  return service === '*' ? undefined : service;
};

export const scopeOf = (values: FormValues): { service?: string; regions?: string[] } => ({
  ...given('service', serviceOf(values)),
  ...given('regions', someOf(values.chosen('regions'))),
});
