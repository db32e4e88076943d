import { type FieldSpec, nameField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { type FormValues, given, someOf } from '../../design/form-values.ts';
import { useMay } from '../../session/may.ts';

interface Props {
  readonly tenant: string;
  readonly onSecret: (secret: string) => void;
}

const EVENTS: FieldSpec = {
  name: 'events',
  label: 'Events',
  kind: 'lines',
  hint: 'Actions, one a line, such as proposal.* or key.state; * is all. Left out: proposals, links, states of keys, decisions about the tenant.',
};

const fieldsFor = (values: FormValues): FieldSpec[] => [
  nameField('name', 'Name', 'A channel of that name is replaced.'),
  { name: 'kind', label: 'Kind', kind: 'select', required: true, options: ['webhook', 'email'] },
  values.text('kind') === 'email'
    ? { name: 'to', label: 'Addresses', kind: 'lines', required: true, hint: 'One a line.' }
    : {
        name: 'url',
        label: 'Address',
        type: 'url',
        required: true,
        hint: 'https, in the public internet unless CMK’s configuration allows more.',
      },
  EVENTS,
];

export function SetChannel({ tenant, onSecret }: Props) {
  const { administer } = useMay(tenant);
  return (
    <FormDialog
      button="Set a channel"
      tone="main"
      may={administer}
      title="Set a channel"
      intro="Every other channel of the tenant is told of it."
      fields={fieldsFor}
      submit="Set"
      operation="setTenantNotification"
      request={(values) => {
        const events = given('events', someOf(values.lines('events')));
        return {
          path: { tenant, name: values.text('name') },
          body:
            values.text('kind') === 'email'
              ? { kind: 'email', to: values.lines('to'), ...events }
              : { kind: 'webhook', url: values.text('url'), ...events },
        };
      }}
      done={({ channel }) => `${channel.name} is set`}
      onDone={({ secret }) => secret !== null && onSecret(secret)}
    />
  );
}
