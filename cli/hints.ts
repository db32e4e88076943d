/** Commands in hints are for the installation that the command before was run on: they name its home as that did. */
import { DEFAULT_HOME } from './home/paths.ts';

/** A word as a shell takes it, quoted where it has to be. */
export const shellWord = (text: string): string =>
  /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** ` --home DIR`, or nothing for the home that a command takes by itself. */
export const homeOption = (home: string): string =>
  home === DEFAULT_HOME ? '' : ` --home ${shellWord(home)}`;

/** What to type for `okcm` now: in a checkout npm has to find it, and whoever called it by npm is in one. */
export function typed(
  { npm_command: by, npm_lifecycle_event: script }: NodeJS.ProcessEnv = process.env,
): string {
  return by === 'exec' || script === 'start' || script === 'okcm' ? 'npx okcm' : 'okcm';
}

/** `commands`: what may follow `okcm` in a command; in a sentence other words do. */
export function hintForHome(
  hint: string,
  home: string,
  commands: readonly string[],
  program = typed(),
): string {
  const option = homeOption(home);
  const named = hint.replaceAll(/\bokcm ([a-z-]+)/g, (all: string, word: string) =>
    commands.includes(word) ? `${program}${option} ${word}` : all,
  );
  return option === '' ? named : named.replaceAll(/\bnpm start\b(?: --)?/g, () => `npm start --${option}`);
}
