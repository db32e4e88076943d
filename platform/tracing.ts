/**
 * Spans by OpenTelemetry, in the form of W3C Trace Context: who called what, across processes and across the broker. Without a
 * configuration nothing is recorded, and this costs next to nothing. A span names things and never holds a secret; what an
 * error said stays in the log.
 */
import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { waitAtMost } from './backoff.ts';
import { errorCode } from './errors.ts';
import type { Logger } from './log.ts';
import type { Attributes, TracingConfig } from './tracing-config.ts';
import { OtlpSpanExporter } from './tracing-export.ts';

/** Spans that wait for the collector; further ones are dropped, for work goes before its description. */
const MAX_QUEUED_SPANS = 4_096;
const MAX_SPANS_PER_REQUEST = 512;
const EXPORT_EVERY_MS = 1_000;
const EXPORT_TIMEOUT_MS = 10_000;
const STOP_MS = 2_000;
const SCOPE = 'openkcm';

let isOn = false;
/** Whether spans are recorded in this process. */
export const isTracing = (): boolean => isOn;

/** For the whole process, once. `resource`: what all its spans are of, `service.name` among them. */
export function startTracing(
  config: TracingConfig,
  resource: Attributes,
  logger: Logger,
): { stop(): Promise<void> } {
  if (isOn) {
    logger.warn('this process records spans already, and goes on as it was told first');
    return { stop: async () => undefined };
  }
  const exporter = new OtlpSpanExporter(config, resource, logger);
  const processor = new BatchSpanProcessor({
    exporter,
    maxQueueSize: MAX_QUEUED_SPANS,
    maxExportBatchSize: MAX_SPANS_PER_REQUEST,
    scheduledDelayMillis: EXPORT_EVERY_MS,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const { sampleRatio: ratio = 1 } = config;
  const root = ratio === 1 ? new AlwaysOnSampler() : new TraceIdRatioBasedSampler(ratio);
  const provider = new TracerProvider({
    sampler: new ParentBasedSampler({ root }),
    spanProcessors: [processor],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  isOn = true;
  return {
    async stop() {
      isOn = false;
      // A collector that is away does not hold up the end.
      await waitAtMost(
        STOP_MS,
        provider.shutdown().catch(() => undefined),
      );
      trace.disable();
      context.disable();
    },
  };
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
/** Characters of a `traceparent` of version 00. */
export const TRACEPARENT_LENGTH = 55;

/** Undefined for what is no valid `traceparent` (W3C Trace Context §3.2). */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const [, traceId = '', spanId = '', flags = '00'] = TRACEPARENT.exec(text ?? '') ?? [];
  const parsed = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  return text?.startsWith('ff') !== true && isSpanContextValid(parsed) ? parsed : undefined;
}

/** Of a span that is recorded; undefined of any other. */
export function traceparentOf(span: Span | undefined): string | undefined {
  if (span?.isRecording() !== true) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

export interface SpanOptions {
  readonly kind?: SpanKind;
  /** A `traceparent` that came from elsewhere; without it the span is of whatever runs here. */
  readonly parent?: string | undefined;
  readonly attributes: Attributes;
}

/** Not active yet. Whoever starts it ends it. */
export function startSpan(name: string, { kind = SpanKind.INTERNAL, parent, attributes }: SpanOptions): Span {
  const remote = parseTraceparent(parent);
  const within = remote === undefined ? context.active() : trace.setSpanContext(ROOT_CONTEXT, remote);
  return trace.getTracer(SCOPE).startSpan(name, { kind, attributes: { ...attributes } }, within);
}

/** What `work` begins belongs to the span. */
export const withinSpan = <T>(span: Span, work: () => T): T =>
  context.with(trace.setSpan(context.active(), span), work);

/** A span around `work`; one that throws is told by the code of its error alone. */
export async function inSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = startSpan(name, options);
  try {
    return await withinSpan(span, () => work(span));
  } catch (error) {
    span.setAttribute('error.type', errorCode(error) ?? 'unknown');
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

/** Something that happens at one moment and from which more follows elsewhere: its `traceparent`, if it is recorded. */
export function markSpan(name: string, options: SpanOptions): string | undefined {
  if (!isOn) return undefined;
  const span = startSpan(name, options);
  const traceparent = traceparentOf(span);
  span.end();
  return traceparent;
}

export { type Span, SpanKind } from '@opentelemetry/api';
export { type Attributes, TracingConfig } from './tracing-config.ts';
