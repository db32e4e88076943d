// The one error class of the project: a stable code for programs, a message for people, and a hint that says what to do.

const MAX_CAUSE_DEPTH = 5;

export interface OkcmErrorOptions {
  /** What the reader can do about it, as one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An error with a literal, documented `code`. Messages and hints never hold secrets: they reach logs and clients. */
export class OkcmError extends Error {
  override readonly name: string = 'OkcmError';
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: OkcmErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
  }
}

/** The `code` of anything that was thrown (ours, Node's, PostgreSQL's SQLSTATE), or undefined where it has none. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** One line for people: the message and its causes, innermost last. Never throws, whatever was thrown at us. */
export function errorMessage(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < MAX_CAUSE_DEPTH && current !== undefined && current !== null; depth++) {
    const part = oneMessage(current);
    if (part !== '' && !parts.some((earlier) => earlier.includes(part))) parts.push(part);
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.length > 0 ? parts.join(': ') : 'unknown error';
}

function oneMessage(error: unknown): string {
  // An AggregateError (a connection tried on several addresses) has an empty message of its own.
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.slice(0, MAX_CAUSE_DEPTH).map(oneMessage).join('; ');
  }
  if (error instanceof Error) return error.message !== '' ? error.message : (errorCode(error) ?? error.name);
  if (typeof error === 'string') return error;
  try {
    return JSON.stringify(error) ?? String(error);
  } catch {
    return 'unprintable error';
  }
}
