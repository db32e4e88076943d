/** From a call to its outcome: lane, gateway, attempts, deadline, metrics, span. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Call,
  type CallHeader,
  type CallResults,
  decodeCalls,
  encodeCalls,
  isVendorEnum,
  KmipClientError,
  KmipError,
  operationName,
  type Ttlv,
  type Version,
} from '../kmip/index.ts';
import { isL3Address, routeOf } from '../routing/index.ts';
import { abortedError, asSdkError, type CallFacts, OpenKcmError, refusedError } from './errors.ts';
import type { Gateway } from './gateways/gateway.ts';
import type { Attempt, Lane } from './lanes/lane.ts';
import { type LaneName, type Subject, subjectOf } from './lanes/lane-of.ts';
import { type Patience, whomToAsk } from './lanes/whom-to-ask.ts';
import { HOT_SLOW_MS, RETRY_BACKOFF } from './limits.ts';
import { backoffMs, isIdempotent, isWorthRetrying, RetryBudget } from './retries.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { CallSpan, Tracing } from './telemetry/tracing.ts';

export interface CallOptions {
  /** Gives the call up, with ABORTED. The request may be carried out all the same: see `outcome`. */
  readonly signal?: AbortSignal | undefined;
  /** From now to the outcome, retries included. Default: that of the lane. */
  readonly deadlineMs?: number | undefined;
  /** Attempts, the first one included, that may have left; what has not left is tried while there is time. 1: never tried again. */
  readonly attempts?: number | undefined;
  /**
   * The Client Correlation Value (KMIP 1.4 §6.18), which the answer repeats. With one, gateways read the request by their
   * general codec: it costs some microseconds.
   */
  readonly correlationId?: string | undefined;
  /** Further fields of the request header. */
  readonly header?: CallHeader | undefined;
}

/** The outcome of one operation of a batch. */
export type BatchResult<T> =
  | { readonly ok: true; readonly payload: T }
  | { readonly ok: false; readonly error: OpenKcmError };
export type BatchResults<Calls extends readonly Call<unknown>[]> = {
  -readonly [K in keyof Calls]: Calls[K] extends Call<infer Response> ? BatchResult<Response> : never;
};

export interface RequesterOptions {
  readonly gateways: readonly Gateway[];
  readonly lanes: Readonly<Record<LaneName, Lane>>;
  readonly version: Version;
  readonly maxAttempts: number;
  /** Whether hot requests carry the trace as well, at the cost of the gateway's hot path. */
  readonly traceHot: boolean;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
}

/** What stays the same over all attempts of a call. */
interface Job<Calls extends readonly Call<unknown>[]> {
  readonly calls: Calls;
  readonly subjects: readonly Subject[];
  readonly facts: { readonly operation: string; readonly isIdempotent: boolean };
  readonly options: CallOptions;
  readonly span: CallSpan;
  readonly startedAt: number;
}

export class Requester {
  readonly budget = new RetryBudget();
  readonly #options: RequesterOptions;
  #underWay = 0;

  constructor(options: RequesterOptions) {
    this.#options = options;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** @throws OpenKcmError */
  async one<T>(call: Call<T>, options: CallOptions = {}): Promise<T> {
    return this.#measured([call], options, async (job) => {
      const [result] = await this.#attempts(job, true);
      if (result === undefined || !result.ok) throw result?.error ?? new Error('a call without a result');
      return result.payload as T;
    });
  }

  /** Operations that fail are results; what fails as a whole is thrown. @throws OpenKcmError */
  async many<const Calls extends readonly Call<unknown>[]>(
    calls: Calls,
    options: CallOptions = {},
  ): Promise<BatchResults<Calls>> {
    return this.#measured(calls, options, (job) => this.#attempts(job, false));
  }

  async #measured<Calls extends readonly Call<unknown>[], T>(
    calls: Calls,
    options: CallOptions,
    run: (job: Job<Calls>) => Promise<T>,
  ): Promise<T> {
    const { metrics, tracing } = this.#options;
    const [first] = calls;
    const operation = calls.length === 1 && first !== undefined ? nameOf(first.operation) : 'Batch';
    const startedAt = performance.now();
    const span = tracing.start(operation);
    this.budget.earn();
    this.#underWay++;
    try {
      const result = await run(this.#job(calls, operation, options, span, startedAt));
      metrics.done(operation, performance.now() - startedAt, undefined);
      span.succeeded();
      return result;
    } catch (error) {
      const code = error instanceof OpenKcmError ? error.code : 'UNFORESEEN';
      metrics.done(operation, performance.now() - startedAt, code);
      span.failed(error);
      throw error;
    } finally {
      this.#underWay--;
    }
  }

  #job<Calls extends readonly Call<unknown>[]>(
    calls: Calls,
    operation: string,
    options: CallOptions,
    span: CallSpan,
    startedAt: number,
  ): Job<Calls> {
    try {
      // Each payload is written once, and looked at before it is sent.
      const payloads = calls.map((each) => each.encode(this.#options.version));
      const subjects = subjectsOf(calls, payloads);
      const written = calls.map((each, i) => ({
        ...each,
        encode: () => payloads[i] ?? each.encode(this.#options.version),
      }));
      const facts = { operation, isIdempotent: subjects.every(isIdempotent) };
      return { calls: written as unknown as Calls, subjects, facts, options, span, startedAt };
    } catch (error) {
      throw invalidRequest(operation, error);
    }
  }

  /** `single`: a refusal may be worth another attempt. */
  async #attempts<Calls extends readonly Call<unknown>[]>(
    job: Job<Calls>,
    single: boolean,
  ): Promise<BatchResults<Calls>> {
    const { gateways, lanes } = this.#options;
    const { options, startedAt, span } = job;
    const maxAttempts = Math.max(1, options.attempts ?? this.#options.maxAttempts);
    const avoid = new Set<Gateway>();
    /** Attempts that a gateway may have seen: what has not left was no work for any, and is bounded by the deadline alone. */
    let seen = 0;
    let laneMs = 0;
    for (let attempts = 1; ; attempts++) {
      const { lane: name, asked, patience } = whomToAsk(job.subjects, gateways, avoid);
      const lane = lanes[name];
      // Whoever has been sent to a slower lane keeps the time that it gives.
      laneMs = Math.max(laneMs, lane.limits.deadlineMs);
      const deadlineAt = startedAt + (options.deadlineMs ?? laneMs);
      const attempt: Attempt = {
        request: this.#encode(job, lane.name),
        deadlineAt,
        signal: options.signal,
        mayGoTo: (gateway) => asked.length === 0 || asked.includes(gateway),
        attemptMs:
          job.facts.isIdempotent && maxAttempts > seen + 1 ? this.#attemptMs(patience, lane) : undefined,
        avoid,
      };
      const outcome = await this.#attempt(job, lane, attempt, attempts);
      const error = outcome instanceof OpenKcmError ? outcome : single ? failureOf(outcome) : undefined;
      if (error === undefined) return outcome as BatchResults<Calls>;
      if (attempt.gateway !== undefined) avoid.add(attempt.gateway);
      const pauseMs = backoffMs(attempts - 1, RETRY_BACKOFF);
      if (attempt.sent !== false) seen++;
      const isLast = maxAttempts === 1 || seen >= maxAttempts || performance.now() + pauseMs >= deadlineAt;
      if (isLast || !isWorthRetrying(error) || !(await lane.isWellAgain())) throw error;
      if (error.outcome !== 'not-done' && !this.budget.spend()) throw error;
      this.#options.metrics.retried();
      span.event('retry', { 'error.type': error.reason ?? error.code, 'openkcm.attempt': attempts });
      const wasSent = error.outcome === 'unknown';
      await pause(pauseMs, options.signal, wasSent, { ...job.facts, attempts });
    }
  }

  #attemptMs(patience: Patience, lane: Lane): number | undefined {
    const { hot } = this.#options.lanes;
    switch (patience) {
      case 'lane':
        return lane.limits.attemptMs;
      case 'hot-attempt':
        return hot.limits.attemptMs ?? lane.limits.attemptMs;
      case 'hot-deadline':
        return hot.limits.deadlineMs;
    }
  }

  /** One attempt: the results, or why there are none. */
  async #attempt<Calls extends readonly Call<unknown>[]>(
    job: Job<Calls>,
    lane: Lane,
    attempt: Attempt,
    attempts: number,
  ): Promise<BatchResults<Calls> | OpenKcmError> {
    const facts = (): CallFacts => ({ ...job.facts, gateway: attempt.gateway?.name, attempts });
    try {
      const answer = await lane.send(attempt);
      // It may hold a key, or what was to be encrypted, and has been taken by now.
      attempt.request.fill(0);
      const where = attempt.gateway?.name ?? '';
      job.span.set('openkcm.lane', lane.name);
      job.span.set('server.address', where);
      const results = decodeCalls(job.calls, this.#options.version, answer, where);
      this.#learn(job.subjects, results, lane.name, attempt);
      return results.map((result) =>
        result.ok ? result : { ok: false, error: refusedError(result.error, facts()) },
      ) as BatchResults<Calls>;
    } catch (error) {
      if (error instanceof KmipClientError && error.code === 'KMIP_TIMEOUT')
        this.#wasSilent(job.subjects, attempt);
      const { signal } = job.options;
      if (signal?.aborted === true && error === signal.reason)
        return abortedError(error, attempt.sent === true, facts());
      const known = asSdkError(error, facts());
      if (known instanceof OpenKcmError) return known;
      throw known;
    }
  }

  #learn(
    subjects: readonly Subject[],
    results: CallResults<readonly Call<unknown>[]>,
    lane: LaneName,
    { gateway, placedAt = 0 }: Attempt,
  ): void {
    if (gateway === undefined || lane === 'lifecycle') return;
    const wasSlow = lane === 'hot' && performance.now() - placedAt > HOT_SLOW_MS;
    subjects.forEach(({ operation, uid, makesL4 }, i) => {
      const result = results[i];
      if (result?.ok !== true) return;
      if (makesL4) gateway.known.made((result.payload as { uniqueIdentifier: string }).uniqueIdentifier);
      if (uid === undefined || isL3Address(uid) || routeOf(operation, 'L4') !== 'local') return;
      if (wasSlow) gateway.known.wasSlow(uid);
      else gateway.known.answered(uid);
    });
  }

  #wasSilent(subjects: readonly Subject[], { gateway }: Attempt): void {
    for (const { uid } of subjects) if (uid !== undefined && !isL3Address(uid)) gateway?.known.wasSilent(uid);
  }

  #encode<Calls extends readonly Call<unknown>[]>(job: Job<Calls>, lane: LaneName): Uint8Array {
    const { version, traceHot } = this.#options;
    const { header, correlationId } = job.options;
    const trace = lane !== 'hot' || traceHot ? job.span.traceparent : undefined;
    const clientCorrelationValue = correlationId ?? header?.clientCorrelationValue ?? trace;
    // Earlier versions have no field for it.
    const carried = clientCorrelationValue === undefined || version.minor < CORRELATION_SINCE_MINOR;
    try {
      return encodeCalls(job.calls, version, carried ? header : { ...header, clientCorrelationValue });
    } catch (error) {
      throw invalidRequest(job.facts.operation, error);
    }
  }
}

const CORRELATION_SINCE_MINOR = 4;

/** What each payload says of itself; without a Unique Identifier it is about the key that an item before has made. */
function subjectsOf(calls: readonly Call<unknown>[], payloads: readonly Ttlv[]): Subject[] {
  let madeL4 = false;
  return payloads.map((payload, i) => {
    const subject = subjectOf(calls[i]?.operation ?? 0, payload, madeL4);
    madeL4 = subject.makesL4 || (madeL4 && subject.uid === undefined);
    return subject;
  });
}

function nameOf(operation: number): string {
  return isVendorEnum(operation) ? 'Vendor' : operationName(operation);
}

function failureOf(results: readonly BatchResult<unknown>[]): OpenKcmError | undefined {
  const [result] = results;
  return result?.ok === false ? result.error : undefined;
}

function invalidRequest(operation: string, error: unknown): unknown {
  if (error instanceof OpenKcmError) return error;
  const facts = { operation, isIdempotent: false, attempts: 0 };
  if (error instanceof KmipClientError || error instanceof KmipError) return asSdkError(error, facts);
  const message = error instanceof Error ? error.message : 'it cannot be written';
  return new OpenKcmError('INVALID_REQUEST', `${operation}: ${message}`, { operation, cause: error });
}

async function pause(
  ms: number,
  signal: AbortSignal | undefined,
  wasSent: boolean,
  facts: CallFacts,
): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    throw abortedError(signal?.reason, wasSent, facts);
  }
}
