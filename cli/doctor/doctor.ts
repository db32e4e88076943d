/** `okcm doctor`: gathers the checks of a home or of one component, and runs them. */
import { shellWord } from '../hints.ts';
import { DEFAULT_HOME } from '../home/paths.ts';
import { type Check, type RunOptions, runChecks } from './check.ts';
import { checksOfHome, judgeNode } from './installation.ts';
import { checksOf, listenersOf } from './plan.ts';
import { readSubject } from './subject.ts';
import type { Outcome } from './verdict.ts';

export type Patient =
  | { readonly home: string }
  /** `operator`: a file for the core's admin listener, which knows whose shares are there. */
  | { readonly config: string; readonly operator?: string | undefined };

/** Reads, asks and compares; changes nothing. */
export async function examine(patient: Patient, options: RunOptions = {}): Promise<Outcome[]> {
  if ('config' in patient) return await runChecks(await checksOfFile(patient), options);
  const outcomes = await runChecks(await checksOfHome(patient.home), options);
  return patient.home === DEFAULT_HOME ? outcomes : outcomes.map((outcome) => inHome(outcome, patient.home));
}

/** Commands say which home they are for, unless it is the one that they take by themselves. */
function inHome(outcome: Outcome, home: string): Outcome {
  if (outcome.state === 'ok' || /--home|--config/.test(outcome.mend)) return outcome;
  const option = `--home ${shellWord(home)}`;
  const mend = outcome.mend
    .replaceAll(/\bokcm [^&#]*[^&#\s]/g, (command) => `${command} ${option}`)
    .replace(/^npm start( -- )?/, (_start, more = ' -- ') => `npm start${more}${option} `)
    .trimEnd();
  return { ...outcome, mend };
}

async function checksOfFile({ config, operator }: Extract<Patient, { config: string }>): Promise<Check[]> {
  const read = await readSubject(config);
  if ('trouble' in read)
    return [{ component: config, subject: 'configuration file', run: () => [read.trouble] }];
  const { subject } = read;
  const node: Check = { component: subject.name, subject: 'Node', run: () => [judgeNode(process.version)] };
  const place = { pids: new Set<number>(), isLive: true, hasOwnBroker: false, operatorFile: operator };
  return [node, ...(await checksOf(subject, place, await listenersOf([subject])))];
}
