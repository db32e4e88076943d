/** `okcm system …` and `okcm key-configuration …`: what a customer runs, and which L1 keys it stands on. */
import type { Command } from 'commander';
import { everyItem, type KeyConfiguration, type System } from '../../governance/client/index.ts';
import { CmkClient } from '../cmk/client.ts';
import { contextOf, demandYes } from '../context.ts';
import { table } from '../output.ts';

const repeated = (value: string, earlier: string[] = []): string[] => [...earlier, value];

interface SystemOptions {
  readonly kind: string;
  readonly externalId: string;
  readonly service?: string;
  readonly keyConfiguration?: string;
}
interface ChangeOptions {
  readonly description?: string;
  readonly key?: string[];
  readonly primary?: string;
}
interface RemoveOptions {
  readonly yes?: boolean;
}

export function registerSystemCommands(program: Command): void {
  registerConfigurations(program);
  const system = program
    .command('system')
    .description('systems of a tenant: what the customer runs, and the key configuration it stands on');
  system
    .command('add <tenant> <name>')
    .description('make a system known')
    .requiredOption('--kind <text>', 'what sort of system it is, in the customer’s words')
    .requiredOption('--external-id <text>', 'how the customer knows it')
    .option('--service <name>', 'the service that it uses')
    .option('--key-configuration <name>', 'the key configuration that it stands on')
    .action(async (tenant: string, name: string, options: SystemOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const { api } = await CmkClient.ofHome(home);
      const view = await api.createTenantSystem({ path: { tenant }, body: { name, ...options } });
      output.result(view, () => describe(view));
    });
  system
    .command('list <tenant>')
    .description('the systems of a tenant')
    .action(async (tenant: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const { api } = await CmkClient.ofHome(home);
      const views: System[] = [];
      for await (const each of everyItem(api.listTenantSystems, { path: { tenant } })) views.push(each);
      output.result(views, () =>
        table(
          ['system', 'kind', 'external id', 'service', 'key configuration', 'key', 'state'],
          views.map((view) => [
            view.name,
            view.kind,
            view.externalId,
            view.service,
            view.keyConfiguration,
            view.key,
            view.state,
          ]),
        ),
      );
    });
  system
    .command('link <tenant> <name> <key-configuration>')
    .description('have the system stand on a key configuration')
    .action(async (tenant: string, name: string, keyConfiguration: string, _options, command: Command) => {
      const { home, output } = contextOf(command);
      const { api } = await CmkClient.ofHome(home);
      const view = await api.linkTenantSystem({ path: { tenant, name }, body: { keyConfiguration } });
      output.result(view, () => describe(view));
    });
  system
    .command('unlink <tenant> <name>')
    .description('have the system stand on no key configuration; the tenant’s links stay as they are')
    .action(async (tenant: string, name: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const { api } = await CmkClient.ofHome(home);
      const view = await api.unlinkTenantSystem({ path: { tenant, name } });
      output.result(view, () => describe(view));
    });
  system
    .command('remove <tenant> <name>')
    .description('forget a system; nothing that it encrypted is touched')
    .option('--yes', 'do it')
    .action(async (tenant: string, name: string, options: RemoveOptions, command: Command) => {
      const { home, output } = contextOf(command);
      demandYes(options.yes, `${tenant}/${name} is forgotten`);
      const { api } = await CmkClient.ofHome(home);
      await api.removeTenantSystem({ path: { tenant, name } });
      output.result({ tenant, name, removed: true }, () => `${tenant}/${name}: forgotten`);
    });
}

function registerConfigurations(program: Command): void {
  const configuration = program
    .command('key-configuration')
    .description(
      'key configurations of a tenant: L1 keys that may take each other’s place, one of them primary',
    );
  configuration
    .command('add <tenant> <name>')
    .description('make one; its first key is the primary key')
    .option('--description <text>', 'for people')
    .option('--key <alias>', 'an L1 key that belongs to it; may be repeated', repeated)
    .action(async (tenant: string, name: string, options: ChangeOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const { api } = await CmkClient.ofHome(home);
      const { description, key } = options;
      const body = { name, ...(description === undefined ? {} : { description }), ...(key && { keys: key }) };
      const view = await api.createTenantKeyConfiguration({ path: { tenant }, body });
      output.result(view, () => describeConfiguration(view));
    });
  configuration
    .command('list <tenant>')
    .description('the key configurations of a tenant')
    .action(async (tenant: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const { api } = await CmkClient.ofHome(home);
      const views: KeyConfiguration[] = [];
      for await (const each of everyItem(api.listTenantKeyConfigurations, { path: { tenant } }))
        views.push(each);
      output.result(views, () => views.map(describeConfiguration).join('\n'));
    });
  configuration
    .command('change <tenant> <name>')
    .description('say which keys belong to it, and which is the primary key; of one in use only by linking')
    .option('--description <text>', 'for people')
    .option('--key <alias>', 'all that shall belong to it; repeat it', repeated)
    .option('--primary <alias>', 'the primary key')
    .action(async (tenant: string, name: string, options: ChangeOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const { api } = await CmkClient.ofHome(home);
      const { description, key, primary } = options;
      const view = await api.updateTenantKeyConfiguration({
        path: { tenant, name },
        body: {
          ...(description === undefined ? {} : { description }),
          ...(key && { keys: key }),
          ...(primary === undefined ? {} : { primaryKey: primary }),
        },
      });
      output.result(view, () => describeConfiguration(view));
    });
  configuration
    .command('remove <tenant> <name>')
    .description('forget one that is not in use; its keys stay registered')
    .option('--yes', 'do it')
    .action(async (tenant: string, name: string, options: RemoveOptions, command: Command) => {
      const { home, output } = contextOf(command);
      demandYes(options.yes, `the key configuration ${name} of ${tenant} is forgotten`);
      const { api } = await CmkClient.ofHome(home);
      await api.removeTenantKeyConfiguration({ path: { tenant, name } });
      output.result({ tenant, name, removed: true }, () => `${tenant}/${name}: forgotten`);
    });
}

const describe = ({ name, kind, externalId, keyConfiguration, key, state }: System): string =>
  `${name} (${kind} ${externalId}): ${state}${
    keyConfiguration === null ? '' : `; ${keyConfiguration}, key ${key ?? 'none'}`
  }`;

const describeConfiguration = ({ name, state, primaryKey, keys, systems }: KeyConfiguration): string =>
  `${name}: ${state}; primary key ${primaryKey ?? 'none'}; keys ${
    keys.map(({ alias, state: its }) => `${alias} (${its})`).join(', ') || 'none'
  }; ${systems} systems`;
