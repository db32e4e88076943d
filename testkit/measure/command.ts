/**
 * What benches and soaks have in common as commands: options, live progress on a terminal and plain lines in a pipe, a
 * result for people or with `--json` for programs, and 1 as exit code when the result is not good enough.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { Output, table } from '../../cli/output.ts';
import { errorMessage } from '../../platform/errors.ts';
import type { Distribution } from './distribution.ts';
import { type CommonValues, type Options, parseOptions, usage, type ValuesOf } from './options.ts';
import { type Target, targetTable } from './target.ts';

const GIBIBYTE = 1024 ** 3;
/** Into a pipe progress is told this often. */
const PLAIN_EVERY_MS = 10_000;
const LIVE_EVERY_MS = 100;
const FAILED = 1;
const WRONG_USAGE = 2;

export interface Measurement {
  readonly data: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** Why the result is not good enough, whatever was asked for. */
  readonly failures: readonly string[];
  /** What it was meant to reach. A miss is told, and fails the command with `--assert`. */
  readonly targets?: readonly Target[];
}

export type Tell = (text: string) => void;
/** One stage, shown while it lasts; what `run` resolves with is returned, `summary` of it is added to the title. */
export type Stage = <T>(
  title: string,
  run: (tell: Tell) => Promise<T>,
  summary?: (result: T) => string,
) => Promise<T>;

/** Saves what is known so far, marked as provisional, so that whoever is interrupted has lost what comes after it alone. */
export type SoFar = (measurement: Measurement) => Promise<void>;

/** What stands in every result, beside what was measured. */
export interface ResultHead {
  readonly name: string;
  readonly machine: Machine;
  readonly measuredAt: string;
  /** Its options, defaults included. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly provisional: boolean;
  /** Processes that were ready to run before anything of ours was: 0 on a quiet machine. */
  readonly loadBefore: number;
  readonly targets: readonly Target[];
  readonly failures: readonly string[];
}

/** Parses the options, runs, prints, and ends the process. */
export async function measure<O extends Options>(
  name: string,
  options: O,
  run: (values: ValuesOf<O>, stage: Stage, soFar: SoFar) => Promise<Measurement>,
): Promise<never> {
  const { values, common } = parseOrExit(name, options);
  const output = new Output({ json: common.json });
  const loadBefore = loadavg()[0] ?? Number.NaN;
  const resultOf = ({ data, failures, targets = [] }: Measurement, isWhole: boolean) => {
    const head: ResultHead = {
      name,
      machine: machine(),
      measuredAt: new Date().toISOString(),
      options: values,
      provisional: common.provisional || !isWhole,
      loadBefore,
      targets,
      failures,
    };
    return { ...head, ...data };
  };
  const keep = async (measurement: Measurement, isWhole: boolean): Promise<void> => {
    if (common.save !== '') await save(common.save, resultOf(measurement, isWhole));
  };
  try {
    const measured = await run(values, stageIn(output), (measurement) => keep(measurement, false));
    const { text, failures, targets = [] } = measured;
    await keep(measured, true);
    const result = resultOf(measured, true);
    output.result(result, () => `\n${name}: ${machineText()}\n\n${text}${targetText(targets)}`);
    for (const failure of failures) output.note(`✖ ${failure}`);
    const missed = common.assert && targets.some(({ met }) => !met);
    process.exit(failures.length > 0 || missed ? FAILED : 0);
  } catch (error) {
    if (!output.json && error instanceof Error) output.note(error.stack ?? error.message);
    process.exit(output.failure(error));
  }
}

async function save(path: string, result: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(result)}\n`);
}

function targetText(targets: readonly Target[]): string {
  return targets.length === 0 ? '' : `\n\n${targetTable(targets)}`;
}

function parseOrExit<O extends Options>(
  name: string,
  options: O,
): { readonly values: ValuesOf<O>; readonly common: CommonValues } {
  try {
    const parsed = parseOptions(options);
    if (parsed !== undefined) return parsed;
    process.stdout.write(`${usage(name, options)}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${errorMessage(error)}\n${usage(name, options)}\n`);
    process.exit(WRONG_USAGE);
  }
}

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly openssl: string;
}

export function machine(): Machine {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / GIBIBYTE),
    kernel: `${process.platform} ${release()}`,
    node: process.version,
    openssl: process.versions.openssl,
  };
}

function machineText(): string {
  const { cores, processor, memoryGiB, kernel, node, openssl } = machine();
  return `${cores} cores (${processor}), ${memoryGiB} GiB, ${kernel}, Node ${node}, OpenSSL ${openssl}`;
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
