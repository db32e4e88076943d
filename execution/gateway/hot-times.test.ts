import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRegistry } from '../../platform/metrics.ts';
import { Operation } from '../kmip/index.ts';
import { REGION } from './fixture.test.ts';
import { HotTimes } from './hot-times.ts';
import { createMetrics } from './metrics.ts';

test('the times of the hot path are a histogram of every operation, in seconds', async () => {
  const registry = createRegistry({ processMetrics: false });
  const times = new HotTimes(registry);
  times.answered(Operation.Encrypt);
  times.answered(Operation.Encrypt);
  times.answered(Operation.Get);
  times.readTook(0.3);
  times.readTook(99);
  times.took(Operation.Create, 11);
  const text = await registry.metrics();
  const value = (series: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`okcm_gateway_hot_seconds_${series} `))
        ?.split(' ')[1],
    );
  for (const [le, expected] of [
    ['0.0001', 0],
    ['0.00025', 0],
    ['0.0005', 2],
    ['0.001', 2],
    ['0.0025', 2],
    ['0.005', 2],
    ['0.01', 2],
    ['+Inf', 2],
  ] as const) {
    assert.equal(value(`bucket{operation="Encrypt",le="${le}"}`), expected, le);
  }
  assert.equal(value('count{operation="Encrypt"}'), 2);
  assert.ok(Math.abs(value('sum{operation="Encrypt"}') - 0.0006) < 1e-9);
  assert.equal(value('bucket{operation="Create",le="0.01"}'), 0);
  assert.equal(value('bucket{operation="Create",le="+Inf"}'), 1);
  assert.equal(value('count{operation="Decrypt"}'), 0, 'there from the start');
});

test('requests of the hot path are counted among the operations, once', async () => {
  const { registry, hot, countLocal } = createMetrics(REGION, () => {
    throw new Error('nobody asks for levels');
  });
  hot.answered(Operation.Get);
  hot.readTook(0.1);
  countLocal(Operation.Get);
  countLocal(0x8000_0001);
  for (let round = 0; round < 2; round++) {
    const counter = await registry.getSingleMetric('okcm_gateway_operations_total')?.get();
    const got = counter?.values.find(({ labels }) => labels['operation'] === 'Get');
    assert.equal(got?.value, 2);
  }
});
