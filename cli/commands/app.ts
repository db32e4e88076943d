/** `okcm app …`: applications. A certificate is an application's only credential. */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type Application, everyItem } from '../../governance/client/index.ts';
import { CmkClient, unlessGone } from '../cmk/client.ts';
import { describeProgress, follow, followRemoval } from '../cmk/progress.ts';
import { contextOf, demandYes } from '../context.ts';
import { CliError } from '../errors.ts';
import { forgetApplication, rememberApplication } from '../home/applications.ts';
import { homePaths } from '../home/paths.ts';
import type { Output } from '../output.ts';
import { sendControl } from '../supervisor/control.ts';

interface AppOptions {
  readonly tenant: string;
  readonly service: string[];
  readonly name: string;
  readonly drillTarget?: boolean;
  readonly wait: boolean;
}

const services = (value: string, earlier: string[] = []): string[] => [...earlier, value];

export function registerAppCommands(program: Command): void {
  const app = program.command('app').description('applications: their certificates and what they may use');
  const common = (command: Command): Command =>
    command
      .requiredOption('--tenant <tenant>', 'whose application it is')
      .requiredOption('--service <service>', 'a service that it may use; repeat it for several', services)
      .requiredOption('--name <name>', 'the application’s name')
      .option('--drill-target', 'it is for tests: it may use what drills cut off')
      .option('--no-wait', 'do not wait until every region knows it');

  common(app.command('register'))
    .description('register a certificate that you have')
    .requiredOption('--cert <file>', 'the application’s certificate, PEM')
    .option('--ca <file>', 'its issuer, PEM, where the regions do not trust it yet')
    .action(async (options: AppOptions & { cert: string; ca?: string }, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      if (options.ca !== undefined) {
        await cmk.ensure('/v1/issuers', { certificate: await readPem(options.ca) });
      }
      const view = await register(cmk, output, options, await readPem(options.cert));
      output.result(view, () => describe(options, view));
    });

  common(app.command('issue'))
    .description('issue a certificate from the development CA, and register it')
    .requiredOption('--out <dir>', 'where cert.pem, key.pem and ca.pem go')
    .action(async (options: AppOptions & { out: string }, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const paths = homePaths(home);
      const directory = resolve(options.out);
      if (existsSync(join(directory, 'key.pem'))) {
        throw new CliError('USAGE', `${directory} holds a key already, and it is not overwritten`, {
          hint: 'choose another --out, or register what is there: okcm app register',
        });
      }
      const { issueApplicationCertificate } = await import('../installation/authorities.ts');
      const files = await issueApplicationCertificate(paths, directory, options);
      const view = await register(cmk, output, options, await readPem(files.cert)).catch(
        async (error: unknown) => {
          // Nobody knows the key: left behind, it would stand in the way of another try.
          if (error instanceof CliError && error.code === 'CMK_REFUSED')
            for (const file of Object.values(files)) await rm(file, { force: true });
          throw error;
        },
      );
      const { tenant, name } = options;
      await rememberApplication(paths, { tenant, name, service: options.service[0] ?? '', ...files });
      await sendControl(paths, { action: 'refresh' });
      output.result(
        { ...view, files },
        () => `${describe(options, view)}\n${Object.values(files).join('\n')}`,
      );
    });

  app
    .command('remove')
    .description('refuse its key in every region within a second, on open connections too')
    .requiredOption('--tenant <tenant>', 'whose application it is')
    .requiredOption('--name <name>', 'the application’s name')
    .option('--reason <text>', 'why; it stands in the audit logs')
    .option('--yes', 'do it: the application stops working')
    .option('--no-wait', 'do not wait until every region has done it')
    .action(remove);

  app
    .command('list <tenant>')
    .description('the applications of a tenant')
    .action(async (tenant: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const views: Application[] = [];
      for await (const view of everyItem(cmk.api.listTenantApplications, { path: { tenant } }))
        views.push(view);
      output.result(views, () =>
        views
          .map((view) => `${view.name}: ${view.services.join(', ')}; ${describeProgress(view.regions)}`)
          .join('\n'),
      );
    });
}

interface RemoveOptions {
  readonly tenant: string;
  readonly name: string;
  readonly reason?: string;
  readonly yes?: boolean;
  readonly wait: boolean;
}

async function remove(options: RemoveOptions, command: Command): Promise<void> {
  const { home, output } = contextOf(command);
  const { tenant, name, reason, wait } = options;
  demandYes(options.yes, `removing ${tenant}/${name} ends its connections in every region`);
  const cmk = await CmkClient.ofHome(home);
  const path = { tenant, name };
  const { application } = await cmk.api.removeTenantApplication({
    path,
    ...(reason === undefined ? {} : { query: { reason } }),
  });
  const left = await followRemoval(output, wait, `remove ${tenant}/${name}`, () =>
    unlessGone(cmk.api.getTenantApplication({ path })),
  );
  const paths = homePaths(home);
  if (await forgetApplication(paths, { tenant, name })) await sendControl(paths, { action: 'refresh' });
  output.result({ ...application, regions: left?.regions ?? [], removed: left === undefined }, () =>
    left === undefined
      ? `${tenant}/${name}: removed; its key (${application.fingerprint}) is refused in every region`
      : `${tenant}/${name}: ${describeProgress(left.regions)}`,
  );
}

async function register(
  cmk: CmkClient,
  output: Output,
  options: AppOptions,
  certificate: string,
): Promise<Application> {
  const { tenant, name, drillTarget } = options;
  const { warnings } = await cmk.api.createTenantApplication({
    path: { tenant },
    body: {
      name,
      services: options.service,
      certificate,
      ...(drillTarget === undefined ? {} : { drillTarget }),
    },
  });
  for (const warning of warnings) output.note(`warning: ${warning}`);
  return await follow(output, options.wait, `application ${tenant}/${name}`, () =>
    cmk.api.getTenantApplication({ path: { tenant, name } }),
  );
}

function describe(options: AppOptions, view: Application): string {
  return `${options.tenant}/${view.name}: ${describeProgress(view.regions)}`;
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new CliError('FILE_UNREADABLE', `${path} cannot be read`, { cause });
  }
}
