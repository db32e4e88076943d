import { useState } from 'react';
import type { GetTenantKeyImportResponse } from '../../../../client/types.gen.ts';
import { useChange } from '../../api/hooks.ts';
import { Button } from '../../design/button.tsx';
import { Field, nameField } from '../../design/fields.tsx';
import { FormValues } from '../../design/form-values.ts';
import { ProblemBox } from '../../design/states.tsx';
import { Steps } from '../../design/steps.tsx';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { UploadStep, WrapStep } from './bring-steps.tsx';
import { KeystoreStep } from './hold-wizard.tsx';
import { LinkStep, type MasterKey } from './wizard-parts.tsx';

const TITLES = ['Keystore', 'Begin', 'Wrap the material', 'Upload', 'Link'] as const;

/** Bring your own key: its material is made by the customer and wrapped for the keystore. This page never sees it bare. */
export default function BringWizard() {
  const tenant = useTenant();
  const { administerKeys } = useMay(tenant);
  const [keystore, setKeystore] = useState<string>();
  const [begun, setBegun] = useState<GetTenantKeyImportResponse>();
  const [isWrapped, setWrapped] = useState(false);
  const [masterKey, setMasterKey] = useState<MasterKey>();
  const at =
    keystore === undefined ? 0 : begun === undefined ? 1 : !isWrapped ? 2 : masterKey === undefined ? 3 : 4;
  return (
    <TenantPage
      title="Bring your own key"
      may={administerKeys}
      intro="You make the material, wrap it where it lies, and bring the wrapped form. CMK passes it on and could not open it; neither can this page."
    >
      <Steps titles={TITLES} at={at}>
        {keystore === undefined ? (
          <KeystoreStep tenant={tenant} onChosen={setKeystore} />
        ) : begun === undefined ? (
          <BeginStep
            tenant={tenant}
            keystore={keystore}
            onBack={() => setKeystore(undefined)}
            onBegun={setBegun}
          />
        ) : !isWrapped ? (
          <WrapStep begun={begun} onDone={() => setWrapped(true)} />
        ) : masterKey === undefined ? (
          <UploadStep tenant={tenant} begun={begun} onBack={() => setWrapped(false)} onDone={setMasterKey} />
        ) : (
          <LinkStep tenant={tenant} masterKey={masterKey} />
        )}
      </Steps>
    </TenantPage>
  );
}

interface BeginProps {
  readonly tenant: string;
  readonly keystore: string;
  readonly onBack: () => void;
  readonly onBegun: (begun: GetTenantKeyImportResponse) => void;
}

function BeginStep({ tenant, keystore, onBack, onBegun }: BeginProps) {
  const begin = useChange('importTenantKey', { quiet: true, done: 'The import has begun', onDone: onBegun });
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        const values = new FormValues(new FormData(event.currentTarget));
        begin.mutate({ path: { tenant, alias: values.text('alias') }, body: { keystore } });
      }}
    >
      <p>
        {keystore} makes a key pair for the way, with which the material is wrapped. An import that has begun
        under this alias goes on where it was.
      </p>
      <Field of={nameField('alias', 'Alias', 'How the key is called here.')} />
      {begin.error !== null && <ProblemBox error={begin.error} />}
      <div className="form-actions">
        <Button onPress={onBack}>Back</Button>
        <Button type="submit" tone="main" busy={begin.isPending}>
          Begin
        </Button>
      </div>
    </form>
  );
}
