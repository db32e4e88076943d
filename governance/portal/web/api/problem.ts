/** What went wrong, as people are shown it: CMK's own words (RFC 9457), or that nothing was heard of it. */
import type { Problem } from '../../../client/types.gen.ts';

export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly status: number;
  readonly code: string;
  /** What to do next. */
  readonly hint: string | undefined;
  readonly correlationId: string | undefined;
  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail ?? problem.title ?? `CMK answered ${status}`);
    this.status = status;
    this.code = problem.code ?? `HTTP ${status}`;
    this.hint = problem.hint;
    this.correlationId = problem.correlationId;
  }
}

/** No answer came, also not to a repetition. */
export class ApiUnreachable extends Error {
  override readonly name = 'ApiUnreachable';
  constructor(cause: unknown) {
    super('CMK does not answer', { cause });
  }
}

/** Whatever is not a problem document, such as the page of a proxy, is told by its status alone. */
export function problemIn(text: string): Partial<Problem> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Partial<Problem>) : {};
  } catch {
    return {};
  }
}

export const isSignedOut = (error: unknown): boolean => error instanceof ApiProblem && error.status === 401;
