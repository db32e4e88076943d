/** What an answer says became of a change: decided at once, put before others, or under way in regions. */
import type { Proposal } from '../../../client/types.gen.ts';
import type { Toast } from '../design/toasts.ts';
import { actionTitle } from './words.ts';

export function outcomeOf(answer: unknown): Toast {
  const proposal = fieldOf(answer, 'proposal');
  if (isProposal(proposal)) return outcomeOfProposal(proposal);
  const job = fieldOf(answer, 'job');
  if (typeof job === 'string')
    return { tone: 'ok', title: 'Asked of the regions', to: `/jobs/${job}`, link: 'Job' };
  const jobs = fieldOf(answer, 'jobs');
  if (Array.isArray(jobs))
    return {
      tone: 'ok',
      title: `Asked of ${jobs.length} ${jobs.length === 1 ? 'region' : 'regions'}`,
      to: '/jobs',
      link: 'Jobs',
    };
  return { tone: 'ok', title: 'Done' };
}

export function outcomeOfProposal(proposal: Proposal): Toast {
  const title = actionTitle(proposal.action);
  const to = `/tenants/${proposal.tenant}/workflows/${proposal.id}`;
  const link = 'Proposal';
  switch (proposal.state) {
    case 'pending':
      return { tone: 'warn', title: `${title}: proposed, waits for ${missingOf(proposal)}`, to, link };
    case 'executed':
      return { tone: 'ok', title: `${title}: decided and under way`, to, link };
    case 'failed':
      return {
        tone: 'bad',
        title: `${title}: could not be carried out. ${proposal.error?.detail ?? ''}`,
        to,
        link,
      };
    default:
      return { tone: 'ok', title: `${title}: ${proposal.state}`, to, link };
  }
}

/** How many more have to agree, by the requirement that lacks the most. */
export function missingOf(proposal: Proposal): string {
  const missing = Math.max(0, ...proposal.requirements.map(({ approvals, given }) => approvals - given));
  return missing === 1 ? 'one approval' : `${missing} approvals`;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function isProposal(value: unknown): value is Proposal {
  return typeof fieldOf(value, 'action') === 'string' && typeof fieldOf(value, 'proposer') === 'string';
}
