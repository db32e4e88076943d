/**
 * Finished spans to an OTLP endpoint (OTLP 1.x over HTTP, JSON). One attempt for each batch: a trace is a help, and never worth
 * holding anything up for.
 */
import type { SpanContext } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { errorMessage } from './errors.ts';
import type { Logger } from './log.ts';
import type { Attributes, TracingConfig } from './tracing-config.ts';

const TIMEOUT_MS = 8_000;
const MAX_ATTRIBUTE_LENGTH = 1_024;
/** As the protocol numbers them, one more than OpenTelemetry's own. */
const KIND_OFFSET = 1;
const SUCCESS = 0;
const FAILED = 1;

export class OtlpSpanExporter implements SpanExporter {
  readonly #config: TracingConfig;
  readonly #resource: Attributes;
  readonly #logger: Logger;
  /** So that an endpoint that is away is told of once. */
  #isAway = false;
  readonly #sending = new Set<Promise<void>>();

  constructor(config: TracingConfig, resource: Attributes, logger: Logger) {
    this.#config = config;
    this.#resource = resource;
    this.#logger = logger;
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    const sending = this.#send(spans).then(
      () => done({ code: SUCCESS }),
      (error: unknown) => done({ code: FAILED, error: new Error(errorMessage(error)) }),
    );
    this.#sending.add(sending);
    void sending.finally(() => this.#sending.delete(sending));
  }

  async forceFlush(): Promise<void> {
    await Promise.all(this.#sending);
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
  }

  async #send(spans: readonly ReadableSpan[]): Promise<void> {
    const { url, headers } = this.#config;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: tracesRequest(this.#resource, spans),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`status ${response.status}`);
      this.#isAway = false;
    } catch (error) {
      // The message alone: what lies below it may name the headers, which hold a credential.
      if (!this.#isAway)
        this.#logger.warn({ cause: errorMessage(error), spans: spans.length }, 'spans are lost: not taken');
      this.#isAway = true;
      throw error;
    }
  }
}

/** The body of one ExportTraceServiceRequest. */
export function tracesRequest(resource: Attributes, spans: readonly ReadableSpan[]): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [{ scope: { name: 'openkcm' }, spans: spans.map(spanOf) }],
      },
    ],
  });
}

function spanOf(span: ReadableSpan): object {
  const { traceId, spanId }: SpanContext = span.spanContext();
  const parent = span.parentSpanContext?.spanId;
  return {
    traceId,
    spanId,
    ...(parent === undefined ? {} : { parentSpanId: parent }),
    name: span.name,
    kind: span.kind + KIND_OFFSET,
    startTimeUnixNano: nanosOf(span.startTime),
    endTimeUnixNano: nanosOf(span.endTime),
    attributes: attributesOf(span.attributes),
    events: span.events.map(({ name, time, attributes = {} }) => ({
      name,
      timeUnixNano: nanosOf(time),
      attributes: attributesOf(attributes),
    })),
    status: { code: span.status.code },
  };
}

function attributesOf(attributes: Readonly<Record<string, unknown>>): object[] {
  return Object.entries(attributes).flatMap(([key, value]): object[] => {
    switch (typeof value) {
      case 'string':
        return [{ key, value: { stringValue: value.slice(0, MAX_ATTRIBUTE_LENGTH) } }];
      case 'boolean':
        return [{ key, value: { boolValue: value } }];
      case 'number':
        return [
          { key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } },
        ];
      default:
        return [];
    }
  });
}

/** 64-bit integers are decimal text in the protocol's JSON. */
const nanosOf = ([seconds, nanos]: readonly [number, number]): string =>
  (BigInt(seconds) * 1_000_000_000n + BigInt(nanos)).toString();
