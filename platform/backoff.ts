// Waiting: exponential backoff with full jitter, sleep that can be cancelled, and deadlines.
import { setTimeout as delay } from 'node:timers/promises';
import { OkcmError } from './errors.ts';

export interface BackoffOptions {
  /** The upper bound of the first wait. */
  readonly baseMs: number;
  /** The upper bound of every wait. */
  readonly capMs: number;
}

/**
 * How long to wait before retry number `attempt` (0 for the first retry): evenly spread between 0 and
 * min(capMs, baseMs * 2^attempt), so that many clients that failed together do not come back together.
 */
export function backoffMs(
  attempt: number,
  options: BackoffOptions,
  random: () => number = Math.random,
): number {
  const exponent = Math.min(Math.max(0, attempt), 52); // 2^52 is still exact; the cap is far below
  const ceilingMs = Math.min(options.capMs, options.baseMs * 2 ** exponent);
  return Math.floor(random() * ceilingMs);
}

/** Waits `ms` milliseconds; rejects with the signal's reason as soon as it is aborted. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
}

/** Waits for `work`, and no longer than `ms` milliseconds; then nothing is left that would keep the process alive. */
export async function waitAtMost(ms: number, work: Promise<unknown>): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, ms);
  try {
    await Promise.race([work, over.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A signal that aborts after `ms` milliseconds or with its parent, whichever is first. */
export function deadline(ms: number, parent?: AbortSignal): AbortSignal {
  const own = AbortSignal.timeout(ms);
  return parent === undefined ? own : AbortSignal.any([own, parent]);
}

/**
 * Runs `fn` and rejects with DEADLINE_EXCEEDED after `ms` milliseconds, even if `fn` does not watch its signal.
 * `what` names the work in the error.
 */
export async function withDeadline<T>(
  ms: number,
  what: string,
  fn: (signal: AbortSignal) => Promise<T>,
  parent?: AbortSignal,
): Promise<T> {
  const controller = new AbortController();
  const late = new OkcmError('DEADLINE_EXCEEDED', `${what} took longer than ${ms} ms`);
  const timer = setTimeout(() => controller.abort(late), ms);
  const signal = parent === undefined ? controller.signal : AbortSignal.any([controller.signal, parent]);
  try {
    signal.throwIfAborted();
    return await new Promise<T>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      fn(signal).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
  }
}
