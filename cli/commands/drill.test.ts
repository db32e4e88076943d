/** What people read of a drill: the two figures that it is for, and who did not confirm. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DrillView } from '../cmk/views.ts';
import { describeDrill } from './drill.ts';

const region = (
  name: string,
  change: Partial<DrillView['regions'][number]> = {},
): DrillView['regions'][number] => ({
  region: name,
  state: 'restored',
  refusedWithinMs: 140,
  refusedBy: null,
  backWithinMs: 90,
  cutError: null,
  restoreError: null,
  cut: { gatewaysTold: 2, untold: [] },
  ...change,
});
const drill = (change: Partial<DrillView> = {}): DrillView => ({
  id: 'd1',
  tenant: 'acme',
  service: 'dr-test',
  state: 'ended',
  startedAt: '2026-03-01T10:00:00.000Z',
  restoreAt: '2026-03-01T10:05:00.000Z',
  timeToLastRefusalMs: 140,
  timeBackMs: 90,
  regions: [region('north')],
  ...change,
});

test('a drill that is over says how long until the last refusal, and until it was back', () => {
  const text = describeDrill(drill());
  assert.match(text, /^drill d1 of acme\/dr-test: ended\n/);
  assert.match(text, /time to last refusal 140 ms, time back 90 ms/);
  assert.match(text, /north +restored +140 ms +2/);
});

test('a gateway that did not confirm is named, with the time at which it had stopped at the latest', () => {
  const by = '2026-03-01T10:20:00.000Z';
  const regions = [
    region('north', { refusedWithinMs: null, refusedBy: by, cut: { gatewaysTold: 1, untold: ['gw-2'] } }),
  ];
  const text = describeDrill(drill({ service: null, state: 'running', timeToLastRefusalMs: null, regions }));
  assert.match(text, /^drill d1 of acme: running until 2026-03-01T10:05:00\.000Z\n/);
  assert.match(text, /time to last refusal –/);
  assert.match(text, new RegExp(`by ${by.replaceAll('.', '\\.')} +1 +gw-2`));
});
