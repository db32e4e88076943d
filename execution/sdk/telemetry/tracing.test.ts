/** Spans through OpenTelemetry's own SDK, and where the trace goes in KMIP. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { KmipError, Operation } from '../../kmip/index.ts';
import { startWorld, type TestServer, type World } from '../fixture.test.ts';
import { type ConnectOptions, connect, settle } from '../index.ts';

const exporter = new InMemorySpanExporter();
const processor = new SimpleSpanProcessor({ exporter });
let world: World;
let server: TestServer;

before(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [processor] }));
  world = await startWorld();
  server = await world.server();
});
after(async () => {
  await world.close();
  trace.disable();
  context.disable();
});
beforeEach(() => {
  exporter.reset();
  server.headers.length = 0;
  server.whim = () => undefined;
});

async function finished(): Promise<ReadableSpan[]> {
  await processor.forceFlush();
  return exporter.getFinishedSpans();
}

/** The API is found as a program's own would be. */
const options = (more: Partial<ConnectOptions> = {}): ConnectOptions =>
  world.options([server], { tracing: {}, ...more });

describe('tracing', () => {
  it('gives each call a span in the trace of its caller', async () => {
    await using kms = await connect(options());
    const uid = await trace.getTracer('test').startActiveSpan('work', async (parent) => {
      const made = await kms.create();
      parent.end();
      return made;
    });
    await settle(kms.get(`${uid}?`));
    const [create, work, get] = await finished();
    assert.equal(create?.name, 'KMIP Create');
    assert.equal(create?.kind, SpanKind.CLIENT);
    assert.equal(create?.parentSpanContext?.spanId, work?.spanContext().spanId);
    assert.equal(create?.attributes['openkcm.lane'], 'hot');
    assert.equal(create?.attributes['server.address'], server.name);
    assert.equal(get?.status.code, SpanStatusCode.ERROR);
    assert.equal(get?.attributes['error.type'], 'ItemNotFound');
    assert.doesNotMatch(JSON.stringify(create?.attributes), new RegExp(uid));
  });

  it('the trace travels as Client Correlation Value, and in the hot lane where it is asked for', async () => {
    await using kms = await connect(options());
    await kms.create();
    await kms.locate();
    const [hot, lifecycle] = server.headers;
    assert.equal(hot?.clientCorrelationValue, undefined);
    const span = (await finished())[1]?.spanContext();
    assert.equal(lifecycle?.clientCorrelationValue, `00-${span?.traceId}-${span?.spanId}-01`);
    await kms.create({}, { correlationId: 'order 7' });
    assert.equal(server.headers[2]?.clientCorrelationValue, 'order 7');

    await using traced = await connect(options({ tracing: { hot: true } }));
    await traced.create();
    assert.match(server.headers[3]?.clientCorrelationValue ?? '', /^00-/);
    await using old = await connect(options({ version: { major: 1, minor: 3 } }));
    await old.locate({}, { correlationId: 'no field for it' });
    assert.equal(server.headers[4]?.clientCorrelationValue, undefined);
  });

  it('tells of retries', async () => {
    await using kms = await connect(options());
    let failures = 1;
    server.whim = ({ operation }) =>
      operation === Operation.Locate && failures-- > 0 ? KmipError.generalFailure('try again') : undefined;
    await kms.locate();
    const [span] = await finished();
    assert.deepEqual(
      span?.events.map(({ name }) => name),
      ['retry'],
    );
    assert.equal(span?.status.code, SpanStatusCode.UNSET);
  });
});
