// The dashboards are what Grafana takes, as far as a closed schema says it, and ask for nothing that no component tells.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { type Static, type TProperties, Type } from 'typebox';
import { Value } from 'typebox/value';
import { checkExpression, toldSeries } from '../prometheus/test-told.test.ts';

const object = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
const Text = Type.String({ minLength: 1 });
const Whole = Type.Integer({ minimum: 0 });
/** By name, so that a panel shows what the person chose at the top. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana's
const Source = object({ type: Type.Literal('prometheus'), uid: Type.Literal('${datasource}') });
const gridPos = object({
  h: Type.Integer({ minimum: 1, maximum: 24 }),
  w: Type.Integer({ minimum: 1, maximum: 24 }),
  x: Type.Integer({ minimum: 0, maximum: 23 }),
  y: Whole,
});
/** Units that we use, as Grafana calls them. */
const Unit = Type.Enum(['none', 's', 'bytes', 'reqps', 'ops', 'percentunit', 'bool_on_off']);
const Row = object({
  id: Whole,
  type: Type.Literal('row'),
  title: Text,
  collapsed: Type.Boolean(),
  gridPos,
  panels: Type.Array(Type.Unknown(), { maxItems: 0 }),
});
const Panel = object({
  id: Whole,
  type: Type.Enum(['timeseries', 'stat']),
  title: Text,
  description: Type.String({ minLength: 8, pattern: '\\.$' }),
  datasource: Source,
  gridPos,
  targets: Type.Array(
    object({
      refId: Type.String({ pattern: '^[A-Z]$' }),
      datasource: Source,
      expr: Text,
      legendFormat: Type.String(),
    }),
    { minItems: 1, maxItems: 8 },
  ),
  fieldConfig: object({
    defaults: object({
      unit: Unit,
      min: Type.Optional(Type.Number()),
      thresholds: object({
        mode: Type.Literal('absolute'),
        steps: Type.Array(object({ color: Text, value: Type.Union([Type.Null(), Type.Number()]) }), {
          minItems: 1,
        }),
      }),
      custom: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    }),
    overrides: Type.Array(Type.Unknown(), { maxItems: 0 }),
  }),
  options: Type.Record(Type.String(), Type.Unknown()),
});
const Variable = Type.Union([
  object({
    name: Type.Literal('datasource'),
    label: Text,
    type: Type.Literal('datasource'),
    query: Type.Literal('prometheus'),
    hide: Type.Literal(0),
    multi: Type.Literal(false),
    includeAll: Type.Literal(false),
    refresh: Whole,
  }),
  object({
    name: Type.Literal('region'),
    label: Text,
    type: Type.Literal('query'),
    datasource: Source,
    query: object({ query: Text, refId: Text }),
    definition: Text,
    hide: Type.Literal(0),
    multi: Type.Literal(true),
    includeAll: Type.Literal(true),
    allValue: Type.Literal('.*'),
    refresh: Whole,
    sort: Whole,
  }),
]);
const Dashboard = object({
  uid: Type.String({ pattern: '^okcm-[a-z]{1,35}$' }),
  title: Type.String({ pattern: '^OpenKCM / ' }),
  description: Text,
  tags: Type.Tuple([Type.Literal('openkcm')]),
  schemaVersion: Type.Literal(39),
  version: Whole,
  editable: Type.Boolean(),
  graphTooltip: Whole,
  timezone: Type.Literal('utc'),
  refresh: Text,
  time: object({ from: Text, to: Text }),
  links: Type.Array(Type.Record(Type.String(), Type.Unknown()), { maxItems: 1 }),
  templating: object({ list: Type.Array(Variable, { minItems: 1, maxItems: 2 }) }),
  panels: Type.Array(Type.Union([Row, Panel]), { minItems: 2, maxItems: 64 }),
});
type Panel = Static<typeof Panel>;

const dashboards = new Map<string, Static<typeof Dashboard>>();
before(async () => {
  for (const file of (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.json'))) {
    const value: unknown = JSON.parse(await readFile(join(import.meta.dirname, file), 'utf8'));
    if (!Value.Check(Dashboard, value))
      assert.fail(`${file}: ${JSON.stringify(Value.Errors(Dashboard, value).slice(0, 4), null, 1)}`);
    dashboards.set(file, value);
  }
});
const panelsOf = (file: string): Panel[] =>
  (dashboards.get(file)?.panels ?? []).filter((each): each is Panel => each.type !== 'row');

test('there is one for each part, under a uid of its own that stays', () => {
  const uids = [...dashboards].map(([file, { uid }]) => [file, uid]);
  assert.deepEqual(uids.toSorted(), [
    ['core.json', 'okcm-core'],
    ['gateway.json', 'okcm-gateway'],
    ['governance.json', 'okcm-governance'],
    ['overview.json', 'okcm-overview'],
  ]);
});

test('panels have numbers of their own, and none lies on another', () => {
  for (const [file, { panels }] of dashboards) {
    const ids = panels.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, file);
    for (const [index, a] of panels.entries()) {
      assert.ok(a.gridPos.x + a.gridPos.w <= 24, `${file}: ${a.title}`);
      for (const b of panels.slice(index + 1)) {
        const { x, y, w, h } = b.gridPos;
        const apart =
          a.gridPos.x + a.gridPos.w <= x ||
          x + w <= a.gridPos.x ||
          a.gridPos.y + a.gridPos.h <= y ||
          y + h <= a.gridPos.y;
        assert.ok(apart, `${file}: ${a.title} and ${b.title}`);
      }
    }
  }
});

test('every metric and label that a panel asks for, or names in its legend, is told from the start', async () => {
  const told = await toldSeries();
  for (const [file, { templating }] of dashboards) {
    const variables = new Set(templating.list.map(({ name }) => name));
    for (const { title, targets } of panelsOf(file))
      for (const { expr, legendFormat } of targets) {
        checkExpression(expr, told);
        for (const [, name = ''] of expr.matchAll(/\$(\w+)/g))
          assert.ok(variables.has(name as 'region'), `${file}, ${title}: no variable ${name}`);
        const [, by] = /by \(([^)]*)\)/.exec(expr) ?? [];
        const there = by?.split(',').map((each) => each.trim());
        for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
          assert.ok(
            there === undefined || there.includes(label),
            `${file}, ${title}: ${label} is summed away`,
          );
      }
    for (const variable of templating.list)
      if (variable.type === 'query') {
        const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(variable.definition) ?? [];
        assert.equal(variable.query.query, variable.definition);
        assert.ok(
          told.some(({ name, labels }) => name === metric && labels[label] !== undefined),
          metric,
        );
      }
  }
});

test('every metric of ours is shown somewhere', async () => {
  const expressions = [...dashboards.keys()]
    .flatMap(panelsOf)
    .flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const shown = expressions.join('\n');
  const ours = new Set(
    (await toldSeries())
      .map(({ name }) => name.replace(/_(bucket|sum|count)$/, ''))
      .filter((name) => name.startsWith('okcm_')),
  );
  // How often files were read anew is an alert and no picture.
  const elsewhere = new Set(['okcm_gateway_tls_reloads_total', 'okcm_core_tls_reloads_total']);
  assert.deepEqual(
    [...ours].filter((name) => !shown.includes(name) && !elsewhere.has(name)),
    [],
  );
});
