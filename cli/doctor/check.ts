/**
 * Runs checks side by side, so many at a time, each with a deadline: one that hangs or throws is a finding like any other,
 * and holds up nobody else.
 */
import { withDeadline } from '../../platform/backoff.ts';
import { errorCode, errorMessage } from '../../platform/errors.ts';
import { finding, type Outcome, type Verdict } from './verdict.ts';

export interface Check {
  readonly component: string;
  /** What is looked at, for the finding that says that it could not be. */
  readonly subject: string;
  readonly run: (signal: AbortSignal) => Promise<readonly Verdict[]> | readonly Verdict[];
}

export const CHECKS_AT_ONCE = 6;
export const CHECK_DEADLINE_MS = 4_000;
/** All of them together; what has not begun by then is told as hung. */
export const TOTAL_DEADLINE_MS = 10_000;
/** What came too late says so, in the words of whichever library waited. */
const TOO_LATE = /\btime(?:d )?[- ]?out\b|took longer|no answer within/i;

export interface RunOptions {
  readonly atOnce?: number;
  readonly deadlineMs?: number;
  readonly totalMs?: number;
}

/**
 * In the order of the checks, whichever is done first. On a busy host an answer may be late that would come: who was late is
 * asked once more, with nobody else beside, as long as there is time.
 */
export async function runChecks(
  checks: readonly Check[],
  { atOnce = CHECKS_AT_ONCE, deadlineMs = CHECK_DEADLINE_MS, totalMs = TOTAL_DEADLINE_MS }: RunOptions = {},
): Promise<Outcome[]> {
  const until = performance.now() + totalMs;
  const outcomes = new Map<Check, readonly Verdict[]>();
  const work = async (waiting: Iterable<Check>): Promise<void> => {
    for (const check of waiting) {
      const leftMs = Math.max(1, Math.min(deadlineMs, Math.round(until - performance.now())));
      outcomes.set(check, await runOne(check, leftMs));
    }
  };
  const waiting = checks.values();
  await Promise.all(Array.from({ length: atOnce }, () => work(waiting)));
  for (const [check, verdicts] of outcomes) {
    if (verdicts.some(isLate) && until - performance.now() > deadlineMs) await work([check]);
  }
  return checks.flatMap((check) =>
    (outcomes.get(check) ?? []).map((verdict) => ({ component: check.component, ...verdict })),
  );
}

const isLate = (verdict: Verdict): boolean => verdict.state === 'broken' && TOO_LATE.test(verdict.found);

async function runOne({ subject, run }: Check, deadlineMs: number): Promise<readonly Verdict[]> {
  try {
    return await withDeadline(deadlineMs, subject, async (signal) => await run(signal));
  } catch (error) {
    if (errorCode(error) === 'DEADLINE_EXCEEDED')
      return [finding('CHECK_HUNG', subject, `no answer within ${deadlineMs} ms`, { deadlineMs })];
    return [finding('CHECK_FAILED', subject, errorMessage(error))];
  }
}
