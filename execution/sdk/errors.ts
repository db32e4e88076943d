/** Every way in which a call can fail, as a value: what happened, whether it was carried out, and what to do. */
import { hintFor, KmipClientError, KmipError, ResultReason, resultReasonName } from '../kmip/index.ts';

/** Stable codes, and what to do. For REFUSED the hint is that of its KMIP reason. */
export const sdkErrors = {
  REFUSED: 'the gateway refused: read `reason` and the message',
  UNREACHABLE: 'check the addresses, the network, and that the gateways run',
  TLS_FAILED: 'check certificates, names and clocks on both sides',
  OVERLOADED: 'ask for less at once, or raise the limits of this lane',
  DEADLINE: 'allow more time, or look at the gateway: it was too slow',
  ABORTED: 'the signal of the call was aborted',
  CONNECTION_LOST:
    'the connection ended before the answer. If this is the first request on it, see in the log of the gateway whether it refused the certificate',
  BAD_ANSWER: 'the server does not follow the protocol: check that the address is that of a gateway',
  INVALID_REQUEST: 'correct the request as the message says',
  INVALID_OPTION: 'correct the option as the message says',
  CLOSED: 'the client has been closed: connect anew',
} as const;
export type SdkErrorCode = keyof typeof sdkErrors;

/** `not-done`: surely not carried out. `refused`: the gateway answered, and it failed. `unknown`: perhaps it was. */
export type Outcome = 'not-done' | 'refused' | 'unknown';

/**
 * `safe`: repeating it does no harm, and may help. `look-first`: it may have been carried out; find out, then decide.
 * `no`: the same answer would come again.
 */
export type Retry = 'safe' | 'look-first' | 'no';

/** The names of KMIP's Result Reasons; of a vendor's reason the number in hexadecimal. */
export type ReasonName = keyof typeof ResultReason | (string & {});

export interface SdkErrorFacts {
  /** As KMIP names it, e.g. `Encrypt`; absent where no operation was asked for. */
  readonly operation?: string | undefined;
  /** `host:port` of the gateway that was asked last. */
  readonly gateway?: string | undefined;
  readonly attempts?: number | undefined;
  readonly resultReason?: number | undefined;
  readonly outcome?: Outcome | undefined;
  readonly retry?: Retry | undefined;
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** What every call of this SDK rejects with. It holds no key and no data, and is fit for logs. */
export class OpenKcmError extends Error {
  readonly code: SdkErrorCode;
  readonly operation: string | undefined;
  readonly gateway: string | undefined;
  /** How often a gateway was asked. */
  readonly attempts: number;
  /** With REFUSED: KMIP's Result Reason (KMIP 1.4 §9.1.3.2.29), by number and by name. */
  readonly resultReason: number | undefined;
  readonly outcome: Outcome;
  readonly retry: Retry;
  /** What whoever meets the error can do. */
  readonly hint: string;

  constructor(code: SdkErrorCode, message: string, facts: SdkErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'OpenKcmError';
    this.code = code;
    this.operation = facts.operation;
    this.gateway = facts.gateway;
    this.attempts = facts.attempts ?? 0;
    this.resultReason = facts.resultReason;
    this.outcome = facts.outcome ?? 'not-done';
    this.retry = facts.retry ?? 'no';
    this.hint = facts.hint ?? sdkErrors[code];
  }

  /** `ItemNotFound`, `PermissionDenied`, …; undefined unless the gateway refused. */
  get reason(): ReasonName | undefined {
    return this.resultReason === undefined ? undefined : resultReasonName(this.resultReason);
  }
}

/** A call's outcome as a value, for those who would rather not catch. */
export type Settled<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: OpenKcmError };

/** Resolves with the outcome. What is no error of this SDK is thrown on. */
export async function settle<T>(promise: Promise<T>): Promise<Settled<T>> {
  try {
    return { ok: true, value: await promise };
  } catch (error) {
    if (error instanceof OpenKcmError) return { ok: false, error };
    throw error;
  }
}

/** About the call that failed. */
export interface CallFacts {
  readonly operation: string;
  /** Whether it may be carried out twice. */
  readonly isIdempotent: boolean;
  readonly gateway?: string | undefined;
  readonly attempts: number;
}

/** What the gateway answered, as an error. */
export function refusedError(error: KmipError, call: CallFacts): OpenKcmError {
  const { resultReason } = error;
  // Gateway and core use General Failure for states of theirs that pass, and for outcomes that they do not know.
  const passes = resultReason === ResultReason.GeneralFailure;
  return new OpenKcmError('REFUSED', `${call.operation}: ${error.message}`, {
    ...call,
    resultReason,
    outcome: passes && !call.isIdempotent ? 'unknown' : 'refused',
    retry: !passes ? 'no' : call.isIdempotent ? 'safe' : 'look-first',
    hint: hintFor(resultReason),
  });
}

const codes = {
  KMIP_CONNECT_FAILED: 'UNREACHABLE',
  KMIP_TLS_FAILED: 'TLS_FAILED',
  KMIP_CONNECTION_LOST: 'CONNECTION_LOST',
  KMIP_TIMEOUT: 'DEADLINE',
  KMIP_OVERLOADED: 'OVERLOADED',
  KMIP_BAD_RESPONSE: 'BAD_ANSWER',
  KMIP_VERSION: 'INVALID_REQUEST',
  KMIP_CLOSED: 'CLOSED',
} as const satisfies Record<KmipClientError['code'], SdkErrorCode>;

/** Failures that another attempt, at another gateway perhaps, may not meet. */
const passing: ReadonlySet<SdkErrorCode> = new Set([
  'UNREACHABLE',
  'TLS_FAILED',
  'CONNECTION_LOST',
  'OVERLOADED',
  'DEADLINE',
]);

/** What the transport met, as an error. */
export function transportError(error: KmipClientError, call: CallFacts): OpenKcmError {
  const code = codes[error.code];
  const hint = code === 'TLS_FAILED' || code === 'INVALID_REQUEST' ? error.hint : undefined;
  return new OpenKcmError(code, `${call.operation}: ${error.message}`, {
    ...call,
    ...outcomeOf(code, error.sent, call.isIdempotent),
    hint,
    cause: error,
  });
}

function outcomeOf(
  code: SdkErrorCode,
  sent: boolean,
  isIdempotent: boolean,
): { outcome: Outcome; retry: Retry } {
  const outcome = sent ? 'unknown' : 'not-done';
  if (!passing.has(code)) return { outcome, retry: sent && !isIdempotent ? 'look-first' : 'no' };
  return { outcome, retry: sent && !isIdempotent ? 'look-first' : 'safe' };
}

/** The call was given up, by its signal. */
export function abortedError(reason: unknown, sent: boolean, call: CallFacts): OpenKcmError {
  return new OpenKcmError('ABORTED', `${call.operation}: the signal was aborted`, {
    ...call,
    outcome: sent ? 'unknown' : 'not-done',
    retry: sent && !call.isIdempotent ? 'look-first' : 'safe',
    cause: reason,
  });
}

/** Any thrown thing as an error of this SDK; what nobody foresaw is thrown on as it is. */
export function asSdkError(error: unknown, call: CallFacts): unknown {
  if (error instanceof KmipError) return refusedError(error, call);
  if (error instanceof KmipClientError) return transportError(error, call);
  return error;
}
