// Spans reach a collector in W3C's form, belong together across what waits, and an absent collector holds nothing up.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { waitedMs } from '../testkit/clocks.ts';
import { type OtlpCollector, startOtlpCollector } from '../testkit/otlp-collector.ts';
import { createLogger } from './log.ts';
import { inSpan, isTracing, markSpan, parseTraceparent, startTracing } from './tracing.ts';

const logger = createLogger({ name: 'tracing', level: 'silent' });
const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
let collector: OtlpCollector;

before(async () => {
  collector = await startOtlpCollector();
});
after(() => collector.close());
beforeEach(() => {
  collector.status = 200;
});

const tracing = (more: object = {}) =>
  startTracing({ url: collector.url, ...more }, { 'service.name': 'okcm-test' }, logger);
const named = (name: string) => collector.spans.find((span) => span.name === name);

test('a traceparent is read as the standard says', () => {
  const read = parseTraceparent(PARENT);
  assert.equal(read?.traceId, '4bf92f3577b34da6a3ce929d0e0e4736');
  assert.equal(read?.spanId, '00f067aa0ba902b7');
  assert.equal(read?.traceFlags, 1);
  for (const bad of [
    undefined,
    '',
    'x',
    PARENT.replace('4bf9', '4BF9'),
    PARENT.replace(/^00/, 'ff'),
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
  ])
    assert.equal(parseTraceparent(bad), undefined, String(bad));
});

test('spans belong to whom they were begun by, here and elsewhere', async () => {
  const { stop } = tracing({ headers: { authorization: 'Bearer t' } });
  await inSpan('outer', { parent: PARENT, attributes: { 'okcm.region': 'north', tries: 2 } }, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    const marked = markSpan('marked', { attributes: {} });
    assert.match(marked ?? '', /^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
    await inSpan('elsewhere', { parent: marked, attributes: {} }, async () => undefined);
  });
  const failing = inSpan('failing', { attributes: {} }, async () => {
    throw Object.assign(new Error('with a secret'), { code: 'SOME_CODE' });
  });
  await assert.rejects(failing, /with a secret/);
  await stop();
  assert.equal(isTracing(), false);
  const [outer, marked, elsewhere, failed] = ['outer', 'marked', 'elsewhere', 'failing'].map(named);
  assert.equal(outer?.parentSpanId, '00f067aa0ba902b7');
  assert.equal(marked?.parentSpanId, outer?.spanId);
  assert.equal(elsewhere?.parentSpanId, marked?.spanId);
  assert.deepEqual(outer?.attributes, { 'okcm.region': 'north', tries: '2' });
  assert.equal(outer?.service, 'okcm-test');
  assert.equal(failed?.status.code, 2);
  assert.equal(failed?.attributes['error.type'], 'SOME_CODE');
  assert.ok(!JSON.stringify(collector.spans).includes('secret'));
  assert.equal(collector.headers['authorization'], 'Bearer t');
});

test('without a configuration nothing is recorded', async () => {
  assert.equal(markSpan('nothing', { attributes: {} }), undefined);
  assert.equal(await inSpan('nothing', { attributes: {} }, async () => 7), 7);
  assert.equal(named('nothing'), undefined);
});

test('of traces that begin here as many are recorded as is asked, of others as their beginners ask', async () => {
  const { stop } = tracing({ sampleRatio: 0 });
  assert.equal(markSpan('own', { attributes: {} }), undefined);
  assert.ok(markSpan('of somebody who records', { parent: PARENT, attributes: {} }));
  assert.equal(markSpan('of another', { parent: PARENT.replace(/01$/, '00'), attributes: {} }), undefined);
  await stop();
  assert.equal(named('own'), undefined);
});

test('a collector that takes nothing, or is away, holds nothing up', async () => {
  collector.status = 503;
  const first = tracing();
  for (let i = 0; i < 10_000; i++) markSpan('lost', { attributes: {} });
  await first.stop();
  const second = startTracing({ url: 'http://127.0.0.1:9/v1/traces' }, {}, logger);
  markSpan('lost', { attributes: {} });
  assert.ok((await waitedMs(() => second.stop())) < 4_000);
  assert.equal(named('lost'), undefined);
});
