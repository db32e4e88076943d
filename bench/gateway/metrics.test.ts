import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observedBetween, parseMetrics, sumOf } from './metrics.ts';

const exposition = (encrypted: number, quick: number): string => `# HELP hot_seconds how long
# TYPE hot_seconds histogram
hot_seconds_bucket{operation="Encrypt",le="0.0005",region="eu"} ${quick}
hot_seconds_bucket{operation="Encrypt",le="0.001",region="eu"} ${quick + 1}
hot_seconds_bucket{operation="Encrypt",le="+Inf",region="eu"} ${encrypted}
hot_seconds_bucket{le="0.001",operation="Get"} 3
hot_seconds_count{operation="Encrypt",region="eu"} ${encrypted}
hot_seconds_count{operation="Get"} 3
refusals_total{reason="A"} 2
refusals_total{reason="B"} 1e3
refusals_total_of_others 7
`;

test('series of a name are added up, those with a label alone where one is given', () => {
  const metrics = parseMetrics(exposition(10, 4));
  assert.equal(sumOf(metrics, 'refusals_total'), 1_002);
  assert.equal(sumOf(metrics, 'refusals_total', 'reason="A"'), 2);
  assert.equal(sumOf(metrics, 'nothing'), 0);
});

test('what a histogram has observed between two scrapes, in all its series', () => {
  const { count, within } = observedBetween(
    parseMetrics(exposition(10, 4)),
    parseMetrics(exposition(110, 99)),
    'hot_seconds',
  );
  assert.equal(count, 100);
  assert.equal(within(0.001), 95);
  assert.equal(within(0.0005), 95);
  assert.ok(Number.isNaN(within(0.002)), 'there is no such bucket');
});
