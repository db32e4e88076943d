import { useParams } from 'wouter';
import type { Region } from '../../../../client/types.gen.ts';
import { EVERY, useApi } from '../../api/hooks.ts';
import { Badge } from '../../design/badge.tsx';
import { PartsChart } from '../../design/charts.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { nameField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { Facts, Page, Section } from '../../design/page.tsx';
import { EmptyState, Loaded, Notice } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';
import { RegionKeys } from './region-keys.tsx';

export default function RegionPage() {
  const { region } = useParams<{ region: string }>();
  const answer = useApi('getRegion', { path: { region } }, { every: EVERY.live });
  return (
    <Page
      title={region}
      up={{ to: '/regions', title: 'Regions' }}
      actions={<RegisterGateway region={region} />}
    >
      <Loaded of={answer}>
        {(data) => (
          <>
            <Report region={data} />
            <Gateways region={data} />
          </>
        )}
      </Loaded>
      <RegionKeys region={region} />
    </Page>
  );
}

function Report({
  region: { report, reportedAt, stale, enrolledAt, keyId, endpoints },
}: {
  readonly region: Region;
}) {
  const counts = report?.linkCounts;
  return (
    <>
      {stale && (
        <Notice tone="warn">
          <p>
            It has said nothing for longer than it should: last <Time at={reportedAt} none="never" />. What is
            shown may have changed.
          </p>
        </Notice>
      )}
      {report?.auditFault !== undefined && (
        <Notice tone="bad">
          <p>Its own audit trail is broken: {report.auditFault}. It signs nothing more.</p>
        </Notice>
      )}
      <Facts
        of={[
          ['Seal', <Badge key="seal" state={report?.core.seal ?? 'unknown'} />],
          ['Unsealed by', report?.core.sealKind ?? '–'],
          [
            'Core',
            report === null ? (
              '–'
            ) : (
              <Copyable key="core" value={report.core.instance} name="instance" short />
            ),
          ],
          ['Core started', <Time key="started" at={report?.core.startedAt} />],
          ['Reported', <Time key="reported" at={reportedAt} none="never" />],
          ['Enrolled', <Time key="enrolled" at={enrolledAt} />],
          ['Signing key', keyId],
          ...Object.entries(endpoints).map(
            ([name, address]) => [name, <code key={name}>{address}</code>] as const,
          ),
        ]}
      />
      {counts !== undefined && (
        <div className="card">
          <PartsChart
            label="Links that it holds"
            parts={[
              { name: 'open', count: counts.open, tone: 'ok' },
              { name: 'prepared', count: counts.prepared, tone: 'busy' },
              { name: 'expired', count: counts.expired, tone: 'warn' },
              { name: 'closed', count: counts.closed, tone: 'bad' },
              { name: 'never linked', count: counts.none, tone: 'off' },
            ]}
          />
        </div>
      )}
    </>
  );
}

function Gateways({ region: { name, gateways, report } }: { readonly region: Region }) {
  const { operate } = useMay();
  const told = new Map((report?.gateways ?? []).map((gateway) => [gateway.name, gateway]));
  const known = new Map(gateways.map((gateway) => [gateway.name, gateway]));
  const names = [...new Set([...known.keys(), ...told.keys()])].sort();
  return (
    <Section title="Gateways">
      {names.length === 0 ? (
        <EmptyState title="No gateway is registered" />
      ) : (
        <Table
          label="Gateways"
          rows={names}
          keyOf={(gateway) => gateway}
          columns={[
            { name: 'Gateway', cell: (gateway) => gateway },
            {
              name: 'Connected',
              cell: (gateway) => {
                const is = told.get(gateway)?.connected;
                return (
                  <Badge
                    state={is === undefined ? 'never seen' : is ? 'connected' : 'away'}
                    tone={is === undefined ? 'off' : is ? 'ok' : 'bad'}
                  />
                );
              },
            },
            {
              name: 'Registration',
              cell: (gateway) => {
                const one = known.get(gateway);
                return one === undefined ? '–' : <Badge state={one.state} tip={one.error ?? undefined} />;
              },
            },
            { name: 'Leases', figures: true, cell: (gateway) => told.get(gateway)?.leases ?? '–' },
            {
              name: 'Behind',
              figures: true,
              cell: (gateway) => {
                const one = told.get(gateway);
                return one === undefined ? '–' : one.head - one.appliedHead;
              },
            },
            { name: 'Not announced', figures: true, cell: (gateway) => told.get(gateway)?.backlog ?? '–' },
            { name: 'Last seen', cell: (gateway) => <Time at={told.get(gateway)?.lastSeenAt} /> },
            {
              name: 'Actions',
              actions: true,
              cell: (gateway) =>
                known.has(gateway) && (
                  <FormDialog
                    button="Remove…"
                    tone="danger"
                    may={operate}
                    title={`Remove ${gateway}`}
                    intro="The core lets it in no more; applications that it serves have to go elsewhere."
                    confirm={gateway}
                    submit="Remove"
                    operation="removeRegionGateway"
                    request={() => ({ path: { region: name, name: gateway } })}
                  />
                ),
            },
          ]}
        />
      )}
    </Section>
  );
}

function RegisterGateway({ region }: { readonly region: string }) {
  const { operate } = useMay();
  return (
    <FormDialog
      button="Register a gateway"
      tone="main"
      may={operate}
      title={`Register a gateway of ${region}`}
      fields={[
        nameField('name', 'Name'),
        {
          name: 'certificate',
          label: 'Certificate',
          kind: 'pem',
          required: true,
          hint: 'Of the gateway, PEM, without its private key.',
        },
      ]}
      submit="Register"
      operation="createRegionGateway"
      request={(values) => ({
        path: { region },
        body: { name: values.text('name'), certificate: values.text('certificate') },
      })}
      done={({ created }) => (created ? 'The region is told' : 'It was there already, just so')}
    />
  );
}
