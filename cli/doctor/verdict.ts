/** What a check says: that something is in order, or what it has found, with figures. */
import { shellWord } from '../hints.ts';
import { type FindingCode, findingCodes, type Severity } from './codes.ts';

export type Facts = Readonly<Record<string, string | number | boolean>>;

export type Verdict =
  | { readonly state: 'ok'; readonly checked: string; readonly found: string; readonly facts: Facts }
  | {
      readonly state: Severity;
      readonly code: FindingCode;
      readonly checked: string;
      readonly found: string;
      readonly facts: Facts;
      readonly why: string;
      /** A command, or the beginning of one. */
      readonly mend: string;
    };
export type Finding = Exclude<Verdict, { readonly state: 'ok' }>;

/** A verdict about one component of the installation. */
export type Outcome = Verdict & { readonly component: string };

export function passed(checked: string, found: string, facts: Facts = {}): Verdict {
  return { state: 'ok', checked, found, facts };
}

export function finding(code: FindingCode, checked: string, found: string, facts: Facts = {}): Verdict {
  const { severity, why, mend } = findingCodes[code];
  return { state: severity, code, checked, found, facts, why, mend: fill(mend, facts) };
}

/**
 * Whatever is not known is left to the reader, in capitals. Each fact is one word of the command, whoever chose it: a file of a
 * keystore has the name that a tenant gave it.
 */
function fill(template: string, facts: Facts): string {
  const fact = (name: string): string => String(facts[name] ?? name.toUpperCase());
  const [, whole] = /^\{(\w+)\}$/.exec(template) ?? [];
  // A command that a check of ours has put together.
  if (whole !== undefined) return fact(whole);
  return template.replaceAll(/\{(\w+)\}/g, (_all, name: string) => shellWord(fact(name)));
}
