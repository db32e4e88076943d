/** For what cannot be taken back and has a size: whoever confirms it has seen the number, or said `--yes` beforehand. */
import { createInterface } from 'node:readline/promises';
import { demandYes } from './context.ts';
import { CliError } from './errors.ts';

export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}
/** Questions go where remarks go, so that a result can be piped away. */
const standard: Terminal = { input: process.stdin, output: process.stderr };

/** Asks for the number where somebody sits at a terminal, and demands `--yes` elsewhere. Errors: CONFIRMATION_NEEDED. */
export async function confirmNumber(
  yes: boolean | undefined,
  what: string,
  number: number,
  terminal: Terminal = standard,
): Promise<void> {
  if (yes === true) return;
  if (terminal.input.isTTY !== true || terminal.output.isTTY !== true) return demandYes(yes, what);
  const lines = createInterface({ input: terminal.input, output: terminal.output });
  try {
    const typed = await Promise.race([
      lines.question(`${what}\nType ${number} to go on: `),
      // Ctrl-D is an answer, too.
      new Promise<string>((resolve) => lines.once('close', () => resolve(''))),
    ]);
    if (typed.trim() !== String(number))
      throw new CliError('CONFIRMATION_NEEDED', 'not confirmed; nothing was changed', {
        hint: `type ${number}, or add --yes if you mean it`,
      });
  } finally {
    lines.close();
  }
}
