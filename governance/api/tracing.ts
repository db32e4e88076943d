/**
 * A span for each request that was let in, within the caller's own trace where it names one (W3C Trace Context). Jobs that the
 * request asks for go on in it, to the regions and back. Whoever is not let in writes into no trace.
 */
import type { FastifyRequest } from 'fastify';
import { isTracing, type Span, SpanKind, startSpan, withinSpan } from '../../platform/tracing.ts';
import type { Api } from './api.ts';

export function registerTracing(app: Api): void {
  const spans = new WeakMap<FastifyRequest, Span>();
  app.addHook('preHandler', (request, _reply, done) => {
    const { config, url = 'unknown' } = request.routeOptions;
    if (!isTracing() || config.public === true) return done();
    const { traceparent } = request.headers;
    const span = startSpan(`${request.method} ${url}`, {
      kind: SpanKind.SERVER,
      ...(typeof traceparent === 'string' ? { parent: traceparent } : {}),
      attributes: {
        'http.request.method': request.method,
        'http.route': url,
        'okcm.correlation_id': request.id,
      },
    });
    spans.set(request, span);
    withinSpan(span, () => done());
  });
  app.addHook('onResponse', async (request, reply) => {
    const span = spans.get(request);
    span?.setAttribute('http.response.status_code', reply.statusCode);
    span?.end();
  });
}
