/** `okcm role`, `group`, `client` and `workspace`: who may do what in a tenant. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { CmkClient } from '../cmk/client.ts';
import { decide, tenantPath } from '../cmk/orders.ts';
import type { ProposalView } from '../cmk/views.ts';
import { contextOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { type Output, table } from '../output.ts';

interface RoleView {
  readonly role: string;
  readonly principal: string | null;
  readonly group: string | null;
  readonly grantedBy: string;
  readonly grantedAt: string;
}
interface GroupView {
  readonly name: string;
  readonly displayName: string;
  readonly claim: string | null;
  readonly members: readonly string[];
}
interface ClientView {
  readonly name: string;
  readonly principal: string;
  readonly fingerprint: string;
}
interface WorkspaceView {
  readonly name: string;
  readonly externalId: string | null;
  readonly services: readonly string[];
}

async function cmkOf(command: Command): Promise<{ cmk: CmkClient; output: Output }> {
  const { home, output } = contextOf(command);
  return { cmk: await CmkClient.ofHome(home), output };
}

/** Carried out at once, or put before others: both are told. */
async function change(command: Command, tenant: string, wish: object, done: string): Promise<void> {
  const { cmk, output } = await cmkOf(command);
  const asking = cmk.post<{ proposal: ProposalView }>(`${tenantPath(tenant)}/access-changes`, wish);
  if ((await decide(output, asking)) === undefined) return;
  const { proposal } = await asking;
  output.result({ proposal }, () => done);
}

export function registerAccessCommands(program: Command): void {
  registerRoles(program);
  registerGroups(program);
  registerClients(program);
  registerWorkspaces(program);
}

function registerRoles(program: Command): void {
  const role = program
    .command('role')
    .description('who is administrator, key-administrator, auditor or approver of a tenant');
  role
    .command('list <tenant>')
    .description('every role that is granted')
    .action(async (tenant: string, _options: unknown, command: Command) => {
      const { cmk, output } = await cmkOf(command);
      const roles = await cmk.list<RoleView>(`${tenantPath(tenant)}/roles`);
      output.result(roles, () =>
        table(
          ['role', 'granted to', 'by', 'at'],
          roles.map(({ role: name, principal, group, grantedBy, grantedAt }) => [
            name,
            principal ?? `group ${group}`,
            grantedBy,
            grantedAt,
          ]),
        ),
      );
    });
  for (const [verb, description] of [
    ['grant', 'grant a role to a principal, or with --group to whoever is in a group'],
    ['withdraw', 'take a role away again'],
  ] as const)
    role
      .command(`${verb} <tenant> <role> [principal]`)
      .description(`${description}; others may have to approve it`)
      .option('--group <name>', 'a group of the tenant instead of a principal')
      .action(
        async (
          tenant: string,
          name: string,
          principal: string | undefined,
          options: { group?: string },
          command: Command,
        ) => {
          const { group } = options;
          if ((principal === undefined) === (group === undefined))
            throw new CliError('USAGE', 'name either a principal or a --group');
          const to = group === undefined ? { principal } : { group };
          const whom = group === undefined ? String(principal) : `group ${group}`;
          const done = verb === 'grant' ? 'is' : 'is no longer';
          await change(
            command,
            tenant,
            { change: verb, role: name, ...to },
            `${whom} ${done} ${name} of ${tenant}`,
          );
        },
      );
  role
    .command('appoint <tenant> <role> <principal>')
    .description('as operator of the platform: name the first administrator and approvers of a tenant')
    .action(async (tenant: string, name: string, principal: string, _options: unknown, command: Command) => {
      const { cmk, output } = await cmkOf(command);
      const answer = await cmk.post(`${tenantPath(tenant)}/appointments`, { role: name, principal });
      output.result(answer, () => `${principal} is ${name} of ${tenant}`);
    });
}

function registerGroups(program: Command): void {
  const group = program
    .command('group')
    .description('people and machines of a tenant that get roles together');
  group.command('list <tenant>').action(async (tenant: string, _options: unknown, command: Command) => {
    const { cmk, output } = await cmkOf(command);
    const groups = await cmk.list<GroupView>(`${tenantPath(tenant)}/groups`);
    output.result(groups, () =>
      table(
        ['group', 'members', 'whoever is in'],
        groups.map(({ name, members, claim }) => [name, members.join(', ') || null, claim]),
      ),
    );
  });
  group
    .command('create <tenant> <name>')
    .option('--claim <issuer:group>', 'whoever that provider says to be in that group of its own')
    .action(async (tenant: string, name: string, options: { claim?: string }, command: Command) => {
      const { cmk, output } = await cmkOf(command);
      const answer = await cmk.post<GroupView>(`${tenantPath(tenant)}/groups`, { name, ...options });
      output.result(answer, () => `group ${name} of ${tenant}, without any role yet`);
    });
  for (const [verb, wish, done] of [
    ['add', 'add-member', 'is in'],
    ['drop', 'remove-member', 'is no longer in'],
  ] as const)
    group
      .command(`${verb} <tenant> <name> <principal>`)
      .description('others may have to approve it')
      .action(
        async (tenant: string, name: string, principal: string, _options: unknown, command: Command) =>
          await change(
            command,
            tenant,
            { change: wish, group: name, principal },
            `${principal} ${done} ${name}`,
          ),
      );
  group
    .command('remove <tenant> <name>')
    .description('a group that holds no role; others may have to approve it')
    .action(
      async (tenant: string, name: string, _options: unknown, command: Command) =>
        await change(command, tenant, { change: 'remove-group', group: name }, `group ${name} is gone`),
    );
}

function registerClients(program: Command): void {
  const client = program.command('client').description('machines that speak to CMK with a certificate');
  client.command('list <tenant>').action(async (tenant: string, _options: unknown, command: Command) => {
    const { cmk, output } = await cmkOf(command);
    const clients = await cmk.list<ClientView>(`${tenantPath(tenant)}/clients`);
    output.result(clients, () =>
      table(
        ['client', 'principal', 'key'],
        clients.map(({ name, principal, fingerprint }) => [name, principal, fingerprint.slice(0, 16)]),
      ),
    );
  });
  client
    .command('register <tenant> <name>')
    .requiredOption('--cert <file>', 'its certificate, in PEM')
    .action(async (tenant: string, name: string, options: { cert: string }, command: Command) => {
      const certificate = await readFile(options.cert, 'utf8').catch((cause: unknown) => {
        throw new CliError('FILE_UNREADABLE', `${options.cert} cannot be read`, { cause });
      });
      const { cmk, output } = await cmkOf(command);
      const answer = await cmk.post<ClientView>(`${tenantPath(tenant)}/clients`, { name, certificate });
      output.result(answer, () => `${answer.principal}, without any role yet`);
    });
  client
    .command('remove <tenant> <name>')
    .action(async (tenant: string, name: string, _options: unknown, command: Command) => {
      const { cmk, output } = await cmkOf(command);
      const answer = await cmk.delete(`${tenantPath(tenant)}/clients/${encodeURIComponent(name)}`);
      output.result(answer, () => `client ${name} is refused from now on`);
    });
}

function registerWorkspaces(program: Command): void {
  const workspace = program
    .command('workspace')
    .description('places on the customer’s platform that belong to a tenant');
  const path = (tenant: string, name: string): string =>
    `${tenantPath(tenant)}/workspaces/${encodeURIComponent(name)}`;
  workspace.command('list <tenant>').action(async (tenant: string, _options: unknown, command: Command) => {
    const { cmk, output } = await cmkOf(command);
    const workspaces = await cmk.list<WorkspaceView>(`${tenantPath(tenant)}/workspaces`);
    output.result(workspaces, () =>
      table(
        ['workspace', 'on the platform', 'services'],
        workspaces.map(({ name, externalId, services }) => [name, externalId, services.join(', ') || null]),
      ),
    );
  });
  workspace
    .command('link <tenant> <name>')
    .option('--external-id <id>', 'how the customer’s platform calls it')
    .action(async (tenant: string, name: string, options: { externalId?: string }, command: Command) => {
      const { cmk, output } = await cmkOf(command);
      const answer = await cmk.post<WorkspaceView>(`${tenantPath(tenant)}/workspaces`, { name, ...options });
      output.result(answer, () => `workspace ${name} is linked to ${tenant}`);
    });
  workspace
    .command('services <tenant> <name> [services...]')
    .description('exactly these services live in it from now on')
    .action(async (tenant: string, name: string, services: string[], _options: unknown, command: Command) => {
      const { cmk, output } = await cmkOf(command);
      const answer = await cmk.put<WorkspaceView>(`${path(tenant, name)}/services`, { services });
      output.result(answer, () => `${name}: ${answer.services.join(', ') || 'no services'}`);
    });
  workspace
    .command('unlink <tenant> <name>')
    .action(async (tenant: string, name: string, _options: unknown, command: Command) => {
      const { cmk, output } = await cmkOf(command);
      const answer = await cmk.delete(path(tenant, name));
      output.result(answer, () => `workspace ${name} belongs to no tenant any more`);
    });
}
