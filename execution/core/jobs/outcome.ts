/** How a handler's work becomes Orbital's answer, with the error codes that the contracts share. */

import { Value } from 'typebox/value';
import {
  InvalidNameError,
  type JobKind,
  type JobPayload,
  type JobResult,
  jobs,
  type TaskErrorCode,
  taskErrors,
} from '../../../contracts/index.ts';
import type { HandlerOutcome, JsonValue, TaskContext } from '../../../orbital/index.ts';
import { KeychainError, type KeychainErrorCode } from '../../keychain/index.ts';
import { KmipError } from '../../kmip/index.ts';
import type { RegionTables } from '../store/tables.ts';

/** Every refusal of the keychain, as governance hears it. */
const codes: Readonly<Record<KeychainErrorCode, TaskErrorCode>> = {
  SEALED: 'SEALED',
  NOT_INITIALISED: 'SEALED',
  WRONG_REGION: 'SEALED',
  SEAL_REJECTED: 'SEALED',
  SEAL_UNAVAILABLE: 'SEALED',
  SHARES_NEEDED: 'SEALED',
  TENANT_UNKNOWN: 'TENANT_UNKNOWN',
  SERVICE_UNKNOWN: 'SERVICE_UNKNOWN',
  LINK_CLOSED: 'LINK_CLOSED',
  LINK_EXPIRED: 'LINK_EXPIRED',
  EPOCH_CLOSED: 'EPOCH_CLOSED',
  EPOCH_UNKNOWN: 'EPOCH_UNKNOWN',
  SECRET_REJECTED: 'SECRET_REJECTED',
  INVALID_PAYLOAD: 'INVALID_PAYLOAD',
  RECORD_REJECTED: 'UNAVAILABLE',
  KEY_VERSION_UNKNOWN: 'KEY_VERSION_UNKNOWN',
  KEY_STATE: 'KEY_STATE',
  DEPENDENTS_CHANGED: 'DEPENDENTS_CHANGED',
  CUT_OVER: 'CUT_OVER',
  CONFLICT: 'UNAVAILABLE',
  STORE_UNAVAILABLE: 'UNAVAILABLE',
  LIMIT_REACHED: 'LIMIT_REACHED',
  BUSY: 'UNAVAILABLE',
};

export function failed(code: TaskErrorCode, detail?: string): HandlerOutcome {
  const { meaning, retryable } = taskErrors[code];
  return { failed: { code, message: detail === undefined ? meaning : `${meaning} (${detail})`, retryable } };
}

/** What a handler throws to be answered with that code. */
export class TaskRefusal extends Error {
  override readonly name = 'TaskRefusal';
  readonly code: TaskErrorCode;
  constructor(code: TaskErrorCode, detail: string) {
    super(detail);
    this.code = code;
  }
}

export type RegionTaskContext = TaskContext<RegionTables>;
type Work<K extends JobKind> = (payload: JobPayload<K>, context: RegionTaskContext) => Promise<JobResult<K>>;

/**
 * These carry a proof of the L1 that has its own expiry: late, they are late for ever. What else needs a living link waits
 * for it, for a renewal may be on its way: an emergency rotation above all.
 */
const PROOFS: ReadonlySet<JobKind> = new Set(['LINK', 'ROTATE_LINK', 'RENEW']);

/** A rotation of the link never brings a closed one back, so it does not wait for one either (D1). */
function answer(kind: JobKind, outcome: HandlerOutcome): HandlerOutcome {
  return kind === 'ROTATE_LINK' && 'failed' in outcome && outcome.failed.code === 'LINK_CLOSED'
    ? { failed: { ...outcome.failed, retryable: false } }
    : outcome;
}

/**
 * A task handler: checks the payload against its schema, and turns refusals into codes. What it does not know it
 * throws on, and Orbital answers UNAVAILABLE and repeats the task.
 */
export function handlerFor<K extends JobKind>(kind: K, work: Work<K>) {
  const codeOf = (error: KeychainError): TaskErrorCode =>
    error.code === 'LINK_EXPIRED' && !PROOFS.has(kind) ? 'LINK_CLOSED' : codes[error.code];
  const { payload: schema } = jobs[kind];
  return async (payload: JsonValue, context: RegionTaskContext): Promise<HandlerOutcome> => {
    if (!Value.Check(schema, payload)) return failed('INVALID_PAYLOAD');
    try {
      // The check above is what makes this true; the type of a schema looked up by a generic kind is too wide for it.
      const result = await work(payload as unknown as JobPayload<K>, context);
      return { done: result as unknown as JsonValue };
    } catch (error) {
      if (error instanceof TaskRefusal) return failed(error.code, error.message);
      if (error instanceof KeychainError) return answer(kind, failed(codeOf(error), error.message));
      if (error instanceof InvalidNameError || error instanceof KmipError)
        return failed('INVALID_PAYLOAD', error.message);
      throw error;
    }
  };
}
