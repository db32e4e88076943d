/** What every command starts from: the options that stand on all of them, and where to print. */
import type { Command } from 'commander';
import { CliError } from './errors.ts';
import { DEFAULT_HOME } from './home/paths.ts';
import { Output } from './output.ts';

export interface GlobalOptions {
  readonly home: string;
  readonly json: boolean;
}

export interface CommandContext {
  readonly home: string;
  readonly output: Output;
}

export function addGlobalOptions(program: Command): void {
  program
    .option('--home <dir>', 'where keys, certificates, databases and logs lie', DEFAULT_HOME)
    .option('--as <name>', 'speak to CMK as somebody who has logged in, or as a person of a development home')
    .option('--json', 'print one JSON document for programs', false);
}

export function contextOf(command: Command): CommandContext {
  const options = command.optsWithGlobals<GlobalOptions>();
  return { home: options.home, output: new Output({ json: options.json }) };
}

/** For what cannot be taken back: demands `--yes`. */
export function demandYes(yes: boolean | undefined, what: string, hint?: string): void {
  if (yes !== true) throw new CliError('CONFIRMATION_NEEDED', what, hint === undefined ? {} : { hint });
}
