/**
 * `okcm up`: the whole system on one machine, and the main job on it. Stays up until Ctrl-C; with `--once` it stops
 * as soon as the job is done.
 */
import { mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { type Command, Option } from 'commander';
import { contextOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { homePaths } from '../home/paths.ts';
import type { UpOptions } from '../job/up.ts';

export function registerUpCommand(program: Command): void {
  program
    .command('up')
    .description('start everything on this machine and run the main job; Ctrl-C stops it')
    .option('--once', 'stop after the main job: exit code 0 if every step worked')
    .addOption(
      new Option('--ports <mode>', 'fixed ports, or free ones that are kept for later starts').choices([
        'fixed',
        'auto',
      ]),
    )
    .option(
      '--broker <url>',
      'nats://… or amqp://… of a broker of yours, @FILE that holds such an address, or "embedded"',
    )
    .option(
      '--gateway-store <where>',
      'where gateways keep data keys: sqlite (a file, the default), memory, redis://… or rediss://…?ca=FILE, or @FILE with that; kept for later starts',
    )
    .addOption(
      new Option(
        '--hot-path <state>',
        'off: gateways answer everything on the general path, for measurement and diagnosis; kept for later starts',
      ).choices(['on', 'off']),
    )
    .action(async (options: UpOptions, command: Command) => {
      const { home, output } = contextOf(command);
      // Where the launcher keeps no compiled code, since the checkout is somebody else's (okcm.js), the private home does.
      enableCompileCache(privateDirectory(homePaths(home).compileCache));
      const { up } = await import('../job/up.ts');
      process.exitCode = await up(home, output, options);
    });
}

/** Errors: HOME_INVALID. */
function privateDirectory(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  } catch (cause) {
    throw new CliError('HOME_INVALID', `${path} cannot be made`, { cause });
  }
}
