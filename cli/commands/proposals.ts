/** `okcm proposals …`: what waits for somebody's approval, and the approval itself. */
import { type Command, Option } from 'commander';
import { CmkClient } from '../cmk/client.ts';
import { decide, describeNeed, followJobs, tenantPath } from '../cmk/orders.ts';
import { describeProgress } from '../cmk/progress.ts';
import type { ProposalView } from '../cmk/views.ts';
import { contextOf } from '../context.ts';
import { table } from '../output.ts';

const states = ['pending', 'executed', 'failed', 'rejected', 'revoked', 'expired'] as const;
const pathOf = (tenant: string, id: string): string =>
  `${tenantPath(tenant)}/proposals/${encodeURIComponent(id)}`;

export function registerProposalCommands(program: Command): void {
  const proposals = program
    .command('proposals')
    .description('decisions that take several people: what waits, and saying yes or no to it');
  proposals
    .command('list <tenant>')
    .description('newest first')
    .addOption(new Option('--state <state>', 'only those').choices([...states]))
    .action(async (tenant: string, options: { state?: string }, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const query = options.state === undefined ? '' : `?state=${options.state}`;
      const items = await cmk.list<ProposalView>(`${tenantPath(tenant)}/proposals${query}`);
      output.result(items, () =>
        table(
          ['proposal', 'action', 'state', 'by', 'approved by', 'expires'],
          items.map((each) => [
            each.id,
            each.action,
            each.state,
            each.proposer,
            each.approvals.map(({ approver }) => approver).join(', ') || null,
            each.state === 'pending' ? each.expiresAt : null,
          ]),
        ),
      );
    });
  proposals
    .command('show <tenant> <id>')
    .description('what is asked, who has to agree, and who has')
    .action(async (tenant: string, id: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const proposal = await (await CmkClient.ofHome(home)).get<ProposalView>(pathOf(tenant, id));
      output.result(proposal, () => describe(proposal));
    });
  proposals
    .command('approve <tenant> <id>')
    .description('as another than the proposer; the last approval that is needed carries it out')
    .option('--no-wait', 'do not wait until the regions have done it')
    .action(async (tenant: string, id: string, options: { wait: boolean }, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const asking = cmk.request<{ proposal: ProposalView }>('POST', `${pathOf(tenant, id)}/approve`);
      const jobs = await decide(output, asking);
      if (jobs === undefined) return;
      const { proposal } = await asking;
      const title = `${proposal.action} of ${tenant}`;
      const regions = await followJobs(cmk, output, { title, jobs, wait: options.wait });
      output.result({ proposal, regions }, () =>
        regions.length === 0 ? `${title}: done` : `${title}: ${describeProgress(regions)}`,
      );
    });
  for (const [verb, state, description] of [
    ['reject', 'rejected', 'say no as an approver; one no is enough'],
    ['revoke', 'revoked', 'take back what you have proposed yourself'],
  ] as const)
    proposals
      .command(`${verb} <tenant> <id>`)
      .description(description)
      .requiredOption('--reason <text>', 'why; it stands in the audit log')
      .action(async (tenant: string, id: string, options: { reason: string }, command: Command) => {
        const { home, output } = contextOf(command);
        const cmk = await CmkClient.ofHome(home);
        const { proposal } = await cmk.post<{ proposal: ProposalView }>(`${pathOf(tenant, id)}/${verb}`, {
          reason: options.reason,
        });
        output.result(proposal, () => `${proposal.action} of ${tenant} is ${state}`);
      });
}

function describe(proposal: ProposalView): string {
  const { id, tenant, action, state, proposer, createdAt, approvals, error, reason, decidedBy } = proposal;
  const lines = [
    `${action} of ${tenant}: ${state}`,
    `proposal ${id}, made by ${proposer} at ${createdAt}`,
    ...Object.entries(proposal.parameters).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
    ...approvals.map(({ approver, at }) => `approved by ${approver} at ${at}`),
  ];
  if (state === 'pending') {
    lines.push(describeNeed(proposal));
    for (const { rule, approvers } of proposal.requirements)
      if (approvers !== null) lines.push(`  ${rule}: ${approvers.join(', ')}`);
  } else if (decidedBy !== null)
    lines.push(`${state} by ${decidedBy}${reason === null ? '' : `: ${reason}`}`);
  if (error !== null) lines.push(`${error.code}: ${error.detail}`);
  return lines.join('\n');
}
