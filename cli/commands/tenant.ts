/** `okcm tenant …` and `okcm service …`: who is served, and for what. */
import type { Command } from 'commander';
import { CmkClient } from '../cmk/client.ts';
import { describeProgress, follow } from '../cmk/progress.ts';
import type { NamedView, TenantView } from '../cmk/views.ts';
import { contextOf } from '../context.ts';
import { table } from '../output.ts';

interface WaitOption {
  readonly wait: boolean;
}

export function registerTenantCommands(program: Command): void {
  const tenant = program.command('tenant').description('tenants: onboard one, list them');
  tenant
    .command('add <id>')
    .description('onboard a tenant in every region (development policy: quorum one)')
    .option('--no-wait', 'do not wait until every region has it')
    .action(async (id: string, options: WaitOption, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      await cmk.post('/v1/tenants', { id });
      const look = (): Promise<TenantView> => cmk.get<TenantView>(`/v1/tenants/${id}`);
      const view = await follow(output, options.wait, `tenant ${id}`, look);
      output.result(
        view,
        () => `${id}: ${describeProgress(view.regions)}; policy ${view.policy.toUpperCase()}`,
      );
    });
  tenant
    .command('list')
    .description('every tenant with its state in each region')
    .action(async (_options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const tenants = await cmk.list<TenantView>('/v1/tenants');
      output.result(tenants, () =>
        table(
          ['tenant', 'policy', 'regions'],
          tenants.map((view) => [view.id, view.policy, describeProgress(view.regions)]),
        ),
      );
    });

  const service = program
    .command('service')
    .description('services of a tenant: each has an L3 key of its own');
  service
    .command('add <tenant> <name>')
    .description('make a service, and its L3 key in every region')
    .option('--no-wait', 'do not wait until every region has it')
    .action(async (owner: string, name: string, options: WaitOption, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      await cmk.post(`/v1/tenants/${encodeURIComponent(owner)}/services`, { name });
      const look = async (): Promise<NamedView> => await cmk.named(owner, 'services', name);
      const view = await follow(output, options.wait, `service ${name}`, look);
      output.result(view, () => `${owner}/${name}: ${describeProgress(view.regions)}`);
    });
  service
    .command('list <tenant>')
    .description('the services of a tenant')
    .action(async (owner: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const services = await cmk.list<NamedView>(`/v1/tenants/${encodeURIComponent(owner)}/services`);
      output.result(services, () =>
        table(
          ['service', 'regions'],
          services.map((view) => [view.name, describeProgress(view.regions)]),
        ),
      );
    });
}
