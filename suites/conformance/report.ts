/** What came of a run, for people and for programs. */
import { colors, table } from '../../cli/output.ts';
import type { Outcome, Verdict } from './run.ts';
import { comparisons, type VariationName, variations } from './variations.ts';

const marks: Readonly<Record<Verdict, () => string>> = {
  passed: () => colors.green('✔ passed'),
  failed: () => colors.red('✖ failed'),
  other: () => colors.dim('– another answer'),
};

export function reportText(outcomes: readonly Outcome[]): string {
  return [
    table(
      ['case', 'over', 'result', 'answers', 'ms'],
      outcomes.map(({ name, encoding, verdict, passedExchanges, exchanges, milliseconds }) => [
        name,
        encoding,
        marks[verdict](),
        passedExchanges === exchanges ? exchanges : `${passedExchanges} of ${exchanges}`,
        milliseconds,
      ]),
    ),
    ...differencesOf(outcomes),
    table(
      ['profile', 'passed', 'failed', 'another answer'],
      profilesOf(outcomes).map(({ profile, passed, failed, other }) => [profile, passed, failed, other]),
    ),
    table(
      ['variation', 'cases', 'what may vary'],
      variationsOf(outcomes).map(({ name, cases }) => [name, cases, variations[name].about]),
    ),
    ['In every case:', ...Object.values(comparisons).map((text) => `  ${text}`)].join('\n'),
    summary(outcomes),
  ].join('\n\n');
}

function summary(outcomes: readonly Outcome[]): string {
  const count = (verdict: Verdict): number => outcomes.filter((one) => one.verdict === verdict).length;
  const other = count('other');
  const rest = other === 0 ? '' : `, ${other} answered as a case that contradicts them has it`;
  return `${count('passed')} passed, ${count('failed')} failed${rest}`;
}

/** One paragraph for each case that was not answered as expected. */
function differencesOf(outcomes: readonly Outcome[]): string[] {
  const paragraphs = outcomes.flatMap(({ name, encoding, difference, verdict }) => {
    if (difference === undefined) return [];
    const where = difference.exchange === 0 ? '' : `, answer ${difference.exchange}`;
    return [
      [
        `${verdict === 'failed' ? colors.red(name) : name} over ${encoding}${where}: ${difference.path}`,
        `  expected ${difference.expected}`,
        `  got      ${difference.got}`,
      ].join('\n'),
    ];
  });
  return paragraphs.length === 0 ? [] : [paragraphs.join('\n')];
}

export interface ProfileSummary {
  readonly profile: string;
  readonly passed: number;
  readonly failed: number;
  readonly other: number;
}

export function profilesOf(outcomes: readonly Outcome[]): ProfileSummary[] {
  const profiles = [...new Set(outcomes.map(({ profile }) => profile))].sort();
  return profiles.map((profile) => {
    const own = outcomes.filter((one) => one.profile === profile);
    const count = (verdict: Verdict): number => own.filter((one) => one.verdict === verdict).length;
    return { profile, passed: count('passed'), failed: count('failed'), other: count('other') };
  });
}

/** Variations that were needed, in the order of their table. */
export function variationsOf(outcomes: readonly Outcome[]): { name: VariationName; cases: number }[] {
  const names = Object.keys(variations) as VariationName[];
  return names
    .map((name) => ({ name, cases: outcomes.filter((one) => one.variations.includes(name)).length }))
    .filter(({ cases }) => cases > 0);
}

export function reportData(outcomes: readonly Outcome[]): Record<string, unknown> {
  return {
    cases: outcomes,
    profiles: profilesOf(outcomes),
    variations: variationsOf(outcomes).map(({ name, cases }) => ({
      name,
      cases,
      about: variations[name].about,
    })),
    comparisons,
  };
}
