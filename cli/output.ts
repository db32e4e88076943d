/**
 * What the command line prints: for people, plain when piped; or with `--json` one JSON document on standard output
 * for programs. Errors and remarks go to standard error. Nothing printed here may hold a secret, except key bytes
 * that the user asked for with `--show-key`.
 */
import Table from 'cli-table3';
import { Listr } from 'listr2';
import picocolors from 'picocolors';
import { fitted, NARROW_GAP, needs, WIDE_GAP } from './columns.ts';
import { describeError } from './errors.ts';
import { printable, printableCell, printableJson, printableLines } from './printable.ts';

// Plain when piped, whatever the environment says: the library itself takes a CI variable for a terminal.
const colorsOf = (stream: NodeJS.WriteStream) =>
  picocolors.createColors(stream.isTTY === true && picocolors.isColorSupported);
export const colors = colorsOf(process.stdout);
const errorColors = colorsOf(process.stderr);

export interface OutputOptions {
  readonly json: boolean;
}

/** One thing that is being done, told while it happens. */
export interface Step {
  readonly title: string;
  /** `tell` replaces the line below the title; the text returned is added to the title. */
  readonly run: (tell: (text: string) => void) => Promise<string | undefined>;
}

export class Output {
  readonly json: boolean;
  constructor(options: OutputOptions) {
    this.json = options.json;
  }

  /** Whether somebody watches: then what passes in milliseconds is shown, too. */
  get live(): boolean {
    return !this.json && process.stdout.isTTY;
  }

  /** A line for people; nothing with `--json`. */
  line(text = ''): void {
    if (!this.json) process.stdout.write(`${text}\n`);
  }

  /** The result: `data` with `--json`, else what `human` makes of it. */
  result(data: unknown, human: () => string): void {
    process.stdout.write(`${this.json ? printableJson(data, 2) : human()}\n`);
  }

  /** A remark beside the result, of one line or several. What others wrote belongs into it by `printable`. */
  note(text: string): void {
    process.stderr.write(`${printableLines(text)}\n`);
  }

  /** Runs the steps one after the other and shows them live; the first that fails ends it. */
  async steps(steps: readonly Step[]): Promise<void> {
    let failed: { readonly error: unknown } | undefined;
    const list = new Listr(
      steps.map((step) => ({
        title: step.title,
        task: async (_context: unknown, task: { title: string; output: string }): Promise<void> => {
          const startedAt = performance.now();
          let last = '';
          const tell = (text: string): void => {
            if (text === last) return;
            last = text;
            task.output = text;
          };
          const added = await step.run(tell).catch((error: unknown) => {
            failed = { error };
            // Whoever has called us tells it; the list says only which step it was.
            throw new Error('see below');
          });
          const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
          task.title = `${step.title}${added === undefined ? '' : `: ${added}`} ${colors.dim(`(${seconds} s)`)}`;
        },
      })),
      {
        concurrent: false,
        registerSignalListeners: false,
        renderer: this.json ? 'silent' : 'default',
        fallbackRenderer: this.json ? 'silent' : 'simple',
        rendererOptions: { collapseErrors: false, showErrorMessage: false },
      },
    );
    await list.run().catch((error: unknown) => {
      throw failed === undefined ? error : failed.error;
    });
  }

  /**
   * One line that says what happened and one that says what to do, as `completed` makes it for this installation. Returns the
   * exit code.
   */
  failure(error: unknown, completed: (hint: string) => string = (hint) => hint): number {
    const said = describeError(error);
    const report = said.hint === undefined ? said : { ...said, hint: completed(said.hint) };
    if (this.json) {
      process.stderr.write(`${printableJson({ error: report })}\n`);
    } else {
      const { message, hint } = report;
      process.stderr.write(`${errorColors.red('okcm:')} ${printable(message)}\n`);
      if (hint !== undefined) process.stderr.write(`  ${errorColors.dim(`hint: ${printable(hint)}`)}\n`);
    }
    return report.exitCode;
  }
}

export type Cell = string | number | null | undefined;

/** No longer than so many characters; where something is left out, `…` says so. */
export const shortened = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;

/** Of the terminal; undefined where there is none: what is piped is not broken. */
const terminalWidth = (): number | undefined => (process.stdout.isTTY ? process.stdout.columns : undefined);

/** A table with a head; empty cells are dashes, and what others wrote in them gives a terminal no orders. On a terminal that is narrower, it is broken to fit. */
export function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  width = terminalWidth(),
): string {
  const cells = [
    head,
    ...rows.map((row) =>
      row.map((cell) => (cell === undefined || cell === null ? '–' : printableCell(String(cell)))),
    ),
  ];
  if (width === undefined || needs(cells, WIDE_GAP) <= width) return draw(cells, true);
  return draw(fitted(cells, width, NARROW_GAP), false);
}

function draw([head = [], ...rows]: readonly (readonly string[])[], isWide: boolean): string {
  const drawn = new Table({
    head: [...head],
    style: {
      head: process.stdout.isTTY ? ['bold'] : [],
      border: process.stdout.isTTY ? ['gray'] : [],
      compact: true,
      ...(isWide ? {} : { 'padding-left': 0, 'padding-right': 0 }),
    },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
  });
  drawn.push(...rows.map((row) => [...row]));
  return drawn.toString().replaceAll(/[ \t]+$/gm, '');
}
