/**
 * OpenTelemetry, where the program has `@opentelemetry/api`: a span of kind CLIENT for each call. Without it, or without a
 * provider, this costs next to nothing.
 *
 * KMIP has no header for a trace. The nearest is the Client Correlation Value of KMIP 1.4 (§6.18 there): it carries the
 * W3C `traceparent` of the span.
 */
import { createRequire } from 'node:module';
import type * as OpenTelemetry from '@opentelemetry/api';
import { OpenKcmError } from '../errors.ts';

export type TracingApi = Pick<typeof OpenTelemetry, 'trace' | 'context' | 'SpanKind' | 'SpanStatusCode'>;

const SCOPE = '@openkcm/sdk';

/** The API that the program itself would load; undefined where there is none. */
export function findTracingApi(): TracingApi | undefined {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as TracingApi;
  } catch {
    return undefined;
  }
}

export interface CallSpan {
  /** For the Client Correlation Value; undefined when nobody records this trace. */
  readonly traceparent: string | undefined;
  set(name: string, value: string | number): void;
  event(name: string, attributes: Readonly<Record<string, string | number>>): void;
  succeeded(): void;
  failed(error: unknown): void;
}

const nobody: CallSpan = {
  traceparent: undefined,
  set: () => undefined,
  event: () => undefined,
  succeeded: () => undefined,
  failed: () => undefined,
};

export class Tracing {
  readonly #api: TracingApi | undefined;

  constructor(api: TracingApi | undefined) {
    this.#api = api;
  }

  start(operation: string): CallSpan {
    const api = this.#api;
    if (api === undefined) return nobody;
    const span = api.trace
      .getTracer(SCOPE)
      .startSpan(
        `KMIP ${operation}`,
        { kind: api.SpanKind.CLIENT, attributes: { 'rpc.system': 'kmip', 'rpc.method': operation } },
        api.context.active(),
      );
    if (!span.isRecording()) {
      span.end();
      return nobody;
    }
    const { traceId, spanId, traceFlags } = span.spanContext();
    const flags = traceFlags.toString(16).padStart(2, '0');
    return {
      traceparent: `00-${traceId}-${spanId}-${flags}`,
      set: (name, value) => void span.setAttribute(name, value),
      event: (name, attributes) => void span.addEvent(name, attributes),
      succeeded: () => span.end(),
      failed: (error) => {
        if (error instanceof OpenKcmError) {
          span.setAttribute('error.type', error.reason ?? error.code);
          span.setAttribute('openkcm.outcome', error.outcome);
        }
        const message = error instanceof Error ? error.message : 'unknown error';
        span.setStatus({ code: api.SpanStatusCode.ERROR, message });
        span.end();
      },
    };
  }
}
