import { Link } from 'wouter';
import { plural } from '../../api/words.ts';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { type FieldSpec, nameField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { Page, Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';

const REGION_FIELDS: readonly FieldSpec[] = [
  nameField('name', 'Name'),
  { name: 'keyId', label: 'Id of its signing key', required: true, maxLength: 63, hint: 'Never used twice.' },
  {
    name: 'publicKey',
    label: 'Public signing key',
    kind: 'pem',
    required: true,
    hint: 'Ed25519, SubjectPublicKeyInfo PEM, as the region’s operators told it outside of the broker.',
  },
  { name: 'endpoints', label: 'Endpoints', kind: 'lines', hint: 'NAME=ADDRESS, one a line.' },
];

export default function Regions() {
  const { operate } = useMay();
  return (
    <Page
      title="Regions"
      intro="Each is a plane of its own, reached by signed jobs alone; what is shown here is what it last said of itself."
      actions={
        <FormDialog
          button="Enrol a region"
          tone="main"
          may={operate}
          title="Enrol a region"
          fields={REGION_FIELDS}
          submit="Enrol"
          operation="createRegion"
          request={(values) => {
            const endpoints = Object.fromEntries(
              values.lines('endpoints').map((line) => {
                const [name = '', ...rest] = line.split('=');
                return [name.trim(), rest.join('=').trim()];
              }),
            );
            return {
              body: {
                name: values.text('name'),
                keyId: values.text('keyId'),
                publicKey: values.text('publicKey'),
                ...(Object.keys(endpoints).length === 0 ? {} : { endpoints }),
              },
            };
          }}
          done={({ created }) => (created ? 'Enrolled' : 'It was there already, just so')}
        />
      }
    >
      <ApiTable
        operation="listRegions"
        request={{ query: {} }}
        label="Regions"
        empty="No region is enrolled yet"
        keyOf={({ name }) => name}
        columns={[
          { name: 'Region', cell: ({ name }) => <Link href={`/regions/${name}`}>{name}</Link> },
          {
            name: 'Seal',
            cell: ({ report, stale }) => (
              <span className="row">
                <Badge state={report?.core.seal ?? 'unknown'} />
                {stale && <Badge state="stale" tip="It has said nothing for longer than it should" />}
              </span>
            ),
          },
          { name: 'Reported', cell: ({ reportedAt }) => <Time at={reportedAt} none="never" /> },
          {
            name: 'Gateways',
            cell: ({ report }) => {
              const gateways = report?.gateways ?? [];
              const connected = gateways.filter((gateway) => gateway.connected).length;
              return `${connected} of ${plural(gateways.length, 'gateway')} connected`;
            },
          },
          {
            name: 'Leases',
            figures: true,
            cell: ({ report }) => (report?.gateways ?? []).reduce((sum, { leases }) => sum + leases, 0),
          },
          { name: 'Enrolled', cell: ({ enrolledAt }) => <Time at={enrolledAt} /> },
        ]}
      />
      <Issuers />
    </Page>
  );
}

function Issuers() {
  const { operate } = useMay();
  return (
    <Section
      title="Certificate authorities"
      intro="Trusted in every region for applications’ certificates. Trusting one lets nobody in: the key has to be registered as well."
      actions={
        <FormDialog
          button="Trust an authority"
          may={operate}
          title="Trust a certificate authority"
          fields={[
            {
              name: 'certificate',
              label: 'Certificate',
              kind: 'pem',
              required: true,
              hint: 'Of the authority, PEM.',
            },
          ]}
          submit="Trust"
          operation="createIssuer"
          request={(values) => ({ body: { certificate: values.text('certificate') } })}
          done={({ created }) => (created ? 'The regions are told' : 'It was trusted already')}
        />
      }
    >
      <ApiTable
        operation="listIssuers"
        request={{ query: {} }}
        label="Certificate authorities"
        empty="No authority is trusted yet"
        keyOf={({ fingerprint }) => fingerprint}
        columns={[
          { name: 'Subject', breaks: true, cell: ({ subject }) => subject },
          {
            name: 'Key',
            cell: ({ fingerprint }) => <Copyable value={fingerprint} name="fingerprint" short />,
          },
          {
            name: 'Regions',
            cell: ({ regions }) => (
              <ul>
                {regions.map(({ region, state, error }) => (
                  <li key={region} className="row">
                    {region} <Badge state={state} tip={error ?? undefined} />
                  </li>
                ))}
              </ul>
            ),
          },
          { name: 'Trusted', cell: ({ createdAt }) => <Time at={createdAt} /> },
        ]}
      />
    </Section>
  );
}
