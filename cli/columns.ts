/**
 * Tables on a terminal that is too narrow for them: the widest columns are broken into lines, at spaces where there are any.
 * Nothing is left out.
 */
import { stripVTControlCharacters } from 'node:util';

/** Columns apart, in spaces: as a table is drawn where there is room, and where there is not. */
export const WIDE_GAP = 4;
export const NARROW_GAP = 2;
/** No column is made narrower than this for the sake of another. */
const LEAST = 8;
/** What is copied into the next command is broken last. */
const IDENTIFIER = /[0-9a-f]{8}-[0-9a-f]{4}-/;
/** At both ends of a line. */
const MARGIN = 2;

const lengthOf = (text: string): number => [...stripVTControlCharacters(text)].length;
const widthOf = (cell: string): number => Math.max(...cell.split('\n').map(lengthOf));

/** The cells, broken into lines so that all columns with `gap` between them fit into `width`, as far as LEAST allows. */
export function fitted(
  rows: readonly (readonly string[])[],
  width: number,
  gap: number,
): readonly (readonly string[])[] {
  const widths = widthsOf(rows);
  const room = width - gap * (widths.length - 1) - MARGIN;
  let sum = widths.reduce((all, each) => all + each, 0);
  const narrow = (floors: readonly number[]): void => {
    while (sum > room) {
      const slack = widths.map((each, at) => (each > (floors[at] ?? LEAST) ? each : 0));
      const widest = Math.max(...slack);
      if (widest === 0) return;
      widths[slack.indexOf(widest)] = widest - 1;
      sum--;
    }
  };
  narrow(widths.map((each, at) => (rows.some((row) => IDENTIFIER.test(row[at] ?? '')) ? each : LEAST)));
  narrow([]);
  return rows.map((row) => row.map((cell, at) => broken(cell, widths[at] ?? LEAST)));
}

/** How wide the table is when nothing is broken. */
export const needs = (rows: readonly (readonly string[])[], gap: number): number => {
  const widths = widthsOf(rows);
  return widths.reduce((all, each) => all + each, 0) + gap * (widths.length - 1) + MARGIN;
};

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const most = (of: (row: readonly string[]) => number): number =>
    rows.reduce((widest, row) => Math.max(widest, of(row)), 0);
  return Array.from({ length: most((row) => row.length) }, (_, at) => most((row) => widthOf(row[at] ?? '')));
}

/** A cell with colours is short, and stays as it is. */
function broken(cell: string, width: number): string {
  if (widthOf(cell) <= width || stripVTControlCharacters(cell) !== cell) return cell;
  return cell
    .split('\n')
    .flatMap((line) => linesOf(line, width))
    .join('\n');
}

function linesOf(line: string, width: number): string[] {
  const lines: string[] = [];
  let rest = [...line];
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const end = space > width / 3 ? space : width;
    lines.push(rest.slice(0, end).join(''));
    rest = rest.slice(rest[end] === ' ' ? end + 1 : end);
  }
  return [...lines, rest.join('')];
}
