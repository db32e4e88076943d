/** `okcm portal`: where the page for people is, and how to sign in there. */
import type { Command } from 'commander';
import { readPeople } from '../access/people.ts';
import { contextOf } from '../context.ts';
import { readEndpoints } from '../home/endpoints.ts';
import { homePaths } from '../home/paths.ts';
import { colors, table } from '../output.ts';

export function registerPortalCommand(program: Command): void {
  program
    .command('portal')
    .description('where the portal is, and as whom to sign in there')
    .option('--passwords', 'show the passwords of this development installation’s people')
    .action(async (options: { passwords?: boolean }, command: Command) => {
      const { home, output } = contextOf(command);
      const paths = homePaths(home);
      const { endpoints } = await readEndpoints(home);
      const url = new URL('/portal/', endpoints.cmk.url).href;
      const people = (await readPeople(paths))?.people ?? [];
      const shown = people.map(({ name, password }) => ({
        name,
        ...(options.passwords === true ? { password } : {}),
      }));
      output.result({ url, people: shown, token: paths.token }, () =>
        [
          colors.bold(url),
          '',
          'Sign in with the development token, which may do everything:',
          `  ${paths.token}`,
          'or as one of these people, who may do what they are given:',
          options.passwords === true
            ? table(
                ['name', 'password'],
                people.map(({ name, password }) => [name, password]),
              )
            : `  ${people.map(({ name }) => name).join(', ')}  ${colors.dim('(--passwords shows their passwords)')}`,
        ].join('\n'),
      );
    });
}
