// One trace from a REST call to the region and back, in the caller's own, and one correlation id along it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { testWorld } from '../../testkit/governance.ts';
import { type CollectedSpan, type OtlpCollector, startOtlpCollector } from '../../testkit/otlp-collector.ts';
import { until, type World } from '../test-world.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';
const CORRELATION = 'one-id-for-all';
let collector: OtlpCollector;
let world: World;

before(async () => {
  collector = await startOtlpCollector();
  const { url } = collector;
  // The regions of these tests run in the same process, and so record into the same place.
  world = await testWorld({
    regions: ['north', 'south'],
    configure: (config) => ({ ...config, tracing: { url } }),
  });
});
after(async () => {
  await world?.close();
  await collector?.close();
});

const ofTrace = (trace: string) => collector.spans.filter(({ traceId }) => traceId === trace);
const childrenOf = ({ spanId }: CollectedSpan, name: string) =>
  collector.spans.filter((span) => span.parentSpanId === spanId && span.name === name);
function onlyChild(parent: CollectedSpan, name: string): CollectedSpan {
  const [child, ...others] = childrenOf(parent, name);
  assert.ok(child, `${parent.name} has no ${name}`);
  assert.deepEqual(others, []);
  return child;
}

test('REST call → job → task in each region → status → settled', async () => {
  const headers = { traceparent: `00-${TRACE}-${CALLER}-01`, 'x-correlation-id': CORRELATION };
  const answer = await world.call('POST', '/v1/tenants', { id: 'traced' }, headers);
  assert.equal(answer.status, 202);
  await until('the tenant is active', async () => {
    return (await world.must(200, 'GET', '/v1/tenants/traced')).state === 'active';
  });
  const settled = (span: CollectedSpan) => span.events.some(({ name }) => name === 'job settled');
  // A region may be heard of before its own span has ended.
  await until('the trace is whole', async () => {
    const executed = ofTrace(TRACE).filter(({ name }) => name === 'execute TENANT_PROVISION');
    const regions = new Set(executed.map(({ attributes }) => attributes['okcm.region']));
    return regions.size === 2 && ofTrace(TRACE).some(settled);
  });
  const spans = ofTrace(TRACE);
  const request = spans.find(({ name }) => name === 'POST /v1/tenants');
  assert.ok(request);
  assert.equal(request.parentSpanId, CALLER);
  assert.equal(request.attributes['http.response.status_code'], '202');
  const job = onlyChild(request, 'job TENANT_PROVISION');
  const sent = childrenOf(job, 'send TENANT_PROVISION');
  // A slow answer makes a task be sent again: then there are more of each, and two that have done it.
  const regionsOf = (found: readonly CollectedSpan[]) =>
    [...new Set(found.map(({ attributes }) => attributes['okcm.region']))].toSorted();
  assert.deepEqual(regionsOf(sent), ['north', 'south']);
  const executions = sent.flatMap((each) => childrenOf(each, 'execute TENANT_PROVISION'));
  assert.deepEqual(regionsOf(executions), ['north', 'south']);
  for (const { attributes } of executions) assert.equal(attributes['okcm.phase'], 'done');
  const statuses = childrenOf(job, 'status TENANT_PROVISION');
  const ended = statuses.filter(({ attributes }) => attributes['okcm.step'] === 'done');
  assert.deepEqual(regionsOf(ended), ['north', 'south']);
  assert.equal(statuses.filter(settled).length, 1, 'the last of them has settled the job');
  for (const { name, attributes } of spans)
    assert.equal(attributes['okcm.correlation_id'], CORRELATION, name);
});

test('without a trace of the caller one begins here; whoever is not let in writes into none', async () => {
  await world.must(202, 'POST', '/v1/tenants', { id: 'untraced' });
  const found = await until('the trace is there', async () => {
    const roots = collector.spans.filter(
      ({ name, parentSpanId, traceId }) =>
        name === 'POST /v1/tenants' && parentSpanId === undefined && traceId !== TRACE,
    );
    return roots.find((root) => childrenOf(root, 'job TENANT_PROVISION').length === 1);
  });
  assert.notEqual(found.traceId, TRACE);
  const stranger = '11111111111111111111111111111111';
  const headers = { authorization: 'Bearer none', traceparent: `00-${stranger}-${CALLER}-01` };
  assert.equal((await world.call('GET', '/v1/tenants', undefined, headers)).status, 401);
  await world.must(200, 'GET', '/v1/tenants');
  await until('what came after it is there', async () =>
    collector.spans.some(({ name }) => name === 'GET /v1/tenants'),
  );
  assert.deepEqual(ofTrace(stranger), []);
});
