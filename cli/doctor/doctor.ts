/** `okcm doctor`: gathers the checks of a home or of one component, and runs them. */
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
  const checks = 'home' in patient ? await checksOfHome(patient.home) : await checksOfFile(patient);
  return await runChecks(checks, options);
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
