// The alerts do what they say, judged by Prometheus' own tool, and ask for metrics and labels that there are.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { requireService } from '../../testkit/services.ts';
import { checkExpression, toldSeries } from './test-told.test.ts';

const FILES = ['orbital', 'components'] as const;
const TIME_LIMIT_MS = 60_000;
const directory = import.meta.dirname;
const ROOT = join(directory, '../..');

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: { readonly severity?: string };
  readonly annotations?: { readonly summary?: string; readonly action?: string };
}

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

async function rulesOf(file: string): Promise<Rule[]> {
  const text = await readFile(join(directory, `${file}.rules.yml`), 'utf8');
  const { groups } = parse(text, { uniqueKeys: true }) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

for (const file of FILES) {
  test(`the rules of ${file} are well-formed`, async () => {
    assert.match(await promtool('check', 'rules', `${file}.rules.yml`), /SUCCESS: \d+ rules found/);
  });

  test(`each alert of ${file} fires when it should, and not before`, async () => {
    assert.match(await promtool('test', 'rules', `${file}.test.yml`), /SUCCESS/);
  });

  test(`there is a test of every alert of ${file}, and a guide that says what to do about it`, async () => {
    const tests = await readFile(join(directory, `${file}.test.yml`), 'utf8');
    const guides = await Promise.all(
      ['orbital', 'production'].map((name) => readFile(join(ROOT, `docs/guide/${name}.md`), 'utf8')),
    );
    const alerts = (await rulesOf(file)).filter(({ alert }) => alert !== undefined);
    assert.ok(alerts.length > 8);
    for (const { alert, labels, annotations } of alerts) {
      assert.match(tests, new RegExp(`alertname: ${alert}\\n\\s+exp_alerts:\\n\\s+- exp_labels`), alert);
      assert.ok(guides.join('\n').includes(`\`${alert}\``), `no guide names ${alert}`);
      assert.match(labels?.severity ?? '', /^(critical|warning)$/, alert);
      assert.ok(annotations?.summary !== undefined && annotations.action !== undefined, alert);
    }
  });
}

test('every metric, label and value that a rule names is told from the start', async () => {
  const told = await toldSeries();
  const rules = (await Promise.all(FILES.map(rulesOf))).flat();
  const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
  for (const { expr } of rules) checkExpression(expr, told, recorded);
  for (const [wrong, message] of [
    ['max(okcm_core_seal) == 1', /okcm_core_seal is not told/],
    ['sum by (zone) (okcm_core_sealed)', /label zone/],
    ['okcm_cmk_links{kind="active"}', /no label kind/],
    ['okcm_cmk_links{state="open"}', /never open/],
    ['okcm:nothing:ratio', /recorded nowhere/],
    ['up == 0', /no metric of ours/],
  ] as const)
    assert.throws(() => checkExpression(wrong, told, recorded), message);
});

// Debian's promtool is built without what finds pods, so that it cannot look at this file.
test('the example of a configuration reads these rules, and scrapes the health ports under the labels that they tell', async () => {
  const { rule_files: files, scrape_configs: jobs } = parse(
    await readFile(join(directory, 'prometheus.example.yml'), 'utf8'),
    { uniqueKeys: true },
  ) as {
    rule_files: string[];
    scrape_configs: { honor_labels: boolean; relabel_configs: { regex?: string; target_label?: string }[] }[];
  };
  assert.deepEqual(
    files,
    FILES.map((file) => `${file}.rules.yml`),
  );
  assert.ok(jobs.every(({ honor_labels: honoured }) => honoured));
  assert.deepEqual(
    jobs.map(({ relabel_configs: [{ regex } = {}] }) => regex),
    ['openkcm;health', 'okcm-health'],
  );
  for (const { relabel_configs: steps } of jobs)
    assert.deepEqual(
      steps.flatMap(({ target_label: label }) => label ?? []),
      ['namespace', 'pod', 'instance'],
    );
});
