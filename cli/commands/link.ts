/**
 * `okcm link` and `okcm unlink`: the tenant's L1 key opens its keys in every region, and taking it away closes them.
 * Nothing is lost by unlinking: linking again brings every key back.
 */
import type { Command } from 'commander';
import { CmkClient } from '../cmk/client.ts';
import { decide, tenantPath } from '../cmk/orders.ts';
import { followLink } from '../cmk/progress.ts';
import type { KeyView, LinksView } from '../cmk/views.ts';
import { contextOf, demandYes } from '../context.ts';
import { CliError } from '../errors.ts';
import { homePaths } from '../home/paths.ts';

const KEYSTORE = 'development-keystore';

export function registerLinkCommands(program: Command): void {
  program
    .command('link <tenant>')
    .description(
      'link the tenant’s L1 key to every region; without --key the one it had last, or a first software key',
    )
    .option('--key <alias>', 'which of the tenant’s L1 keys')
    .option('--new-key <alias>', 'make a software key of this name and link that')
    .option('--drill-target', 'the tenant is for tests: drills may cut it off')
    .option('--no-wait', 'do not wait until the link is active')
    .action(async (tenant: string, options: LinkOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const key = await chooseKey(cmk, home, tenant, options);
      const asked = await decide(
        output,
        cmk.post(`${tenantPath(tenant)}/link`, {
          key,
          ...(options.drillTarget === undefined ? {} : { drillTarget: options.drillTarget }),
        }),
      );
      if (asked === undefined) return;
      await followLink(cmk, output, {
        tenant,
        asked,
        wait: options.wait,
        towards: 'link',
        title: `link ${tenant} to ${key}`,
      });
    });
  program
    .command('unlink <tenant>')
    .description(
      'close the tenant’s link: every gateway refuses within a second, one that is cut off from its core when its lease ends',
    )
    .requiredOption('--reason <text>', 'why; it stands in the audit log')
    .option('--yes', 'do it: applications of the tenant stop working')
    .option('--no-wait', 'do not wait until every region has reported')
    .action(
      async (tenant: string, options: { reason: string; yes?: boolean; wait: boolean }, command: Command) => {
        const { home, output } = contextOf(command);
        demandYes(
          options.yes,
          `unlinking ${tenant} makes its keys unusable in every region until it is linked again`,
        );
        const cmk = await CmkClient.ofHome(home);
        const asked = await decide(
          output,
          cmk.post(`${tenantPath(tenant)}/unlink`, { reason: options.reason }),
        );
        if (asked === undefined) return;
        await followLink(cmk, output, {
          tenant,
          asked,
          wait: options.wait,
          towards: 'unlink',
          title: `unlink ${tenant}`,
        });
      },
    );
}

interface LinkOptions {
  readonly key?: string;
  readonly newKey?: string;
  readonly drillTarget?: boolean;
  readonly wait: boolean;
}

/** Errors: USAGE when the choice is not clear. */
async function chooseKey(
  cmk: CmkClient,
  home: string,
  tenant: string,
  { key: wanted, newKey }: LinkOptions,
): Promise<string> {
  const keys = await cmk.list<KeyView>(`${tenantPath(tenant)}/keys`);
  const known = keys.map((key) => key.alias).join(', ') || 'none';
  if (wanted !== undefined) {
    if (keys.some((key) => key.alias === wanted)) return wanted;
    // A slip of the pen must not put a tenant under another master key.
    throw new CliError('USAGE', `${tenant} has no L1 key "${wanted}"; it has: ${known}`, {
      hint: 'name one of them, or make a software key with --new-key',
    });
  }
  if (newKey === undefined && keys.length > 0) {
    const links = await cmk.get<LinksView>(`${tenantPath(tenant)}/links`);
    const linked = new Set(links.regions.flatMap(({ key }) => key ?? []));
    const candidates = linked.size > 0 ? [...linked] : keys.map((key) => key.alias);
    if (candidates.length === 1 && candidates[0] !== undefined) return candidates[0];
    throw new CliError('USAGE', `${tenant} has ${keys.length} L1 keys`, {
      hint: `choose one with --key: ${known}`,
    });
  }
  const alias = newKey ?? `${tenant}-l1`;
  await cmk.ensure('/v1/keystores', {
    name: KEYSTORE,
    kind: 'software',
    config: { path: homePaths(home).keystore },
  });
  await cmk.post(`${tenantPath(tenant)}/keys`, {
    keystore: KEYSTORE,
    create: true,
    alias,
  });
  return alias;
}
