import { FormDialog } from '../../design/form-dialog.tsx';
import { useMay } from '../../session/may.ts';
import { type Scope, scopeFields, scopeOf } from './scope.ts';

export function RotateForm(scope: Scope) {
  const { administerKeys } = useMay(scope.tenant);
  return (
    <FormDialog
      button="Rotate a key"
      tone="main"
      may={administerKeys}
      title={`Rotate a key of ${scope.tenant}`}
      intro="A new active version; older ones only decrypt. Nobody notices. A region that is away does it when it is back."
      fields={scopeFields(scope)}
      submit="Rotate"
      operation="createTenantRotation"
      request={(values) => ({ path: { tenant: scope.tenant }, body: scopeOf(values) })}
    />
  );
}
