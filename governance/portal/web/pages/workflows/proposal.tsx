import { Link, useLocation, useParams } from 'wouter';
import type { Proposal } from '../../../../client/types.gen.ts';
import { EVERY, useApi } from '../../api/hooks.ts';
import { missingOf } from '../../api/outcome.ts';
import { actionTitle, toneOf } from '../../api/words.ts';
import { Badge } from '../../design/badge.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { Facts, Section } from '../../design/page.tsx';
import { SideBySide } from '../../design/side-by-side.tsx';
import { Loaded, Notice } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { type Moment, Timeline } from '../../design/timeline.tsx';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { changesOf, type Present } from './changes.ts';
import { Decision } from './decision.tsx';

export default function ProposalPage() {
  const tenant = useTenant();
  const { id } = useParams<{ id: string }>();
  const { look } = useMay(tenant);
  const [, go] = useLocation();
  const answer = useApi(
    'getTenantProposal',
    { path: { tenant, id } },
    { every: EVERY.live, enabled: look.allowed },
  );
  const title = answer.data === undefined ? 'Proposal' : actionTitle(answer.data.action);
  return (
    <TenantPage
      title={title}
      heading={`${tenant}: ${title[0]?.toLowerCase() ?? ''}${title.slice(1)}`}
      actions={
        answer.data !== undefined && <Decision proposal={answer.data} onNext={() => go('/approvals')} />
      }
    >
      <Loaded of={answer} what="Loading the proposal">
        {(proposal) => (
          <>
            <State proposal={proposal} />
            <Difference proposal={proposal} />
            <Requirements proposal={proposal} />
            <Section title="History">
              <Timeline label="History of the proposal" of={momentsOf(proposal)} />
            </Section>
          </>
        )}
      </Loaded>
    </TenantPage>
  );
}

function State({ proposal }: { readonly proposal: Proposal }) {
  const { id, state, proposer, createdAt, expiresAt, policy, correlationId, error, parameters, decidedAt } =
    proposal;
  return (
    <>
      {state === 'pending' && (
        <Notice tone="warn">
          <p>
            Waits for {missingOf(proposal)}; expires <Time at={expiresAt} />.
          </p>
        </Notice>
      )}
      {error !== null && (
        <Notice tone="bad">
          <p>
            Approved, and not carried out: {error.detail} <code>{error.code}</code>. Mend that, and ask anew.
          </p>
        </Notice>
      )}
      <Facts
        of={[
          ['State', <Badge key="state" state={state} />],
          ['Proposed by', proposer],
          ['Proposed', <Time key="at" at={createdAt} />],
          ['Decided', decidedAt === null ? undefined : <Time key="decided" at={decidedAt} />],
          ['Reason', typeof parameters['reason'] === 'string' ? parameters['reason'] : undefined],
          ['Policy', policy],
          ['Id', <Copyable key="id" value={id} name="id of the proposal" short />],
          [
            'Correlation id',
            <Copyable key="correlation" value={correlationId} name="correlation id" short />,
          ],
        ]}
      />
    </>
  );
}

/** Only while it is pending is there a "now" to compare with. Afterwards what was asked for is shown. */
function Difference({ proposal }: { readonly proposal: Proposal }) {
  const { tenant, state, action } = proposal;
  const isPending = state === 'pending';
  const path = { tenant };
  const when = (...actions: string[]) => ({
    every: EVERY.list,
    enabled: isPending && actions.includes(action),
  });
  const linking = ['link', 'switch-key', 'unlink', 'rotate-link'];
  const present: Present = {
    tenant: useApi('getTenant', { path }, { every: EVERY.list, enabled: isPending }).data,
    links: useApi('getTenantLinks', { path }, when(...linking)).data,
    policy: useApi('listTenantRotationPolicy', { path }, when('rotation-policy', 'link-rotation-policy'))
      .data,
    rules: useApi('getTenantApprovalRules', { path }, when('approval-rule', 'approver-group')).data,
    roles: useApi('listTenantRoles', { path, query: { limit: 200 } }, when('change-access')).data?.items,
    groups: useApi('listTenantGroups', { path, query: { limit: 200 } }, when('change-access')).data?.items,
  };
  if (!isPending) {
    const asked = Object.entries(proposal.parameters).filter(([name]) => name !== 'reason');
    if (asked.length === 0) return null;
    return (
      <Section title="What was asked for">
        <Facts
          of={asked.map(
            ([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
          )}
        />
      </Section>
    );
  }
  return (
    <Section title="What would change">
      <SideBySide
        changes={changesOf(proposal, present).map(({ what, now, after }) => ({
          what,
          now: <Lines of={now} />,
          after: <Lines of={after} />,
        }))}
      />
    </Section>
  );
}

const Lines = ({ of: lines }: { readonly of: readonly string[] }) => (
  <ul>
    {lines.map((line) => (
      <li key={line}>{line}</li>
    ))}
  </ul>
);

function Requirements({ proposal: { requirements } }: { readonly proposal: Proposal }) {
  if (requirements.length === 0) return null;
  return (
    <Section title="Who has to agree" intro="All of these have to be satisfied.">
      <Table
        label="Requirements"
        rows={requirements}
        keyOf={({ rule }) => rule}
        columns={[
          { name: 'Rule', cell: ({ rule }) => rule },
          {
            name: 'Approvals',
            cell: ({ given, approvals }) => (
              <Badge state={`${given} of ${approvals}`} tone={given >= approvals ? 'ok' : 'warn'} />
            ),
          },
          { name: 'Groups', cell: ({ groups }) => groups.join(', ') || '–' },
          { name: 'By', cell: ({ approvers }) => approvers?.join(', ') ?? 'whoever is an approver' },
        ]}
      />
    </Section>
  );
}

function momentsOf({
  proposer,
  createdAt,
  approvals,
  state,
  decidedAt,
  decidedBy,
  reason,
  jobs,
}: Proposal): Moment[] {
  return [
    { at: createdAt, title: `Proposed by ${proposer}`, tone: 'busy' },
    ...approvals.map(({ approver, at }) => ({ at, title: `Approved by ${approver}`, tone: 'ok' as const })),
    ...(decidedAt === null
      ? []
      : [
          {
            at: decidedAt,
            title: `${state[0]?.toUpperCase() ?? ''}${state.slice(1)}${decidedBy === null ? '' : ` by ${decidedBy}`}`,
            tone: toneOf(state),
            detail: (
              <>
                {reason}
                {jobs.map(({ region, job }) => (
                  <span key={job}>
                    {' '}
                    <Link href={`/jobs/${job}`}>Job for {region}</Link>
                  </span>
                ))}
              </>
            ),
          },
        ]),
  ];
}
