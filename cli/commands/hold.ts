/** `okcm block`, `unblock` and `terminate`: decisions about a whole tenant. */
import type { Command } from 'commander';
import { CmkClient } from '../cmk/client.ts';
import { decide, followJobs, tenantPath } from '../cmk/orders.ts';
import { describeProgress } from '../cmk/progress.ts';
import { contextOf, demandYes } from '../context.ts';

interface HoldOptions {
  readonly reason: string;
  readonly yes?: boolean;
  readonly wait: boolean;
}

const verbs = [
  {
    verb: 'block',
    description: 'close every key of the tenant in every region, until it is unblocked and linked anew',
    danger: (tenant: string) => `blocking ${tenant} makes its keys unusable in every region`,
  },
  { verb: 'unblock', description: 'let a blocked tenant be linked again; nothing opens by this alone' },
  {
    verb: 'terminate',
    description: 'the end of a blocked tenant: nobody opens its keys again',
    danger: (tenant: string) => `terminating ${tenant} makes everything under its keys unreadable for ever`,
  },
] as const satisfies readonly { verb: string; description: string; danger?: (tenant: string) => string }[];

export function registerHoldCommands(program: Command): void {
  for (const each of verbs) {
    const command = program
      .command(`${each.verb} <tenant>`)
      .description(each.description)
      .requiredOption('--reason <text>', 'why; it stands in the audit log')
      .option('--no-wait', 'do not wait until every region has reported');
    if ('danger' in each) command.option('--yes', 'do it');
    command.action(async (tenant: string, options: HoldOptions, self: Command) => {
      const { home, output } = contextOf(self);
      if ('danger' in each) demandYes(options.yes, each.danger(tenant));
      const cmk = await CmkClient.ofHome(home);
      const jobs = await decide(
        output,
        cmk.post(`${tenantPath(tenant)}/${each.verb}`, { reason: options.reason }),
      );
      if (jobs === undefined) return;
      const title = `${each.verb} ${tenant}`;
      const regions = await followJobs(cmk, output, { title, jobs, wait: options.wait });
      output.result({ tenant, regions }, () =>
        regions.length === 0 ? `${title}: done` : `${title}: ${describeProgress(regions)}`,
      );
    });
  }
}
