/** `okcm notify …`: where a tenant is told of decisions and of what happens to its keys. */
import type { Command } from 'commander';
import { CmkClient } from '../cmk/client.ts';
import { tenantPath } from '../cmk/orders.ts';
import { contextOf } from '../context.ts';
import { table } from '../output.ts';
import { collect } from './keys-text.ts';

interface ChannelView {
  readonly name: string;
  readonly kind: string;
  readonly url: string | null;
  readonly to: readonly string[] | null;
  readonly events: readonly string[];
  readonly behind: number;
  readonly error: string | null;
  readonly lost: number;
}
interface Made {
  readonly channel: ChannelView;
  readonly secret: string | null;
}
interface EventOption {
  readonly event?: readonly string[];
}

const channelPath = (tenant: string, name: string): string =>
  `${tenantPath(tenant)}/notifications/${encodeURIComponent(name)}`;

export function registerNotifyCommands(program: Command): void {
  const notify = program
    .command('notify')
    .description('webhooks and mail that tell of a tenant’s audit events');
  notify
    .command('list <tenant>')
    .description('the channels, and how far each has been told')
    .action(async (tenant: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const { items } = await cmk.get<{ items: ChannelView[] }>(`${tenantPath(tenant)}/notifications`);
      output.result(items, () =>
        table(
          ['channel', 'kind', 'where', 'events', 'behind', 'lost', 'error'],
          items.map((each) => [
            each.name,
            each.kind,
            each.url ?? each.to?.join(', '),
            each.events.join(' '),
            each.behind,
            each.lost,
            each.error,
          ]),
        ),
      );
    });
  notify
    .command('webhook <tenant> <name> <url>')
    .description('send events there, signed; prints the secret once')
    .option('--event <pattern>', 'such as proposal.* or key.state; may be repeated', collect)
    .action(async (tenant: string, name: string, url: string, options: EventOption, command: Command) => {
      await put(command, tenant, name, { kind: 'webhook', url, ...eventsOf(options) });
    });
  notify
    .command('email <tenant> <name>')
    .description('send events by mail')
    .requiredOption('--to <address>', 'may be repeated', collect)
    .option('--event <pattern>', 'such as proposal.* or key.state; may be repeated', collect)
    .action(
      async (
        tenant: string,
        name: string,
        options: EventOption & { to: readonly string[] },
        command: Command,
      ) => {
        await put(command, tenant, name, { kind: 'email', to: options.to, ...eventsOf(options) });
      },
    );
  notify
    .command('secret <tenant> <name>')
    .description('replace the secret of a webhook, and print the new one')
    .action(async (tenant: string, name: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const made = await cmk.request<{ secret: string }>('POST', `${channelPath(tenant, name)}/secret`);
      output.result(made, () => made.secret);
    });
  notify
    .command('remove <tenant> <name>')
    .description('tell this channel nothing more')
    .action(async (tenant: string, name: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      await (await CmkClient.ofHome(home)).delete(channelPath(tenant, name));
      output.result({ removed: name }, () => `${name} is removed`);
    });
}

const eventsOf = ({ event }: EventOption) => (event === undefined ? {} : { events: event });

async function put(command: Command, tenant: string, name: string, channel: object): Promise<void> {
  const { home, output } = contextOf(command);
  const made = await (await CmkClient.ofHome(home)).put<Made>(channelPath(tenant, name), channel);
  output.result(made, () =>
    [
      `${name} is told of ${made.channel.events.join(', ')}`,
      ...(made.secret === null ? [] : [`its secret, which is shown once: ${made.secret}`]),
    ].join('\n'),
  );
}
