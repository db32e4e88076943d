/** An OTLP endpoint for tests: takes spans over HTTP in JSON, as a collector does, and keeps them. */

import type { AddressInfo } from 'node:net';
import { createServer } from '../platform/http.ts';

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly status: { readonly code: number };
  readonly events: readonly { readonly name: string }[];
  readonly attributes: Readonly<Record<string, string>>;
  /** Of the resource. */
  readonly service: string;
}
export interface OtlpCollector {
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** What came with the last request. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** Answered instead of 200. */
  status: number;
  close(): Promise<void>;
}

interface RawAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, string | number | boolean>>;
}
interface RawSpan extends Omit<CollectedSpan, 'attributes' | 'service'> {
  readonly attributes: readonly RawAttribute[];
}
interface RawRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly RawAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly RawSpan[] }[];
  }[];
}

const plain = (attributes: readonly RawAttribute[]): Record<string, string> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]));

export async function startOtlpCollector(): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  let headers: Readonly<Record<string, unknown>> = {};
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      headers = request.headers;
      response.statusCode = collector.status;
      if (collector.status === 200) {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as RawRequest;
        for (const { resource, scopeSpans } of body.resourceSpans)
          for (const span of scopeSpans.flatMap((scope) => scope.spans))
            spans.push({
              ...span,
              attributes: plain(span.attributes),
              service: plain(resource.attributes)['service.name'] ?? '',
            });
      }
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const collector: OtlpCollector = {
    url: `http://127.0.0.1:${port}/v1/traces`,
    spans,
    get headers() {
      return headers;
    },
    status: 200,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return collector;
}
