/** When a call is tried again, how often, and after what pause. */
import { Operation, OperationV2 } from '../kmip/index.ts';
import type { OpenKcmError } from './errors.ts';
import type { Subject } from './lanes/lane-of.ts';
import { MAX_RETRIES_SAVED, RETRY_EARNED } from './limits.ts';

/**
 * Operations that may be carried out twice: they change nothing, or the second time nothing more, and the answer is as
 * good. Not here: what makes an object, moves a state (the second answer would be a refusal) or is asked in parts.
 */
const idempotent: ReadonlySet<number> = new Set([
  Operation.Locate,
  Operation.Check,
  Operation.Get,
  Operation.Export,
  Operation.GetAttributes,
  Operation.GetAttributeList,
  Operation.ModifyAttribute,
  OperationV2.SetAttribute,
  Operation.ObtainLease,
  Operation.Validate,
  Operation.Query,
  Operation.DiscoverVersions,
  Operation.Encrypt,
  Operation.Decrypt,
  Operation.Sign,
  Operation.SignatureVerify,
  Operation.MAC,
  Operation.MACVerify,
  Operation.Hash,
  Operation.RNGRetrieve,
]);

export function isIdempotent({ operation, isPart }: Subject): boolean {
  return idempotent.has(operation) && !isPart;
}

export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/** Evenly between 0 and a ceiling that doubles: "full jitter". `attempt` is 0 for the first retry. */
export function backoffMs(
  attempt: number,
  { baseMs, capMs }: Backoff,
  random: () => number = Math.random,
): number {
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
}

/** Retries are earned by calls and spent by failures, so that a storm of failures makes no storm of retries. */
export class RetryBudget {
  #saved = MAX_RETRIES_SAVED;

  /** A call begins. */
  earn(): void {
    this.#saved = Math.min(MAX_RETRIES_SAVED, this.#saved + RETRY_EARNED);
  }

  /** Whether one more retry may be made; it is spent then. */
  spend(): boolean {
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }

  get left(): number {
    return Math.floor(this.#saved);
  }
}

/** Whether this failure is worth another attempt by itself, while there is time. What fills our own queues is not. */
export function isWorthRetrying(error: OpenKcmError): boolean {
  return error.retry === 'safe' && error.code !== 'OVERLOADED' && error.code !== 'ABORTED';
}
