/** `okcm login`, `logout` and `whoami`: as whom the other commands speak. */
import type { Command } from 'commander';
import { readPrivate } from '../../platform/config-file.ts';
import { addressFor, developmentPerson } from '../access/address.ts';
import { enter, leave, type Session } from '../access/sessions.ts';
import { CmkClient } from '../cmk/client.ts';
import { contextOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { readEndpoints } from '../home/endpoints.ts';
import { homePaths } from '../home/paths.ts';
import type { Output } from '../output.ts';

interface LoginCommandOptions {
  readonly cmk?: string;
  readonly provider?: string;
  readonly clientId?: string;
  readonly clientSecretFile?: string;
  readonly tokenFile?: string;
  readonly scope?: string;
  readonly browser?: boolean;
}

/** GET /v1/me */
interface Me {
  readonly principal: string;
  readonly name: string;
  readonly person: boolean;
  readonly duty: string | null;
  readonly tenants: readonly { readonly tenant: string; readonly roles: readonly string[] }[];
}

const TOKEN_FILE_LIFETIME_MS = 24 * 3_600_000;

export function registerLoginCommands(program: Command): void {
  program
    .command('login <name>')
    .description('log in at the provider that CMK trusts; later commands speak as NAME until okcm logout')
    .option('--cmk <url>', 'another CMK than the one of this home')
    .option('--provider <name>', 'which provider, where CMK trusts several')
    .option('--client-id <id>', 'how the provider knows the command line, or the machine')
    .option('--client-secret-file <file>', 'log in as a machine, with the secret in this private file')
    .option('--token-file <file>', 'an access token that you have got in another way, in a private file')
    .option(
      '--browser',
      'through a browser on this machine; so it is anyway where the provider has no device flow',
    )
    .option('--scope <scopes>', 'what to ask the provider for')
    .action(async (name: string, options: LoginCommandOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const paths = homePaths(home);
      if (Object.keys(options).length === 0 && (await developmentPerson(paths, name)) !== undefined)
        await enter(paths, name, undefined);
      else await enter(paths, name, await sessionFor(home, options, output));
      await showMe(home, name, output);
    });
  program
    .command('logout')
    .description(
      'forget the token of --as NAME, or all of them; the home’s own development token speaks again',
    )
    .action(async (_options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const { as } = command.optsWithGlobals<{ as?: string }>();
      await leave(homePaths(home), as);
      output.result({ loggedOut: as ?? 'all' }, () => `${as ?? 'everybody'} is logged out`);
    });
  program
    .command('whoami')
    .description('who you are for CMK, and what in which tenant')
    .action(async (_options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      await showMe(home, command.optsWithGlobals<{ as?: string }>().as, output);
    });
}

/** Errors: those of logging in, and of private files. */
async function sessionFor(home: string, options: LoginCommandOptions, output: Output): Promise<Session> {
  const cmk = options.cmk ?? (await readEndpoints(home)).endpoints.cmk.url;
  const { tokenFile, clientSecretFile, clientId } = options;
  if (tokenFile !== undefined) {
    const token = (await readPrivate(tokenFile)).trim();
    return { cmk, token, expiresAt: new Date(Date.now() + TOKEN_FILE_LIFETIME_MS).toISOString() };
  }
  const { logIn, logInMachine } = await import('../access/login.ts');
  if (clientSecretFile === undefined)
    return await logIn(cmk, options, (address, code) =>
      output.note(`open ${address}${code === undefined ? '' : ` and see that it shows the code ${code}`}`),
    );
  if (clientId === undefined) throw new CliError('USAGE', 'a machine needs its --client-id, too');
  const secret = (await readPrivate(clientSecretFile)).trim();
  return await logInMachine(cmk, { ...options, clientId, secret });
}

async function showMe(home: string, name: string | undefined, output: Output): Promise<void> {
  const me = await new CmkClient(await addressFor(home, name)).get<Me>('/v1/me');
  output.result(me, () =>
    [
      `${me.principal}${me.name === me.principal ? '' : ` (${me.name})`}${me.person ? '' : ', a machine'}`,
      ...(me.duty === null ? [] : [`  ${me.duty} of the installation`]),
      ...me.tenants.map(({ tenant, roles }) => `  ${tenant}: ${roles.join(', ')}`),
      ...(me.duty === null && me.tenants.length === 0 ? ['  without any role yet'] : []),
    ].join('\n'),
  );
}
