/** docs/benchmarks.md, out of saved results. No figure in it is typed by hand. */
import type { ResultHead } from '../../testkit/measure/command.ts';
import { figure, markdownTable } from './markdown.ts';
import { type ResultName, type Results, resultNames } from './results.ts';
import { sections } from './sections.ts';

export const PICTURE = 'pictures/benchmarks.svg';
const BUSY = 0.5;

export function documentOf(results: Results): string {
  const measured = resultNames.flatMap((name) => {
    const result: ResultHead | undefined = results[name];
    return result === undefined ? [] : [result];
  });
  return `${[
    '# Benchmarks',
    '<!-- Written by `npm run bench:report` out of bench/results/*.json: measure anew instead of editing. -->',
    `How fast OpenKCM is. Every figure stands beside a reference that was measured in the same run, in turns with it: on another
machine both will differ, their ratio hardly. A median is followed by what its runs lay between, in brackets: minimum,
lower quartile, upper quartile, maximum.`,
    ...provisional(measured),
    ...(measured.length === 0 ? ['Nothing has been measured yet.'] : machines(measured)),
    ...targets(measured),
    `![The gateway beside its references](${PICTURE})`,
    ...resultNames.flatMap((name) => section(name, results)),
    repeat(),
  ].join('\n\n')}\n`;
}

function provisional(measured: readonly ResultHead[]): string[] {
  const names = measured.filter(({ provisional: is }) => is).map(({ name }) => `\`${name}\``);
  if (names.length === 0) return [];
  return [
    `> **Provisional**: ${names.join(', ')}.
> Measured briefly, or on a machine that had other things to do: these figures show what the tables look like, not how fast
> anything is.`,
  ];
}

function machines(measured: readonly ResultHead[]): string[] {
  const shown = new Map(measured.map(({ machine }) => [JSON.stringify(machine), machine]));
  const rows = [...shown.values()].flatMap(({ processor, cores, memoryGiB, kernel, node, openssl }) => [
    ['processor', `${processor}, ${cores} cores`],
    ['memory', `${memoryGiB} GiB`],
    ['kernel', kernel],
    ['runtime', `Node ${node}, OpenSSL ${openssl}`],
  ]);
  const runs = measured.map(({ name, measuredAt, loadBefore, options }) => [
    `\`${name}\``,
    `${measuredAt.slice(0, 16).replace('T', ' ')} UTC`,
    `${figure(loadBefore)}${loadBefore > BUSY ? ' (busy)' : ''}`,
    Object.entries(options)
      .filter(([, value]) => value !== false)
      .map(([name_, value]) => `${name_} ${value}`)
      .join(', '),
  ]);
  return [
    '## The machine',
    markdownTable(['', ''], rows),
    'Servers, references and load generators share it. The load is the system’s own average over the minute before.',
    markdownTable(['run', 'when', 'load before', 'options'], runs),
  ];
}

function targets(measured: readonly ResultHead[]): string[] {
  const rows = measured.flatMap((result) =>
    result.targets.map(({ met, what, wanted, measured: value }) => [
      what,
      wanted,
      value,
      met ? '✔ met' : '✖ missed',
    ]),
  );
  return rows.length === 0 ? [] : ['## Targets', markdownTable(['what', 'wanted', 'measured', ''], rows)];
}

function section<N extends ResultName>(name: N, results: Results): string[] {
  const { title, method, tables } = sections[name];
  const result = results[name];
  const command = `    npm run bench:${name}`;
  return [`## ${title}`, method, command, ...(result === undefined ? ['Not measured yet.'] : tables(result))];
}

function repeat(): string {
  const width = Math.max(...resultNames.map(({ length }) => length));
  const commands = resultNames.map(
    (name) => `    npm run bench:${name.padEnd(width)} -- --save bench/results/${name}.json`,
  );
  return [
    '## To repeat all of it',
    'On a machine with nothing else to do, an hour or two:',
    [...commands, '    npm run bench:report'].join('\n'),
    `The last of them writes this document and its picture. \`--help\` shows what else each takes: \`--quick\` to see that it works,
\`--json\` for programs, \`--assert\` to fail when a target is missed, \`--provisional\` to mark a result as one to be measured
again.`,
  ].join('\n\n');
}
