/**
 * What benches and soaks have in common as commands: options that are numbers, live progress on a terminal and plain
 * lines in a pipe, a result for people or with `--json` for programs, and 1 as exit code when the result is not good enough.
 */
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { Output, table } from '../../cli/output.ts';
import { errorMessage } from '../../platform/errors.ts';
import type { Distribution } from './distribution.ts';

const GIBIBYTE = 1024 ** 3;
/** Into a pipe progress is told this often. */
const PLAIN_EVERY_MS = 10_000;
const LIVE_EVERY_MS = 100;
const FAILED = 1;
const WRONG_USAGE = 2;

export interface NumberOption {
  readonly default: number;
  readonly about: string;
}

export interface Measurement {
  readonly data: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** Why the result is not good enough. */
  readonly failures: readonly string[];
}

export type Tell = (text: string) => void;
/** One stage, shown while it lasts; what `run` resolves with is returned, `summary` of it is added to the title. */
export type Stage = <T>(
  title: string,
  run: (tell: Tell) => Promise<T>,
  summary?: (result: T) => string,
) => Promise<T>;

/** Parses the options, runs, prints, and ends the process. */
export async function measure<K extends string>(
  name: string,
  options: Readonly<Record<K, NumberOption>>,
  run: (values: Readonly<Record<K, number>>, stage: Stage) => Promise<Measurement>,
): Promise<never> {
  const values = parseOrExit(name, options);
  const output = new Output({ json: values.json });
  try {
    const { data, text, failures } = await run(values.numbers, stageIn(output));
    output.result(
      { name, machine: machine(), ...data, failures },
      () => `\n${name}: ${machineText()}\n\n${text}`,
    );
    for (const failure of failures) output.note(`✖ ${failure}`);
    process.exit(failures.length > 0 ? FAILED : 0);
  } catch (error) {
    if (!output.json && error instanceof Error) output.note(error.stack ?? error.message);
    process.exit(output.failure(error));
  }
}

function parseOrExit<K extends string>(name: string, options: Readonly<Record<K, NumberOption>>): Values<K> {
  try {
    const values = parse(options);
    if (values !== undefined) return values;
    process.stdout.write(`${usage(name, options)}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${errorMessage(error)}\n${usage(name, options)}\n`);
    process.exit(WRONG_USAGE);
  }
}

export function machine(): Readonly<Record<string, unknown>> {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / GIBIBYTE),
    node: process.version,
  };
}

function machineText(): string {
  const { cores, processor, memoryGiB, node } = machine();
  return `${cores} cores (${processor}), ${memoryGiB} GiB, Node ${node}`;
}

/** A table with one line for each distribution, in milliseconds. */
export function distributionTable(what: string, rows: readonly (readonly [string, Distribution])[]): string {
  return table(
    [what, 'runs', 'p50', 'p99', 'min', 'max'],
    rows.map(([name, { runs, p50, p99, min, max }]) => [name, runs, ...[p50, p99, min, max].map(ms)]),
  );
}

export function ms(value: number): string {
  if (Number.isNaN(value)) return '–';
  if (Math.abs(value) < 0.1) return `${(value * 1_000).toFixed(1)} µs`;
  return `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)} ms`;
}

function stageIn(output: Output): Stage {
  return async <T>(title: string, run: (tell: Tell) => Promise<T>, summary?: (result: T) => string) => {
    const results: T[] = [];
    await output.steps([
      {
        title,
        run: async (tell) => {
          const result = await run(sparingly(tell, output.live ? LIVE_EVERY_MS : PLAIN_EVERY_MS));
          results.push(result);
          return summary?.(result);
        },
      },
    ]);
    return results[0] as T;
  };
}

function sparingly(tell: Tell, everyMs: number): Tell {
  let toldAt = Number.NEGATIVE_INFINITY;
  return (text) => {
    const now = performance.now();
    if (now - toldAt < everyMs) return;
    toldAt = now;
    tell(text);
  };
}

interface Values<K extends string> {
  readonly numbers: Readonly<Record<K, number>>;
  readonly json: boolean;
}

/** Undefined: help was asked for. */
function parse<K extends string>(options: Readonly<Record<K, NumberOption>>): Values<K> | undefined {
  const names = Object.keys(options) as K[];
  const { values } = parseArgs({
    options: {
      ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const given: Readonly<Record<string, string | boolean | undefined>> = values;
  if (given['help'] === true) return undefined;
  const numbers = Object.fromEntries(
    names.map((name) => {
      const text = given[name];
      const number = text === undefined ? options[name].default : Number(text);
      if (!Number.isFinite(number) || number < 0)
        throw new RangeError(`--${name} takes a number, not "${text}"`);
      return [name, number];
    }),
  ) as Record<K, number>;
  return { numbers, json: given['json'] === true };
}

function usage<K extends string>(name: string, options: Readonly<Record<K, NumberOption>>): string {
  const entries: [string, NumberOption][] = Object.entries(options);
  const lines = entries.map(([option, { default: value, about }]) => [
    `  --${option} N`,
    `${about} (${value})`,
  ]);
  const all = [...lines, ['  --json', 'one JSON document for programs']];
  const width = Math.max(...all.map(([left = '']) => left.length)) + 2;
  return [
    `npm run ${name} -- [options]`,
    ...all.map(([left = '', right]) => `${left.padEnd(width)}${right}`),
  ].join('\n');
}
