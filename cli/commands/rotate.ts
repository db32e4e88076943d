/**
 * `okcm rotate` and `okcm compromise`: new versions of a tenant's or a service's key, in the ordinary way and in an
 * emergency, and a fresh secret for the tenant's link.
 */
import type { Command } from 'commander';
import { CmkClient } from '../cmk/client.ts';
import { decide, followJobs, tenantPath } from '../cmk/orders.ts';
import { describeProgress, followLink } from '../cmk/progress.ts';
import type { ProposalView, RegionJob, ServiceView, TenantView } from '../cmk/views.ts';
import { contextOf, demandYes } from '../context.ts';
import { CliError } from '../errors.ts';
import { collect, keyName } from './keys-text.ts';

interface RotateOptions {
  readonly service?: string;
  readonly region?: readonly string[];
  readonly link?: boolean;
  readonly reason?: string;
  readonly wait: boolean;
}
interface CompromiseOptions extends RotateOptions {
  readonly reason: string;
  readonly yes?: boolean;
}

export function registerRotateCommands(program: Command): void {
  program
    .command('rotate <tenant>')
    .description('a new version of the tenant’s key, or of a service’s; with --link a fresh link secret')
    .option('--service <name>', 'the key of this service')
    .option('--region <name>', 'only there; may be repeated', collect)
    .option('--link', 'the link under its L1 key, in every region where it lives')
    .option('--reason <text>', 'with --link: why; it stands in the audit log')
    .option('--no-wait', 'do not wait until the regions have done it')
    .action(async (tenant: string, options: RotateOptions, command: Command) => {
      if (options.link === true) return await rotateLink(tenant, options, command);
      if (options.reason !== undefined)
        throw new CliError('USAGE', 'a reason is kept for the rotation of a link only: --link');
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const { jobs } = await cmk.post<{ jobs: readonly RegionJob[] }>(
        `${tenantPath(tenant)}/rotations`,
        scopeOf(options),
      );
      const key = keyName(tenant, options.service);
      const progress = await followJobs(cmk, output, { title: `rotate ${key}`, jobs, wait: options.wait });
      const versions = await versionsOf(cmk, tenant, options.service);
      const regions = progress.map((each) => ({ ...each, version: versions.get(each.region) ?? null }));
      output.result({ key, regions }, () =>
        options.wait
          ? `${key}: ${regions.map(({ region, version }) => `${region} version ${version ?? '?'}`).join(', ')}`
          : `${key}: ${describeProgress(regions)}`,
      );
    });
  program
    .command('compromise <tenant>')
    .description(
      'emergency: somebody may have the key. A new version at once, every older one is Compromised',
    )
    .option(
      '--service <name>',
      'the key of this service; without it the tenant’s, and every service’s with it',
    )
    .option('--region <name>', 'only there; may be repeated', collect)
    .requiredOption('--reason <text>', 'why; it stands in the audit log')
    .option('--yes', 'do it: every gateway drops what it holds under the key')
    .option('--no-wait', 'do not wait until the regions have done it')
    .action(async (tenant: string, options: CompromiseOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const key = keyName(tenant, options.service);
      demandYes(
        options.yes,
        `declaring ${key} compromised marks every older version, and makes every gateway fetch its keys anew`,
      );
      const cmk = await CmkClient.ofHome(home);
      const jobs = await decide(
        output,
        cmk.post(`${tenantPath(tenant)}/compromises`, { ...scopeOf(options), reason: options.reason }),
      );
      if (jobs === undefined) return;
      const regions = await followJobs(cmk, output, {
        title: `compromise ${key}`,
        jobs,
        wait: options.wait,
      });
      output.result({ key, regions }, () => `${key}: ${describeProgress(regions)}`);
    });
}

const scopeOf = ({ service, region }: RotateOptions) => ({
  ...(service === undefined ? {} : { service }),
  ...(region === undefined ? {} : { regions: region }),
});

async function rotateLink(tenant: string, options: RotateOptions, command: Command): Promise<void> {
  if (options.service !== undefined || options.region !== undefined)
    throw new CliError(
      'USAGE',
      'a link belongs to the whole tenant: --link goes without --service and --region',
    );
  const { home, output } = contextOf(command);
  const cmk = await CmkClient.ofHome(home);
  const { reason } = options;
  const asked = await decide(
    output,
    cmk.post<{ proposal: ProposalView }>(
      `${tenantPath(tenant)}/link/rotate`,
      reason === undefined ? {} : { reason },
    ),
  );
  if (asked === undefined) return;
  const title = `rotate the link of ${tenant}`;
  await followLink(cmk, output, { tenant, asked, wait: options.wait, towards: 'link', title });
}

/** Which version each region uses now. */
async function versionsOf(
  cmk: CmkClient,
  tenant: string,
  service: string | undefined,
): Promise<ReadonlyMap<string, number | null>> {
  if (service === undefined) {
    const { regions } = await cmk.get<TenantView>(tenantPath(tenant));
    return new Map(regions.map(({ region, l2Version }) => [region, l2Version]));
  }
  const { regions } = await cmk.named<ServiceView>(tenant, 'services', service);
  return new Map(regions.map(({ region, l3Version }) => [region, l3Version]));
}
