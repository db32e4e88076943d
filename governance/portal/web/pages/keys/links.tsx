import { Link } from 'wouter';
import { EVERY, useApi } from '../../api/hooks.ts';
import { Badge } from '../../design/badge.tsx';
import { reasonField } from '../../design/fields.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { EmptyState } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { unless, useMay } from '../../session/may.ts';
import { isLinked, type Links, linkedKeys, linkMeans, type RegionLink } from './link-words.ts';

export function LinkTable({ links }: { readonly links: Links }) {
  if (links.regions.length === 0) return <EmptyState title="Not linked yet, in no region" />;
  return (
    <Table
      label="Links"
      rows={links.regions}
      keyOf={({ region }) => region}
      columns={[
        { name: 'Region', cell: ({ region }) => region },
        {
          name: 'State',
          cell: (link) => <Badge state={link.state} tip={linkMeans(link)} />,
        },
        { name: 'Epoch', figures: true, cell: ({ epoch }) => epoch },
        { name: 'Key', cell: ({ key }) => key ?? '–' },
        { name: 'Proved', cell: ({ provedAt }) => <Time at={provedAt} /> },
        {
          name: 'Lease ends',
          cell: ({ expiresAt, state }) => <Time at={state === 'closed' ? null : expiresAt} />,
        },
        { name: 'Rotates', cell: ({ rotateAt }) => <Time at={rotateAt} none="not by itself" /> },
        { name: 'What', cell: (link) => <LinkDetail link={link} /> },
      ]}
    />
  );
}

function LinkDetail({ link }: { readonly link: RegionLink }) {
  const { waitsFor, reason, error, job, rotation, gatewaysTold, closedAt, reported } = link;
  return (
    <ul>
      {waitsFor !== null && <li>waits for {waitsFor}</li>}
      {error !== null && <li className="field-problem">{error}</li>}
      {reason !== null && <li>{reason}</li>}
      {closedAt !== null && (
        <li>
          closed <Time at={closedAt} />
          {gatewaysTold !== null && `, ${gatewaysTold} gateways told`}
        </li>
      )}
      {rotation !== null && (
        <li>
          epoch {rotation.epoch} under {rotation.key}: {rotation.state}
          {rotation.waitsFor !== null && `, waits for ${rotation.waitsFor}`} {rotation.error}
        </li>
      )}
      {reported !== null && reported.epoch !== link.epoch && (
        <li>
          the region tells epoch {reported.epoch}, {reported.state}
        </li>
      )}
      {job !== null && (
        <li>
          <Link href={`/jobs/${job}`}>Job</Link>
        </li>
      )}
    </ul>
  );
}

interface Props {
  readonly tenant: string;
  readonly links: Links;
}

/** Link, switch, rotate, unlink: each is proposed where the tenant's rules ask for others. */
export function LinkActions({ tenant, links }: Props) {
  const { administerKeys } = useMay(tenant);
  const keys = useApi('listTenantKeys', { path: { tenant }, query: { limit: 200 } }, { every: EVERY.slow });
  const usable = (keys.data?.items ?? []).filter(({ state }) => state === 'ENABLED');
  const primary = usable.find((key) => key.primary)?.alias;
  const linked = isLinked(links);
  const present = linkedKeys(links).join(', ');
  const path = { tenant };
  return (
    <>
      <FormDialog
        button={linked ? 'Link again or switch' : 'Link'}
        icon="link"
        tone={linked ? 'plain' : 'main'}
        may={unless(administerKeys, usable.length === 0, 'There is no master key that can be used yet')}
        title={`Link ${tenant}`}
        intro={
          linked
            ? `It stands on ${present === '' ? 'no key' : present}. Another key takes its place without a pause; the same one makes the next epoch where it is closed.`
            : 'The keystore makes a secret under this key; with it, the regions open the tenant’s keys.'
        }
        fields={[
          {
            name: 'key',
            label: 'Master key',
            kind: 'select',
            required: true,
            options: usable.map(
              (key) =>
                [key.alias, `${key.alias} (${key.keystore}${key.primary ? ', primary' : ''})`] as const,
            ),
            ...(primary === undefined ? {} : { initial: primary }),
          },
          {
            name: 'drillTarget',
            label: 'It is for tests: drills may cut off what is linked',
            kind: 'flag',
            hint: 'Asked for where the tenant was designated for drills.',
          },
        ]}
        submit="Link"
        operation="linkTenant"
        request={(values) => ({
          path,
          body: { key: values.text('key'), ...(values.flag('drillTarget') ? { drillTarget: true } : {}) },
        })}
      />
      <FormDialog
        button="Rotate the link"
        may={unless(administerKeys, !linked, 'It is not linked')}
        title={`Rotate the link of ${tenant}`}
        intro="The next epoch is made under the same key, L2 is wrapped anew. Nobody notices."
        fields={[reasonField(false)]}
        submit="Rotate"
        operation="rotateTenantLink"
        request={(values) => {
          const reason = values.optional('reason');
          return { path, body: reason === undefined ? {} : { reason } };
        }}
      />
      <FormDialog
        button="Unlink…"
        tone="danger"
        may={unless(administerKeys, !linked, 'It is not linked')}
        title={`Unlink ${tenant}`}
        intro={
          <>
            <p>
              The regions close the epoch for ever and wipe the keys; every gateway drops what it holds.
              Whatever uses the tenant’s keys stops at once.
            </p>
            <p>
              <Link href={`/tenants/${tenant}/outage`}>See first what would stop</Link>
            </p>
          </>
        }
        fields={[reasonField()]}
        confirm={tenant}
        submit="Unlink"
        operation="unlinkTenant"
        request={(values) => ({ path, body: { reason: values.text('reason') } })}
      />
    </>
  );
}
