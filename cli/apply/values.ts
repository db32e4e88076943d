/**
 * How a plan shows what a field is and shall be, to people who decide by it: nothing that changes is left out. What stays may be,
 * where there is much of it, and `…` says so.
 */
import { printable } from '../printable.ts';
import type { Value } from './things.ts';

/** A text that is no longer than this is shown whole. */
const SHORT = 60;
/** Of a longer one, as much stays around what differs. */
const CONTEXT = 20;

/** The whole value, as JSON that reads back as the same; a dash where there is none. */
export const shown = (value: Value | undefined): string =>
  value === undefined ? '–' : printable(JSON.stringify(value));

/** From one value to another: of lists what comes and what goes, of long texts what differs. */
export function changed(from: Value | undefined, to: Value | undefined): string {
  if (isList(from) && isList(to)) {
    const words = [
      ...without(to, from).map((each) => `+ ${each}`),
      ...without(from, to).map((each) => `- ${each}`),
    ];
    if (words.length > 0) return words.join(', ');
  }
  const [left, right] = [shown(from), shown(to)];
  if (typeof from !== 'string' || typeof to !== 'string') return `${left} → ${right}`;
  if (left.length <= SHORT && right.length <= SHORT) return `${left} → ${right}`;
  return excerpts(unitsOf(left), unitsOf(right)).join(' → ');
}

const isList = (value: Value | undefined): value is readonly string[] => Array.isArray(value);

function without(some: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  return some.filter((each) => !known.has(each)).map(shown);
}

/** Escapes stay whole. */
const unitsOf = (text: string): string[] => text.match(/\\u[0-9a-f]{4}|\\.|./gsu) ?? [];

/**
 * Both without what they have in common at either end, but for some of it. They differ, since the middles do; and where each ends its
 * quotes say, which are escaped within.
 */
function excerpts(left: readonly string[], right: readonly string[]): [string, string] {
  const shorter = Math.min(left.length, right.length);
  let start = 0;
  while (start < shorter && left[start] === right[start]) start++;
  let end = 0;
  while (end < shorter - start && left[left.length - 1 - end] === right[right.length - 1 - end]) end++;
  const from = Math.max(0, start - CONTEXT);
  const behind = Math.max(0, end - CONTEXT);
  const cut = (units: readonly string[]): string =>
    `${from > 0 ? '…"' : ''}${units.slice(from, units.length - behind).join('')}${behind > 0 ? '"…' : ''}`;
  return [cut(left), cut(right)];
}
