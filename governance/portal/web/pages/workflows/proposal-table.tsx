import { Link } from 'wouter';
import type { Proposal } from '../../../../client/types.gen.ts';
import { actionTitle } from '../../api/words.ts';
import { Badge } from '../../design/badge.tsx';
import type { Column } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';

/** @param withTenant Where proposals of several stand together. */
export const proposalColumns = (withTenant: boolean): readonly Column<Proposal>[] => [
  {
    name: 'What',
    cell: ({ tenant, id, action }) => (
      <Link href={`/tenants/${tenant}/workflows/${id}`}>{actionTitle(action)}</Link>
    ),
  },
  ...(withTenant ? [{ name: 'Tenant', cell: ({ tenant }: Proposal) => tenant }] : []),
  { name: 'State', cell: ({ state }) => <Badge state={state} /> },
  { name: 'Approvals', cell: (proposal) => approvalsOf(proposal) },
  { name: 'Proposed by', cell: ({ proposer }) => proposer },
  { name: 'Proposed', cell: ({ createdAt }) => <Time at={createdAt} /> },
  {
    name: 'Decided',
    cell: ({ state, decidedAt, expiresAt }) =>
      state === 'pending' ? (
        <>
          expires <Time at={expiresAt} />
        </>
      ) : (
        <Time at={decidedAt} />
      ),
  },
];

const approvalsOf = ({ requirements }: Proposal): string =>
  requirements.length === 0
    ? 'none needed'
    : requirements.map(({ given, approvals, rule }) => `${given} of ${approvals} (${rule})`).join(', ');
