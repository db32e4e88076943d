/** What the doctor has found, for people and for programs. */
import { typed } from '../hints.ts';
import { type Cell, colors, table } from '../output.ts';
import type { Outcome } from './verdict.ts';

export interface Counts {
  readonly ok: number;
  readonly warnings: number;
  readonly broken: number;
}

export interface Report {
  readonly state: 'ok' | 'warning' | 'broken';
  readonly counts: Counts;
  readonly tookMs: number;
  readonly findings: readonly Outcome[];
  readonly passed: readonly Outcome[];
}

export function reportOf(outcomes: readonly Outcome[], tookMs: number): Report {
  const of = (state: Outcome['state']): Outcome[] => outcomes.filter((outcome) => outcome.state === state);
  const [ok, warnings, broken] = [of('ok'), of('warning'), of('broken')];
  return {
    state: broken.length > 0 ? 'broken' : warnings.length > 0 ? 'warning' : 'ok',
    counts: { ok: ok.length, warnings: warnings.length, broken: broken.length },
    tookMs: Math.round(tookMs),
    findings: [...broken, ...warnings],
    passed: ok,
  };
}

/** `all`: also line by line what is in order. */
export function describeReport(report: Report, outcomes: readonly Outcome[], all: boolean): string {
  const names = [...new Set(outcomes.map(({ component }) => component))];
  const rows = names.flatMap((name) =>
    rowsOf(
      name,
      outcomes.filter(({ component }) => component === name),
      all,
    ),
  );
  return [
    table(['', 'component', 'checked', 'found'], rows),
    ...report.findings.map(detailsOf),
    '',
    summaryOf(report),
  ].join('\n');
}

function rowsOf(name: string, outcomes: readonly Outcome[], all: boolean): Cell[][] {
  const inOrder = outcomes.filter(({ state }) => state === 'ok').length;
  const shown = outcomes.filter(({ state }) => all || state !== 'ok');
  const rows = shown.map((outcome) => [markOf(outcome.state), name, outcome.checked, headOf(outcome)]);
  if (all || inOrder === 0) return rows;
  const checks = inOrder === 1 ? '1 check' : `${inOrder} checks`;
  // Of what does not run, its files and its surroundings may be in order: it is not.
  if (outcomes.some(isDown)) return [...rows, ['', name, checks, 'in order, but it does not run']];
  return [[markOf('ok'), name, checks, 'in order'], ...rows];
}

const isDown = (outcome: Outcome): boolean =>
  outcome.state !== 'ok' && (outcome.code === 'COMPONENT_DOWN' || outcome.code === 'COMPONENT_SILENT');

const headOf = (outcome: Outcome): string => (outcome.state === 'ok' ? outcome.found : outcome.code);

function markOf(state: Outcome['state']): string {
  switch (state) {
    case 'ok':
      return colors.green('✔');
    case 'warning':
      return colors.yellow('!');
    case 'broken':
      return colors.red('✖');
  }
}

function detailsOf(outcome: Outcome): string {
  if (outcome.state === 'ok') return '';
  const { component, checked, code, found, mend, state, why } = outcome;
  return [
    '',
    `${markOf(state)} ${colors.bold(code)} ${component}, ${checked}`,
    `    found  ${found}`,
    `    why    ${why}`,
    `    mend   ${colors.cyan(mend.replaceAll(/\bokcm /g, `${typed()} `))}`,
  ].join('\n');
}

function summaryOf({ counts: { ok, warnings, broken }, tookMs }: Report): string {
  return `${ok} in order, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}, ${broken} broken (${(tookMs / 1000).toFixed(1)} s)`;
}
