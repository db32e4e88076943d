/** `okcm approvals …`: how many of whom have to approve which action. Changing that takes what the old rule takes. */
import { type Command, InvalidArgumentError } from 'commander';
import { CmkClient } from '../cmk/client.ts';
import { decide, tenantPath } from '../cmk/orders.ts';
import type { ProposalView } from '../cmk/views.ts';
import { contextOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { type Output, table } from '../output.ts';
import { collect } from './keys-text.ts';

interface RulesView {
  readonly policy: { readonly name: string; readonly approvals: number };
  readonly rules: readonly {
    readonly action: string;
    readonly approvals: number;
    readonly groups: readonly string[];
    readonly setBy: string;
  }[];
  readonly groups: readonly { readonly name: string; readonly members: readonly string[] }[];
}

function approvals(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1 && number <= 9) return number;
  throw new InvalidArgumentError('1 to 9');
}

export function registerApprovalCommands(program: Command): void {
  const commands = program
    .command('approvals')
    .description('who has to approve what: rules and groups of approvers');
  commands
    .command('show <tenant>')
    .description('the rules that hold, and the groups they name')
    .action(async (tenant: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const view = await (await CmkClient.ofHome(home)).get<RulesView>(
        `${tenantPath(tenant)}/approval-rules`,
      );
      output.result(view, () => describe(view));
    });
  commands
    .command('rule <tenant> <action>')
    .description('the rule for one action, such as unlink, or for "any" that has none')
    .option('--approvals <n>', 'by others than the proposer', approvals)
    .option('--group <name>', 'whose members may approve; may be repeated', collect)
    .option('--remove', 'give the action back to the rule for "any", or to the tenant’s policy')
    .action(async (tenant: string, action: string, options: RuleOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const path = `${tenantPath(tenant)}/approval-rules/${encodeURIComponent(action)}`;
      const { approvals: needed, group: groups = [], remove } = options;
      if ((needed === undefined) !== (remove === true))
        throw new CliError('USAGE', 'say either --approvals or --remove');
      const asking =
        needed === undefined
          ? cmk.delete<{ proposal: ProposalView }>(path)
          : cmk.put<{ proposal: ProposalView }>(path, { approvals: needed, groups });
      await tell(output, asking, `the rule for ${action} is ${needed === undefined ? 'removed' : 'set'}`);
    });
  commands
    .command('group <tenant> <name>')
    .description('who may approve where a rule names this group')
    .option('--member <name>', 'as the audit log names them; may be repeated', collect)
    .option('--remove', 'remove the group; no rule may name it')
    .action(async (tenant: string, name: string, options: GroupOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const path = `${tenantPath(tenant)}/approver-groups/${encodeURIComponent(name)}`;
      const { member: members, remove } = options;
      if ((members === undefined) !== (remove === true))
        throw new CliError('USAGE', 'say either --member or --remove');
      const asking =
        members === undefined
          ? cmk.delete<{ proposal: ProposalView }>(path)
          : cmk.put<{ proposal: ProposalView }>(path, { members });
      await tell(output, asking, `the group ${name} is ${members === undefined ? 'removed' : 'set'}`);
    });
}

interface RuleOptions {
  readonly approvals?: number;
  readonly group?: readonly string[];
  readonly remove?: boolean;
}
interface GroupOptions {
  readonly member?: readonly string[];
  readonly remove?: boolean;
}

async function tell(
  output: Output,
  asking: Promise<{ readonly proposal: ProposalView }>,
  done: string,
): Promise<void> {
  if ((await decide(output, asking)) === undefined) return;
  output.result(await asking, () => done);
}

function describe({ policy, rules, groups }: RulesView): string {
  const any = rules.find(({ action }) => action === 'any');
  const rows = rules.map((rule) => [rule.action, rule.approvals, rule.groups.join(', ') || null, rule.setBy]);
  return [
    table(
      ['action', 'approvals', 'by', 'set by'],
      any === undefined ? [...rows, ['any', policy.approvals, null, `policy ${policy.name}`]] : rows,
    ),
    ...groups.map(({ name, members }) => `${name}: ${members.join(', ')}`),
  ].join('\n');
}
