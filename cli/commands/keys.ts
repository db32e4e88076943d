/** `okcm keys …`: which versions a tenant's keys have in each region, how often they rotate, and the end of an old one. */
import { type Command, InvalidArgumentError } from 'commander';
import { MAX_ROTATE_AFTER_S } from '../../contracts/index.ts';
import { CmkClient } from '../cmk/client.ts';
import { decide, followJobs, tenantPath } from '../cmk/orders.ts';
import { describeProgress } from '../cmk/progress.ts';
import type { InventoryView, KeyVersionView, PoliciesView, ProposalView, RegionJob } from '../cmk/views.ts';
import { confirmNumber } from '../confirm.ts';
import { contextOf } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Output } from '../output.ts';
import {
  collect,
  describeInventory,
  describePolicies,
  describeSeconds,
  keyName,
  parseDuration,
} from './keys-text.ts';

interface InspectOptions {
  readonly region?: readonly string[];
  readonly wait: boolean;
}
interface PolicyOptions {
  readonly service?: string;
  readonly link?: boolean;
  /** In seconds, 0 for never; the word stands for null, which commander takes for an option without a value. */
  readonly rotateAfter?: number | 'default';
}
interface DestroyOptions {
  readonly region: string;
  readonly service?: string;
  readonly version: number;
  readonly reason: string;
  readonly yes?: boolean;
  readonly wait: boolean;
}

export function registerKeysCommands(program: Command): void {
  const keys = program
    .command('keys')
    .description('versions of tenant and service keys: inspect, set how often they rotate, destroy');
  keys
    .command('inspect <tenant>')
    .description('ask the regions which versions there are and what depends on each')
    .option('--region <name>', 'ask only this one; may be repeated', collect)
    .option('--no-wait', 'ask, and show what was answered last')
    .action(async (tenant: string, options: InspectOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const regions = await inspect(cmk, output, tenant, options);
      output.result(regions, () => regions.map((region) => describeInventory(region)).join('\n\n'));
    });
  keys
    .command('policy <tenant>')
    .description('how often keys are rotated by themselves; without --rotate-after: what is set')
    .option('--service <name>', 'the key of this service; without it the tenant’s')
    .option('--link', 'the secret of the tenant’s link')
    .option('--rotate-after <time>', 'such as 90d or 12h, never, or default (as the regions do)', rotateAfter)
    .action(async (tenant: string, options: PolicyOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      if (options.rotateAfter !== undefined) {
        const { rotateAfter } = options;
        const asking = setPolicy(cmk, tenant, options, rotateAfter === 'default' ? null : rotateAfter);
        if ((await decide(output, asking)) === undefined) return;
      }
      const policies = await listPolicies(cmk, tenant);
      output.result(policies, () => describePolicies(policies));
    });
  keys
    .command('destroy <tenant>')
    .description('destroy one version in one region: what depends on it can never be read again')
    .requiredOption('--region <name>', 'where')
    .option('--service <name>', 'of the key of this service; without it of the tenant’s')
    .requiredOption('--version <n>', 'which', version)
    .requiredOption('--reason <text>', 'why; it stands in the audit log')
    .option('--yes', 'do it, however much depends on it')
    .option('--no-wait', 'do not wait until the region has done it')
    .action(destroy);
}

async function inspect(
  cmk: CmkClient,
  output: Output,
  tenant: string,
  { region, wait }: InspectOptions,
): Promise<InventoryView[]> {
  const { jobs } = await cmk.post<{ jobs: readonly RegionJob[] }>(
    `${tenantPath(tenant)}/inventories`,
    region === undefined ? {} : { regions: region },
  );
  await followJobs(cmk, output, { title: `inspect the keys of ${tenant}`, jobs, wait });
  const all = await cmk.list<InventoryView>(`${tenantPath(tenant)}/inventory`);
  return all.filter((each) => jobs.some((asked) => asked.region === each.region));
}

async function setPolicy(
  cmk: CmkClient,
  tenant: string,
  { service, link }: PolicyOptions,
  rotateAfterSeconds: number | null,
): Promise<{ proposal: ProposalView }> {
  if (link !== true)
    return await cmk.put(`${tenantPath(tenant)}/rotation-policy`, {
      ...(service === undefined ? {} : { service }),
      rotateAfterSeconds,
    });
  if (service !== undefined)
    throw new CliError('USAGE', 'a link belongs to the whole tenant: --link goes without --service');
  // Links have no default of the regions': they are rotated by schedule or not at all.
  return await cmk.put(`${tenantPath(tenant)}/link/rotation-policy`, {
    rotateAfterSeconds: rotateAfterSeconds === 0 ? null : rotateAfterSeconds,
  });
}

async function listPolicies(cmk: CmkClient, tenant: string): Promise<PoliciesView> {
  const path = `${tenantPath(tenant)}/rotation-policy`;
  const { link } = await cmk.get<PoliciesView>(`${path}?limit=1`);
  return { link, items: await cmk.list<PoliciesView['items'][number]>(path) };
}

/** Looks first: whoever destroys is told how much depends on it, and the region compares that number with its own. */
async function destroy(tenant: string, options: DestroyOptions, command: Command): Promise<void> {
  const { home, output } = contextOf(command);
  const { region, service, version: wanted, reason } = options;
  const cmk = await CmkClient.ofHome(home);
  const [told] = await inspect(cmk, output, tenant, { region: [region], wait: true });
  const found = versionsOf(told, service).find((each) => each.version === wanted);
  const what = `version ${wanted} of ${keyName(tenant, service)} in ${region}`;
  if (found === undefined) throw new CliError('NOT_FOUND', `${region} told nothing of ${what}`);
  const { state, dependents } = found;
  if (state === 'active' || state.startsWith('destroyed'))
    throw new CliError('VERSION_IN_USE', `${what} is ${state}`);
  const things = service === undefined ? 'versions of service keys' : 'objects';
  const warning = `${dependents} ${things} depend on ${what}; they can never be read again`;
  output.note(warning);
  await confirmNumber(options.yes, `destroying it takes ${dependents} ${things} with it`, dependents);
  const jobs = await decide(
    output,
    cmk.post(`${tenantPath(tenant)}/destructions`, {
      region,
      ...(service === undefined ? {} : { service }),
      version: wanted,
      dependents,
      reason,
    }),
  );
  if (jobs === undefined) return;
  const regions = await followJobs(cmk, output, { title: `destroy ${what}`, jobs, wait: options.wait });
  output.result({ region, version: wanted, dependents, regions }, () =>
    options.wait ? `${what} is destroyed` : `${what}: ${describeProgress(regions)}`,
  );
}

const versionsOf = (
  told: InventoryView | undefined,
  service: string | undefined,
): readonly KeyVersionView[] =>
  (service === undefined
    ? told?.inventory?.l2
    : told?.inventory?.services.find((each) => each.service === service)?.l3
  )?.versions ?? [];

function version(value: string): number {
  if (!/^[1-9][0-9]{0,9}$/.test(value)) throw new InvalidArgumentError('a version is a number from 1.');
  return Number(value);
}

function rotateAfter(value: string): number | 'default' {
  if (value === 'default') return value;
  const seconds = parseDuration(value);
  if (seconds === undefined)
    throw new InvalidArgumentError(
      `from 1h to ${describeSeconds(MAX_ROTATE_AFTER_S)}, in hours (h) or days (d); or never; or default.`,
    );
  return seconds;
}
