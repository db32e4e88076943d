/** What the components tell from their start, and what an expression in PromQL asks for. */
import assert from 'node:assert/strict';
import { createMetrics as coreMetrics } from '../../execution/core/metrics.ts';
import { createMetrics as gatewayMetrics } from '../../execution/gateway/metrics.ts';
import { createPrimaryMetrics } from '../../execution/gateway/workers/metrics.ts';
import { createAuditMetrics } from '../../governance/audit/metrics.ts';
import { createCmkMetrics } from '../../governance/metrics.ts';
import { managerMetrics, operatorMetrics } from '../../orbital/observe.ts';
import { createRegistry } from '../../platform/metrics.ts';

export type Labels = Readonly<Record<string, string>>;
export interface Series {
  readonly name: string;
  readonly labels: Labels;
}

/** Every series, once something has happened of what cannot be known before: a region, a route, an operation. */
export async function toldSeries(): Promise<readonly Series[]> {
  const transport = { healthy: () => true };
  const region = 'north';
  const cmk = createRegistry({ labels: { component: 'cmk' } });
  const governance = createCmkMetrics(cmk);
  governance.regionReportAge(region, 0);
  governance.manifestAge(region, 'identity', 0);
  governance.manifestPages(region, 5);
  governance.request('GET', '/v1/tenants', 200, 0.001);
  createAuditMetrics(cmk);
  const lanes = ['urgent', 'normal'] as const;
  managerMetrics(cmk, transport).levels(
    lanes.map((lane) => ({ region, lane, live: 0, stalled: 0, oldestS: 0 })),
  );
  const core = createRegistry({ labels: { component: 'core', region, instance: 'core-1' } });
  coreMetrics(core).setCertificateEnd(new Date());
  operatorMetrics(core, transport);
  const gateway = gatewayMetrics(region, () => ({
    openConnections: 0,
    backlog: 0,
    heldKeys: 0,
    storeUp: true,
    auditBacklog: 0,
    leases: 0,
    openKeys: 0,
    openKeyBytes: 0,
    leasedVersions: 0,
    leasedKeyBytes: 0,
    coreUp: true,
    pushesBehind: 0,
    tunnelWaiting: 0,
    notAfter: { server: new Date(), core: new Date(), revocationList: new Date() },
  }));
  gateway.requests.inc({ operation: 'Locate', route: 'core' });
  const primary = createPrimaryMetrics(region, () => ({ configured: 1, serving: 1 }));
  const registries = [cmk, core, gateway.registry, primary.registry];
  const texts = await Promise.all(registries.map((registry) => registry.metrics()));
  return texts.join('\n').split('\n').flatMap(seriesOf);
}

function seriesOf(line: string): Series[] {
  const [, name = '', labels = ''] = /^([a-z_]\w*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
  if (name === '') return [];
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', value = '']) => [
    key,
    value,
  ]);
  return [{ name, labels: Object.fromEntries(pairs) as Labels }];
}

/** What Prometheus itself puts on whatever it scrapes. */
const OF_THE_SCRAPE = new Set(['instance', 'job', 'namespace', 'pod']);
const METRIC = /\b(?:okcm|nodejs|process)_\w+/;
const SELECTOR = /((?:okcm|nodejs|process)_\w+)(\{[^}]*\})?/g;

/**
 * Throws for a metric that nobody tells, a label that it does not have, and a value that the label never has. `recorded`: names of
 * recording rules, of which any label is taken.
 */
export function checkExpression(
  expression: string,
  told: readonly Series[],
  recorded: ReadonlySet<string> = new Set(),
): void {
  const ownRecords = expression.match(/\bokcm:\w+(?::\w+)*/g) ?? [];
  for (const name of ownRecords) assert.ok(recorded.has(name), `${name} is recorded nowhere`);
  assert.ok(ownRecords.length > 0 || METRIC.test(expression), `no metric of ours in ${expression}`);
  const labelsThere = new Set<string>(OF_THE_SCRAPE);
  for (const [, name = '', matchers = ''] of expression.matchAll(SELECTOR)) {
    const series = told.filter((each) => each.name === name);
    assert.ok(series.length > 0, `${name} is not told (${expression})`);
    for (const each of series) for (const label of Object.keys(each.labels)) labelsThere.add(label);
    for (const [, label = '', sign, value = ''] of matchers.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)) {
      if (OF_THE_SCRAPE.has(label)) continue;
      const values = series.map(({ labels }) => labels[label]).filter((each) => each !== undefined);
      assert.ok(values.length > 0, `${name} has no label ${label} (${expression})`);
      // A variable of a dashboard, or what only shows when something has gone wrong.
      if (value.startsWith('$') || sign === '=~' || sign === '!~') continue;
      assert.ok(values.includes(value), `${label} of ${name} is never ${value} (${expression})`);
    }
  }
  if (ownRecords.length > 0) return;
  for (const [, list = ''] of expression.matchAll(/\b(?:by|without|on|ignoring) ?\(([^)]*)\)/g))
    for (const label of list.split(',').map((each) => each.trim()))
      assert.ok(label === '' || labelsThere.has(label), `nothing in ${expression} has a label ${label}`);
}
