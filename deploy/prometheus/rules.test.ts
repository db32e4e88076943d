// The alerts do what they say, judged by Prometheus' own tool, and ask for metrics and labels that there are.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createCmkMetrics } from '../../governance/metrics.ts';
import { managerMetrics, operatorMetrics } from '../../orbital/observe.ts';
import { createRegistry } from '../../platform/metrics.ts';
import { requireService } from '../../testkit/services.ts';

const RULES = 'orbital.rules.yml';
const TIME_LIMIT_MS = 30_000;
const directory = import.meta.dirname;

async function promtool(...args: string[]): Promise<string> {
  const run = promisify(execFile);
  const options = { cwd: directory, timeout: TIME_LIMIT_MS };
  try {
    const { stdout, stderr } = await run(requireService('promtool'), args, options);
    return stdout + stderr;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`promtool ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}

test('the rules are well-formed', async () => {
  assert.match(await promtool('check', 'rules', RULES), /SUCCESS: \d+ rules found/);
});

test('each alert fires when it should, and not before', async () => {
  assert.match(await promtool('test', 'rules', 'orbital.test.yml'), /SUCCESS/);
});

test('there is a test of every alert', async () => {
  const alerts = [...(await readFile(join(directory, RULES), 'utf8')).matchAll(/- alert: (\w+)/g)];
  const tests = await readFile(join(directory, 'orbital.test.yml'), 'utf8');
  assert.ok(alerts.length > 8);
  for (const [, name] of alerts)
    assert.match(tests, new RegExp(`alertname: ${name}\\n\\s+exp_alerts:\\n\\s+- exp_labels`), name);
});

test('every metric and label that a rule names is told from the start', async () => {
  const transport = { healthy: () => true };
  const cmk = createRegistry({ labels: { component: 'cmk' }, processMetrics: false });
  createCmkMetrics(cmk).regionReportAge('north', 0);
  const lanes = ['urgent', 'normal'] as const;
  managerMetrics(cmk, transport).levels(
    lanes.map((lane) => ({ region: 'north', lane, live: 0, stalled: 0, oldestS: 0 })),
  );
  const core = createRegistry({ labels: { component: 'core', region: 'north' }, processMetrics: false });
  operatorMetrics(core, transport);
  const told = (await cmk.metrics()) + (await core.metrics());

  const text = await readFile(join(directory, RULES), 'utf8');
  const expressions = [...text.matchAll(/expr: (.+)/g)].map(([, expression = '']) => expression);
  for (const expression of expressions) {
    const names = expression.match(/okcm_\w+/g) ?? [];
    assert.ok(names.length > 0, expression);
    for (const name of names) {
      const series = told.split('\n').filter((line) => line.startsWith(`${name}{`));
      assert.ok(series.length > 0, `${name} is not told`);
      const [, by = ''] = /by \(([^)]+)\)/.exec(expression) ?? [];
      for (const label of by.split(',').map((each) => each.trim()))
        if (label !== '')
          assert.ok(
            series.some((line) => line.includes(`${label}="`)),
            `${name} has no label ${label}`,
          );
    }
  }
});
