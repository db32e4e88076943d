import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { given } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { unless, useMay } from '../../session/may.ts';

/** By which a region signs what it says. */
export function RegionKeys({ region }: { readonly region: string }) {
  const { operate } = useMay();
  return (
    <Section
      title="Signing keys of the region"
      actions={
        <FormDialog
          button="New key"
          may={operate}
          title={`A new signing key of ${region}`}
          intro="Without a public key the region is asked to make one. With one, it is trusted from now on: that is for a region whose key was lost or stolen, told outside of the broker."
          fields={[
            { name: 'keyId', label: 'Id', required: true, maxLength: 63, hint: 'Never used twice.' },
            {
              name: 'publicKey',
              label: 'Public key',
              kind: 'pem',
              hint: 'Ed25519, SubjectPublicKeyInfo PEM.',
            },
          ]}
          submit="Announce"
          operation="createRegionKey"
          request={(values) => ({
            path: { region },
            body: { keyId: values.text('keyId'), ...given('publicKey', values.optional('publicKey')) },
          })}
        />
      }
    >
      <ApiTable
        operation="listRegionKeys"
        request={{ path: { region } }}
        label="Signing keys of the region"
        empty="None"
        keyOf={({ keyId }) => keyId}
        columns={[
          { name: 'Key', cell: ({ keyId }) => keyId },
          { name: 'State', cell: ({ state }) => <Badge state={state} /> },
          { name: 'Since', cell: ({ since }) => <Time at={since} /> },
          { name: 'Last heard', cell: ({ heardAt }) => <Time at={heardAt} none="never" /> },
          {
            name: 'Public key',
            cell: ({ publicKey }) => <Copyable value={publicKey} name="public key" short />,
          },
          {
            name: 'Actions',
            actions: true,
            cell: ({ keyId, state }) => (
              <FormDialog
                button="Retire…"
                tone="danger"
                may={unless(operate, state === 'retired', 'It is retired')}
                title={`Retire ${keyId}`}
                intro="What it signs is refused from then on."
                fields={[
                  {
                    name: 'stolen',
                    label: 'It was stolen: also what is still on its way is refused',
                    kind: 'flag',
                  },
                ]}
                confirm={keyId}
                submit="Retire"
                operation="retireRegionKey"
                request={(values) => ({
                  path: { region, key: keyId },
                  body: values.flag('stolen') ? { stolen: true } : null,
                })}
                done="Retired"
              />
            ),
          },
        ]}
      />
    </Section>
  );
}
