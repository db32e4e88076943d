/** Markdown and numbers as docs/benchmarks.md writes them. */
import type { Distribution } from '../../testkit/measure/distribution.ts';
import type { Spread } from '../../testkit/measure/spread.ts';

export type MarkdownCell = string | number | undefined;

export function markdownTable(head: readonly string[], rows: readonly (readonly MarkdownCell[])[]): string {
  const line = (cells: readonly MarkdownCell[]): string =>
    `| ${cells.map((cell) => String(cell ?? '–').replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = head.map((_, column) => (rows.every((row) => isNumber(row[column])) ? '--:' : '---'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** Or begins with one, as a median does that its spread follows. */
function isNumber(cell: MarkdownCell): boolean {
  return cell === undefined || typeof cell === 'number' || /^(–|\**[\d.,]+\**( \(.*\))?)$/.test(cell);
}

/** Three digits or so: 0.123, 1.23, 12.3, 1,234. */
export function figure(value: number | undefined): string {
  if (value === undefined || value === null || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** The median, and in brackets what the runs lay between: minimum, quartiles, maximum. */
export function spreadText(spread: Spread | undefined, digits = 2): string {
  if (spread === undefined) return '–';
  const { median, min, q1, q3, max } = spread;
  const rest = [min, q1, q3, max].map((value) => value.toFixed(digits)).join(' ');
  return `**${median.toFixed(digits)}** (${rest})`;
}

export function distributionRows(of: Readonly<Record<string, Distribution>>): MarkdownCell[][] {
  return Object.entries(of).map(([what, { runs, p50, p99, min, max }]) => [
    what.trim(),
    runs.toLocaleString('en-US'),
    ...[p50, p99, min, max].map(figure),
  ]);
}

export const distributionHead = (what: string): string[] => [
  what,
  'runs',
  'p50 ms',
  'p99 ms',
  'min ms',
  'max ms',
];
