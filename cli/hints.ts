/** Commands in hints are for the installation that the command before was run on: they name its home as that did. */
import { DEFAULT_HOME } from './home/paths.ts';

/** A word as a shell takes it, quoted where it has to be. */
export const shellWord = (text: string): string =>
  /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** ` --home DIR`, or nothing for the home that a command takes by itself. */
export const homeOption = (home: string): string =>
  home === DEFAULT_HOME ? '' : ` --home ${shellWord(home)}`;

/** `commands`: what may follow `okcm` in a command; in a sentence other words do. */
export function hintForHome(hint: string, home: string, commands: readonly string[]): string {
  const option = homeOption(home);
  if (option === '') return hint;
  return hint
    .replaceAll(/\bokcm ([a-z-]+)/g, (all: string, word: string) =>
      commands.includes(word) ? `okcm${option} ${word}` : all,
    )
    .replaceAll(/\bnpm start\b(?: --)?/g, () => `npm start --${option}`);
}
