import { reasonField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { Section } from '../../design/page.tsx';
import { useMay } from '../../session/may.ts';
import { type Scope, scopeFields, scopeOf } from './scope.ts';

export function Emergency(scope: Scope) {
  const { administerKeys } = useMay(scope.tenant);
  return (
    <Section
      title="In an emergency"
      intro="For when somebody may have a key itself: every older version is compromised for ever, a new one takes its place, and every gateway fetches it anew at once. What was encrypted before still decrypts, until its versions are destroyed."
    >
      <div className="actions">
        <FormDialog
          button="Declare a key compromised…"
          tone="danger"
          may={administerKeys}
          title="Declare a key compromised"
          intro="Cannot be called off. With the tenant key, every service key goes as well."
          fields={[...scopeFields(scope), reasonField()]}
          confirm={scope.tenant}
          submit="Declare compromised"
          operation="createTenantCompromise"
          request={(values) => ({
            path: { tenant: scope.tenant },
            body: { ...scopeOf(values), reason: values.text('reason') },
          })}
        />
      </div>
    </Section>
  );
}
