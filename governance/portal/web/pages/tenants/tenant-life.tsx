import type { Tenant } from '../../../../client/types.gen.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { reasonField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { unless, useMay } from '../../session/may.ts';

/** What can be decided about the tenant as a whole, in the state that it is in. */
export function TenantLife({ tenant }: { readonly tenant: Tenant }) {
  const may = useMay(tenant.id);
  const { id, state } = tenant;
  const path = { tenant: id };
  return (
    <>
      <FormDialog
        button="Rename"
        may={may.administer}
        title={`Rename ${id}`}
        fields={[
          {
            name: 'displayName',
            label: 'Display name',
            required: true,
            maxLength: 200,
            initial: tenant.displayName,
          },
        ]}
        submit="Rename"
        operation="updateTenant"
        request={(values) => ({ path, body: { displayName: values.text('displayName') } })}
        done="Renamed"
      />
      {may.operate.allowed && <Appoint tenant={id} />}
      {state === 'requested' && (
        <ActionButton
          operation="provisionTenant"
          request={{ path }}
          may={may.operate}
          tone="main"
          done="Asked of the regions"
        >
          Provision
        </ActionButton>
      )}
      {state === 'active' && (
        <FormDialog
          button="Block…"
          tone="danger"
          may={may.administer}
          title={`Block ${id}`}
          intro="Its keys are closed in every region, linked or not: whatever uses them stops. Unblocking opens nothing, the tenant is linked anew."
          fields={[reasonField()]}
          confirm={id}
          submit="Block"
          operation="blockTenant"
          request={(values) => ({ path, body: { reason: values.text('reason') } })}
        />
      )}
      {state === 'blocked' && (
        <>
          <FormDialog
            button="Unblock…"
            may={may.administer}
            title={`Unblock ${id}`}
            intro="Opens nothing by itself: link it anew afterwards."
            fields={[reasonField()]}
            submit="Unblock"
            operation="unblockTenant"
            request={(values) => ({ path, body: { reason: values.text('reason') } })}
          />
          <FormDialog
            button="Terminate…"
            tone="danger"
            may={unless(may.administer, state !== 'blocked', 'Block it first')}
            title={`Terminate ${id}`}
            intro="Once every region has closed, the wrapped link secrets are erased, and with them the last way to the tenant’s keys. Nobody can take that back."
            fields={[reasonField()]}
            confirm={id}
            submit="Terminate for ever"
            operation="terminateTenant"
            request={(values) => ({ path, body: { reason: values.text('reason') } })}
          />
        </>
      )}
    </>
  );
}

const FIRST_ROLES = ['administrator', 'approver'] as const;

/** By an operator, until the tenant can decide for itself. */
function Appoint({ tenant }: { readonly tenant: string }) {
  const { operate } = useMay();
  return (
    <FormDialog
      button="Appoint…"
      may={operate}
      title={`Appoint the first people of ${tenant}`}
      intro="As long as the tenant has no administrator and too few approvers. From then on it decides by its own rule."
      fields={[
        { name: 'role', label: 'Role', kind: 'select', options: FIRST_ROLES, required: true },
        {
          name: 'principal',
          label: 'Person',
          required: true,
          hint: 'As the audit log names them, such as corp:4711.',
        },
      ]}
      submit="Appoint"
      operation="createTenantAppointment"
      request={(values) => ({
        path: { tenant },
        body: {
          role: FIRST_ROLES.find((each) => each === values.text('role')) ?? 'administrator',
          principal: values.text('principal'),
        },
      })}
      done="Appointed"
    />
  );
}
