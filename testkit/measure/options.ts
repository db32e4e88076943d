/** The options of commands that measure: numbers, words out of a list, texts and switches, each with its default. */
import { parseArgs } from 'node:util';

export interface Option {
  /** Its type is the option's: `--name N`, `--name TEXT`, or `--name` alone for a switch, which is off. */
  readonly default: number | string | false;
  readonly about: string;
  /** Of a text: what may be given. */
  readonly choices?: readonly string[];
}
export type Options = Readonly<Record<string, Option>>;

type Given<D> = D extends number ? number : D extends string ? string : boolean;
export type ValuesOf<O extends Options> = { readonly [K in keyof O]: Given<O[K]['default']> };

/** What every such command understands. */
export interface CommonValues {
  readonly json: boolean;
  /** Exit code 1 when a target is missed. */
  readonly assert: boolean;
  /** Marked in the result: measured on a machine that had other things to do, or too shortly. */
  readonly provisional: boolean;
  /** A file for the result as JSON, beside what is printed; empty: none. */
  readonly save: string;
}

const common = {
  assert: { default: false, about: 'exit code 1 when a target is missed' },
  provisional: { default: false, about: 'mark the result as one that is to be measured again' },
  save: { default: '', about: 'also write the result as JSON to this file' },
  json: { default: false, about: 'print one JSON document for programs' },
} as const;

/** Undefined: help was asked for. Errors: RangeError, and those of `parseArgs` for options that do not exist. */
export function parseOptions<O extends Options>(
  options: O,
  args?: readonly string[],
): { readonly values: ValuesOf<O>; readonly common: CommonValues } | undefined {
  const all: Options = { ...options, ...common };
  const { values } = parseArgs({
    ...(args === undefined ? {} : { args: [...args] }),
    options: {
      ...Object.fromEntries(
        Object.entries(all).map(([name, option]) => [
          name,
          { type: option.default === false ? ('boolean' as const) : ('string' as const) },
        ]),
      ),
      help: { type: 'boolean' },
    },
  });
  const given: Readonly<Record<string, string | boolean | undefined>> = values;
  if (given['help'] === true) return undefined;
  const read = (of: Options): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(of).map(([name, option]) => [name, readOption(name, option, given[name])]),
    );
  return { values: read(options) as ValuesOf<O>, common: read(common) as unknown as CommonValues };
}

function readOption(
  name: string,
  option: Option,
  given: string | boolean | undefined,
): number | string | boolean {
  if (given === undefined || typeof given === 'boolean') return given ?? option.default;
  if (typeof option.default !== 'number') {
    if (option.choices !== undefined && !option.choices.includes(given))
      throw new RangeError(`--${name} takes one of ${option.choices.join(', ')}, not "${given}"`);
    return given;
  }
  const number = Number(given);
  if (given === '' || !Number.isFinite(number) || number < 0)
    throw new RangeError(`--${name} takes a number, not "${given}"`);
  return number;
}

export function usage(name: string, options: Options): string {
  const lines = Object.entries({ ...options, ...common }).map(
    ([option, { default: value, about, ...more }]) => {
      const choices = (more as Option).choices;
      const shown = choices === undefined ? String(value) : `${choices.join(' | ')}; ${value}`;
      const takes = value === false ? '' : typeof value === 'number' ? ' N' : ' TEXT';
      return [
        `  --${option}${takes}`,
        value === false || value === '' ? about : `${about} (${shown})`,
      ] as const;
    },
  );
  const width = Math.max(...lines.map(([left]) => left.length)) + 2;
  return [
    `npm run ${name} -- [options]`,
    ...lines.map(([left, right]) => `${left.padEnd(width)}${right}`),
  ].join('\n');
}
