/** `okcm tenant …` and `okcm service …`: who is served, and for what. */
import type { Command } from 'commander';
import { everyItem, type ListTenantsData, type Service, type Tenant } from '../../governance/client/index.ts';
import { CmkClient } from '../cmk/client.ts';
import { describeProgress, follow } from '../cmk/progress.ts';
import { contextOf } from '../context.ts';
import { table } from '../output.ts';

interface WaitOption {
  readonly wait: boolean;
}
interface AddOptions extends WaitOption {
  readonly name?: string;
  readonly region?: string[];
  readonly policy?: 'development-quorum-one' | 'four-eyes';
  readonly request?: boolean;
}
interface ListOptions {
  readonly state?: string;
  readonly region?: string;
  readonly search?: string;
  readonly failed?: boolean;
}

const repeated = (value: string, earlier: string[] = []): string[] => [...earlier, value];

export function registerTenantCommands(program: Command): void {
  const tenant = program
    .command('tenant')
    .description('tenants: onboard one, list them, see what one waits for');
  tenant
    .command('add <id>')
    .description('onboard a tenant in every region')
    .option('--name <text>', 'the name under which people know it')
    .option('--region <name>', 'only there; may be repeated', repeated)
    .option(
      '--policy <policy>',
      'four-eyes, or, in an installation for development and by default there, development-quorum-one',
    )
    .option('--request', 'only make it known here: `okcm tenant provision` has the regions make its keys')
    .option('--no-wait', 'do not wait until every region has it')
    .action(async (id: string, options: AddOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const { name, region, policy, request } = options;
      await cmk.api.createTenant({
        body: {
          id,
          ...(name === undefined ? {} : { displayName: name }),
          ...(region === undefined ? {} : { regions: region }),
          ...(policy === undefined ? {} : { policy }),
          ...(request === true ? { provision: false } : {}),
        },
      });
      const wait = options.wait && request !== true;
      const view = await follow(output, wait, `tenant ${id}`, () => look(cmk, id));
      output.result(view, () => `${id}: ${describe(view)}; policy ${view.policy.toUpperCase()}`);
    });
  tenant
    .command('list')
    .description('every tenant with its state, and in each region')
    .option(
      '--state <state>',
      'requested, provisioning, active, blocking, blocked, terminating or terminated',
    )
    .option('--region <name>', 'only those that live there')
    .option('--search <text>', 'only those whose id or name begins so')
    .option('--failed', 'only those of whose change a region has refused its part')
    .action(async (options: ListOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const tenants: Tenant[] = [];
      // A state that CMK does not know it refuses, naming the field.
      const query = { limit: 200, ...options } as NonNullable<ListTenantsData['query']>;
      for await (const each of everyItem(cmk.api.listTenants, { query })) tenants.push(each);
      output.result(tenants, () =>
        table(
          ['tenant', 'state', 'policy', 'regions'],
          tenants.map((view) => [view.id, stateOf(view), view.policy, describeProgress(view.regions)]),
        ),
      );
    });
  tenant
    .command('show <id>')
    .description('one tenant, and what a change of its state waits for')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const view = await look(await CmkClient.ofHome(home), id);
      output.result(view, () => `${id}: ${describe(view)}${view.reason === null ? '' : `; ${view.reason}`}`);
    });
  for (const [verb, about] of [
    ['provision', 'have the regions make the first keys of a tenant that was only requested'],
    ['retry', 'ask those regions again that have refused their part of the change on its way'],
  ] as const)
    tenant
      .command(`${verb} <id>`)
      .description(about)
      .option('--no-wait', 'do not wait until every region has done it')
      .action(async (id: string, options: WaitOption, command: Command) => {
        const { home, output } = contextOf(command);
        const cmk = await CmkClient.ofHome(home);
        const path = { tenant: id };
        await (verb === 'provision' ? cmk.api.provisionTenant({ path }) : cmk.api.retryTenant({ path }));
        const view = await follow(output, options.wait, `${verb} ${id}`, () => look(cmk, id));
        output.result(view, () => `${id}: ${describe(view)}`);
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
      await cmk.api.createTenantService({ path: { tenant: owner }, body: { name } });
      const path = { tenant: owner, name };
      const view = await follow(output, options.wait, `service ${name}`, () =>
        cmk.api.getTenantService({ path }),
      );
      output.result(view, () => `${owner}/${name}: ${describeProgress(view.regions)}`);
    });
  service
    .command('list <tenant>')
    .description('the services of a tenant')
    .action(async (owner: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const services: Service[] = [];
      for await (const each of everyItem(cmk.api.listTenantServices, { path: { tenant: owner } }))
        services.push(each);
      output.result(services, () =>
        table(
          ['service', 'regions'],
          services.map((view) => [view.name, describeProgress(view.regions)]),
        ),
      );
    });
}

/** As what is waited for needs it: of a change on its way, how far each region is with that. */
async function look(cmk: CmkClient, id: string) {
  const view = await cmk.api.getTenant({ path: { tenant: id } });
  const { change } = view;
  if (change === null) return view;
  const words = { pending: 'pending', failed: 'failed', done: 'active' } as const;
  return {
    ...view,
    regions: view.regions.map((region) => {
      const part = change.regions.find((each) => each.region === region.region);
      return part === undefined ? region : { ...region, state: words[part.state], error: part.error };
    }),
  };
}

const stateOf = ({ state, change }: Pick<Tenant, 'state' | 'change'>): string =>
  change?.failed === true ? `${state}, failed` : state;

const describe = (view: Pick<Tenant, 'state' | 'change' | 'regions'>): string =>
  `${stateOf(view)}: ${describeProgress(view.regions)}`;
