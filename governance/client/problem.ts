/** What went wrong, for programs and for the portal's page: CMK's own words (RFC 9457), or that nothing was heard of it. Runs anywhere. */
import type { Problem } from './types.gen.ts';

/** What CMK refused, in its own words. */
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

/** No answer came, also not to a repetition. Of a change nobody can say whether it was carried out. */
export class ApiUnreachable extends Error {
  override readonly name = 'ApiUnreachable';
  /** @param url Of CMK, where it is not the page's own. */
  constructor(cause: unknown, url?: string) {
    super(`CMK does not answer${url === undefined ? '' : ` at ${url}`}`, { cause });
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
