import { type FormEvent, useState } from 'react';
import { useChange } from '../../api/hooks.ts';
import { Button } from '../../design/button.tsx';
import { Field, nameField } from '../../design/fields.tsx';
import { FormValues, given } from '../../design/form-values.ts';
import { Notice, ProblemBox } from '../../design/states.tsx';
import { Steps } from '../../design/steps.tsx';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { isKind, kinds } from './keystore-kinds.ts';
import { RegisterKeystore } from './register-keystore.tsx';
import { LinkStep, type MasterKey, useKeystores } from './wizard-parts.tsx';

const TITLES = ['Keystore', 'Key', 'Link'] as const;

/** Hold your own key: it lies at a keystore, and stays there. */
export default function HoldWizard() {
  const tenant = useTenant();
  const { administerKeys } = useMay(tenant);
  const [keystore, setKeystore] = useState<string>();
  const [masterKey, setMasterKey] = useState<MasterKey>();
  const at = keystore === undefined ? 0 : masterKey === undefined ? 1 : 2;
  return (
    <TenantPage
      title="Hold your own key"
      may={administerKeys}
      intro="The master key stays in a keystore of the tenant’s choice. CMK has it wrap and unwrap link secrets, and nothing else."
    >
      <Steps titles={TITLES} at={at}>
        {keystore === undefined ? (
          <KeystoreStep tenant={tenant} onChosen={setKeystore} />
        ) : masterKey === undefined ? (
          <KeyStep
            tenant={tenant}
            keystore={keystore}
            onBack={() => setKeystore(undefined)}
            onDone={setMasterKey}
          />
        ) : (
          <LinkStep tenant={tenant} masterKey={masterKey} />
        )}
      </Steps>
    </TenantPage>
  );
}

interface KeystoreProps {
  readonly tenant: string;
  readonly onChosen: (name: string) => void;
}

export function KeystoreStep({ tenant, onChosen }: KeystoreProps) {
  const keystores = useKeystores(tenant);
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        onChosen(new FormValues(new FormData(event.currentTarget)).text('keystore'));
      }}
    >
      <p>Where does the key lie, or where shall it?</p>
      <Field
        key={keystores.length}
        of={
          keystores.length > 0
            ? {
                name: 'keystore',
                label: 'Keystore',
                kind: 'select',
                required: true,
                options: keystores.map(
                  ({ name, kind, isOwn }) =>
                    [name, `${name} (${kind}, ${isOwn ? 'own' : 'for all'})`] as const,
                ),
              }
            : nameField(
                'keystore',
                'Keystore',
                'You see none. Register one, or type the name of one for all tenants.',
              )
        }
      />
      <div className="form-actions">
        <RegisterKeystore tenant={tenant} />
        <Button type="submit" tone="main">
          Go on
        </Button>
      </div>
    </form>
  );
}

interface KeyProps {
  readonly tenant: string;
  readonly keystore: string;
  readonly onBack: () => void;
  readonly onDone: (masterKey: MasterKey) => void;
}

function KeyStep({ tenant, keystore, onBack, onDone }: KeyProps) {
  const kind = useKeystores(tenant).find(({ name }) => name === keystore)?.kind ?? '';
  const register = useChange('createTenantKey', { quiet: true, done: 'Registered and proved', onDone });
  const [makes, setMakes] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const values = new FormValues(new FormData(event.currentTarget));
    register.mutate({
      path: { tenant },
      body: {
        alias: values.text('alias'),
        keystore,
        ...(makes ? { create: true as const } : given('reference', values.optional('reference'))),
        ...given('keyConfiguration', values.optional('keyConfiguration')),
      },
    });
  };
  return (
    <form className="form" onSubmit={submit}>
      <fieldset className="field">
        <legend>Is it there already?</legend>
        <label className="check">
          <input type="radio" name="makes" checked={!makes} onChange={() => setMakes(false)} />
          <span>Yes, it is called …</span>
        </label>
        <label className="check">
          <input type="radio" name="makes" checked={makes} onChange={() => setMakes(true)} />
          <span>No, have the keystore make one</span>
        </label>
      </fieldset>
      {!makes && (
        <Field
          of={{
            name: 'reference',
            label: 'Reference',
            required: true,
            hint: isKind(kind) ? kinds[kind].reference : 'As the keystore calls the key',
          }}
        />
      )}
      <Field of={nameField('alias', 'Alias', 'How the key is called here.')} />
      <Field
        of={{
          name: 'keyConfiguration',
          label: 'Key configuration',
          hint: 'Left out: default. Its first key is the primary one.',
        }}
      />
      <Notice tone="off">
        <p>
          The keystore is asked what the key’s own name is, whether it is enabled, and to wrap and unwrap
          something for CMK.
        </p>
      </Notice>
      {register.error !== null && <ProblemBox error={register.error} />}
      <div className="form-actions">
        <Button onPress={onBack}>Back</Button>
        <Button type="submit" tone="main" busy={register.isPending}>
          Register
        </Button>
      </div>
    </form>
  );
}
