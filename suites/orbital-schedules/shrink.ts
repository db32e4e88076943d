/** The shortest schedule that can be found in one which breaks an invariant, and what happens in it. */
import type { InvariantName, Violation } from './invariants.ts';
import { play, type Step } from './schedule.ts';

/** What goes on for ever has been understood by then. */
const MAX_LINES = 100;
/** Schedules that are tried at most. */
const MAX_TRIES = 20_000;

/** Leaves out ever smaller pieces, and chooses the first of everything, as long as the same invariant breaks. */
export function shrink(schedule: readonly Step[], { invariant }: Violation): readonly Step[] {
  let tries = 0;
  const breaks = (candidate: readonly Step[]): boolean =>
    tries++ < MAX_TRIES && play(candidate, { only: invariant }).violation !== undefined;

  let shortest = schedule;
  for (let before = Number.POSITIVE_INFINITY; shortest.length < before; ) {
    before = shortest.length;
    for (let size = Math.ceil(shortest.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
      for (let from = 0; from < shortest.length; ) {
        const candidate = [...shortest.slice(0, from), ...shortest.slice(from + size)];
        if (breaks(candidate)) shortest = candidate;
        else from += size;
      }
  }
  for (let index = 0; index < shortest.length; index++)
    for (let at = 0; at < (shortest[index]?.numbers.length ?? 0); at++) {
      const candidate = shortest.map((step, i) =>
        i === index ? { ...step, numbers: step.numbers.map((number, j) => (j === at ? 0 : number)) } : step,
      );
      if (shortest[index]?.numbers[at] !== 0 && breaks(candidate)) shortest = candidate;
    }
  return shortest;
}

/** What happens in a schedule, a numbered line for each event, and what is wrong in the end. */
export function traceOf(schedule: readonly Step[], only?: InvariantName): string {
  const lines: string[] = [];
  const { violation } = play(schedule, { trace: lines, ...(only === undefined ? {} : { only }) });
  const width = String(lines.length).length;
  const numbered = lines.map((line, index) => `${String(index + 1).padStart(width)}  ${line}`);
  const more = numbered.length - MAX_LINES;
  return [
    ...numbered.slice(0, MAX_LINES),
    ...(more > 0 ? [`… and so on, ${more} more`] : []),
    violation === undefined ? '✔ every invariant holds' : `✖ ${violation.invariant}: ${violation.how}`,
  ].join('\n');
}
