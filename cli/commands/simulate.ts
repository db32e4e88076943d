/**
 * `okcm simulate …`: what would stop if a tenant were unlinked, its key disabled, and so on. Asks the regions to look, and
 * changes nothing.
 */
import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { CmkClient, waitUntil } from '../cmk/client.ts';
import { tenantPath } from '../cmk/orders.ts';
import { WAIT_MS } from '../cmk/progress.ts';
import type { SimulationSummary, SimulationView } from '../cmk/views.ts';
import { contextOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { type Output, table } from '../output.ts';
import { collect } from './keys-text.ts';

const actions = {
  unlink: { what: 'the tenant’s link were closed' },
  'disable-key': { what: 'an L1 key were disabled at its provider', key: true },
  'delete-key': { what: 'an L1 key were deleted at its provider', key: true },
  'block-tenant': { what: 'the tenant were blocked' },
  'terminate-tenant': { what: 'the tenant were terminated' },
  drill: { what: 'a drill cut the tenant, or one service, off', service: true },
} as const satisfies Record<string, { what: string; key?: true; service?: true }>;

interface ShowOptions {
  readonly format: 'markdown' | 'csv' | 'json';
  readonly output?: string;
}
interface SimulateOptions extends ShowOptions {
  readonly key?: string;
  readonly service?: string;
  readonly region?: readonly string[];
  readonly wait: boolean;
}

export function registerSimulateCommands(program: Command): void {
  const simulate = program
    .command('simulate')
    .description('what would stop, where and when, before anybody takes a key away; changes nothing');
  for (const [action, rules] of Object.entries(actions)) {
    const command = simulate.command(`${action} <tenant>`).description(`what would stop if ${rules.what}`);
    if ('key' in rules) command.requiredOption('--key <alias>', 'which of the tenant’s L1 keys');
    if ('service' in rules) command.option('--service <name>', 'this one alone');
    command
      .option('--region <name>', 'only there; may be repeated', collect)
      .option('--no-wait', 'do not wait for the regions: show what governance knows');
    withFormat(command).action(async (tenant: string, options: SimulateOptions, self: Command) => {
      const { home, output } = contextOf(self);
      const cmk = await CmkClient.ofHome(home);
      const { key, service, region: regions } = options;
      const asked = await cmk.post<SimulationView>(`${tenantPath(tenant)}/simulations`, {
        action,
        ...(key === undefined ? {} : { key }),
        ...(service === undefined ? {} : { service }),
        ...(regions === undefined ? {} : { regions }),
      });
      if (options.wait) await follow(cmk, output, tenant, asked);
      await show(cmk, output, tenant, asked.id, options);
    });
  }
  withFormat(simulate.command('show <tenant> [id]'))
    .description('a simulation that was made before; without an id: which there are')
    .action(async (tenant: string, id: string | undefined, options: ShowOptions, self: Command) => {
      const { home, output } = contextOf(self);
      const cmk = await CmkClient.ofHome(home);
      if (id !== undefined) return await show(cmk, output, tenant, id, options);
      const all = await cmk.list<SimulationSummary>(`${tenantPath(tenant)}/simulations`);
      output.result(all, () =>
        table(
          ['simulation', 'of', 'asked by', 'at', 'state'],
          all.map((each) => [
            each.id,
            [each.subject.action, each.subject.key ?? each.subject.service ?? ''].join(' ').trim(),
            each.askedBy,
            each.askedAt,
            each.state,
          ]),
        ),
      );
    });
}

const withFormat = (command: Command): Command =>
  command
    .addOption(
      new Option('--format <format>', 'how it is written')
        .choices(['markdown', 'csv', 'json'])
        .default('markdown'),
    )
    .option('--output <file>', 'write it there');

/** A region that is away is no failure: its part of the report says so. */
async function follow(cmk: CmkClient, output: Output, tenant: string, asked: SimulationView): Promise<void> {
  const look = () => cmk.get<SimulationView>(`${tenantPath(tenant)}/simulations/${asked.id}`);
  const waiting = ({ regions }: SimulationView): string =>
    regions
      .filter(({ answers }) => answers.some(({ answeredAt }) => answeredAt === null))
      .map(({ region }) => region)
      .join(', ');
  let seen = asked;
  try {
    await waitUntil('the answers of the regions', WAIT_MS, async () => {
      seen = await look();
      return seen.state === 'complete' ? seen : undefined;
    });
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'TIMED_OUT') throw error;
    output.note(`no answer yet from ${waiting(seen)}: what is shown of it is what governance knows`);
  }
}

async function show(
  cmk: CmkClient,
  output: Output,
  tenant: string,
  id: string,
  { format, output: file }: ShowOptions,
): Promise<void> {
  const path = `${tenantPath(tenant)}/simulations/${encodeURIComponent(id)}`;
  if (file === undefined && output.json) {
    output.result(await cmk.get<SimulationView>(path), () => '');
    return;
  }
  const { text } = await cmk.answer(`${path}/export?format=${format}`);
  if (file === undefined) {
    process.stdout.write(text);
    return;
  }
  await writeFile(file, text);
  output.result({ simulation: id, file }, () => `simulation ${id} is in ${file}`);
}
