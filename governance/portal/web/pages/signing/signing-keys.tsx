import { EVERY, useApi } from '../../api/hooks.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { Page } from '../../design/page.tsx';
import { Notice } from '../../design/states.tsx';
import { Time } from '../../design/time.tsx';
import { unless, useMay } from '../../session/may.ts';

/** By which CMK signs jobs. A region does only what a key that it trusts has signed. */
export default function SigningKeys() {
  const { operate } = useMay();
  const regions = useApi(
    'listRegions',
    { query: { limit: 200 } },
    { every: EVERY.slow, enabled: operate.allowed },
  );
  const names = regions.data?.items.map(({ name }) => name) ?? [];
  return (
    <Page
      title="Signing keys"
      intro="By which governance signs jobs. A new one is announced, trusted by every region, then made the active one; the old one retires."
      actions={
        <FormDialog
          button="Announce a new key"
          tone="main"
          may={operate}
          title="Announce a new signing key"
          intro="CMK makes it and tells the regions, signed by the present one."
          fields={[
            {
              name: 'keyId',
              label: 'Id',
              required: true,
              maxLength: 63,
              hint: 'Never used twice, such as cmk-2031.',
            },
          ]}
          submit="Announce"
          operation="createSigningKey"
          request={(values) => ({ body: { keyId: values.text('keyId') } })}
          done={({ keyId }) => `${keyId} is announced`}
        />
      }
    >
      <Notice tone="off">
        <p>
          A region that does not trust a key yet would refuse its jobs: activate it when all of them have said
          so.
        </p>
      </Notice>
      <ApiTable
        operation="listSigningKeys"
        request={{}}
        label="Signing keys"
        empty="None"
        keyOf={({ keyId }) => keyId}
        columns={[
          { name: 'Key', cell: ({ keyId }) => keyId },
          { name: 'State', cell: ({ state }) => <Badge state={state} /> },
          { name: 'Since', cell: ({ since }) => <Time at={since} /> },
          {
            name: 'Trusted by',
            cell: ({ trustedBy }) => {
              const missing = names.filter((name) => !trustedBy.includes(name));
              return (
                <>
                  {trustedBy.length} of {Math.max(names.length, trustedBy.length)} regions
                  {missing.length > 0 && <span className="muted">, not yet by {missing.join(', ')}</span>}
                </>
              );
            },
          },
          {
            name: 'Public key',
            cell: ({ publicKey }) => <Copyable value={publicKey} name="public key" short />,
          },
          {
            name: 'Actions',
            actions: true,
            cell: ({ keyId, state }) => (
              <>
                <ActionButton
                  operation="activateSigningKey"
                  request={{ path: { key: keyId } }}
                  may={unless(operate, state !== 'announced', `It is ${state}`)}
                  done={`Jobs are signed by ${keyId}`}
                >
                  Activate
                </ActionButton>
                <FormDialog
                  button="Retire…"
                  tone="danger"
                  may={unless(
                    operate,
                    state === 'active' || state === 'retired',
                    state === 'active' ? 'Jobs are signed by it: activate another first' : 'It is retired',
                  )}
                  title={`Retire ${keyId}`}
                  intro="Regions believe nothing any more that it has signed."
                  fields={[
                    {
                      name: 'stolen',
                      label: 'It was stolen: do not wait for what is still on its way',
                      kind: 'flag',
                    },
                  ]}
                  confirm={keyId}
                  submit="Retire"
                  operation="retireSigningKey"
                  request={(values) => ({
                    path: { key: keyId },
                    body: values.flag('stolen') ? { stolen: true } : null,
                  })}
                  done="The regions are told"
                />
              </>
            ),
          },
        ]}
      />
    </Page>
  );
}
