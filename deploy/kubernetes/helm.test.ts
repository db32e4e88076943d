// The chart, without Helm: its templates keep to what a small renderer knows, what they make is what Kubernetes takes, and it is the
// same as what the overlays make.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { Compile } from 'typebox/schema';
import { parse as parseYaml } from 'yaml';
import { build, documentsOf, manifestOf } from './test-build.test.ts';
import { checkContainers, checkReferences } from './test-checks.test.ts';
import { type Manifest, workloadsIn } from './test-kinds.test.ts';
import { fieldsIn, parse, render } from './test-templates.test.ts';

const CHART = join(import.meta.dirname, '../helm/openkcm');
const OVERLAYS = join(import.meta.dirname, '../kustomize/overlays');

type Values = { [name: string]: unknown };
let values: Values;
let schema: Values;
const templates = new Map<string, string>();

before(async () => {
  values = parseYaml(await readFile(join(CHART, 'values.yaml'), 'utf8'), { uniqueKeys: true }) as Values;
  schema = JSON.parse(await readFile(join(CHART, 'values.schema.json'), 'utf8')) as Values;
  for (const name of await readdir(join(CHART, 'templates')))
    templates.set(name, await readFile(join(CHART, 'templates', name), 'utf8'));
});

const isPlain = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The defaults with changes, as `-f` of Helm merges them. */
function withValues(changes: Values, base: Values = values): Values {
  const merged: Values = structuredClone(base);
  for (const [name, value] of Object.entries(changes)) {
    const present = merged[name];
    merged[name] = isPlain(value) && isPlain(present) ? withValues(value, present) : value;
  }
  return merged;
}

function rendered(changes: Values): Manifest[] {
  const filled = withValues(changes);
  return [...templates].flatMap(([name, text]) =>
    documentsOf(render(parse(text, name), filled), name)
      .filter((each) => each !== null)
      .map((each) => manifestOf(each, name)),
  );
}

/** Each path to a value that is no object; what is handed to Kubernetes whole counts as one. */
function leavesOf(value: Values, whole: (path: string) => boolean, prefix = ''): string[] {
  return Object.entries(value).flatMap(([name, inner]) => {
    const path = `${prefix}${name}`;
    return isPlain(inner) && !whole(path) ? leavesOf(inner, whole, `${path}.`) : [path];
  });
}

const governance = { cmk: { enabled: true } };
const region = { core: { enabled: true }, gateway: { enabled: true } };
const deployments = { gateway: { deployments: ['gateway-a', 'gateway-b'], set: { enabled: false } } };

test('every value is used, and every value that is used is there', () => {
  const used = new Set([...templates].flatMap(([name, text]) => fieldsIn(parse(text, name))));
  assert.deepEqual([...used].toSorted(), leavesOf(values, (path) => used.has(path)).toSorted());
});

test('the schema knows each value, and nothing else', () => {
  const check = Compile(schema as never);
  assert.ok(check.Check(values), JSON.stringify(check.Errors(values)));
  const spoiled: readonly Values[] = [
    { image: { tag: 'latest' } },
    { image: { pullPolicy: 'Always' } },
    { cmk: { replicas: 0 } },
    { cmk: { replica: 1 } },
    { core: { secrets: { config: 'Not A Name' } } },
    { gateway: { deployments: ['a', 'a'] } },
    { gateway: { set: { resources: { limits: { cpu: '1' } } } } },
  ];
  for (const changes of spoiled) assert.ok(!check.Check(withValues(changes)), JSON.stringify(changes));
});

test('what it renders fits together, whatever is switched on', () => {
  const annotated = {
    cmk: { serviceAccountAnnotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/cmk' } },
  };
  const daemonset = { gateway: { set: { enabled: false }, daemonset: { enabled: true } } };
  for (const [changes, count] of [
    [{}, 2],
    [withValues(annotated, governance), 10],
    [withValues({ cmk: { autoscaling: { enabled: false } } }, governance), 9],
    [region, 17],
    [withValues({ core: { openbao: false } }, region), 16],
    [withValues(deployments, region), 16],
    [withValues(daemonset, region), 16],
    [withValues({ networkPolicies: { enabled: false } }, region), 12],
  ] as const) {
    const manifests = rendered(changes);
    assert.equal(manifests.length, count, JSON.stringify(changes));
    checkReferences(manifests);
    checkContainers(manifests, (workload) => (workload.kind === 'StatefulSet' ? 2 : 1));
  }
});

test('it makes what the overlays make', async () => {
  for (const [overlay, changes] of [
    ['governance', governance],
    ['region-us-east-1', region],
    ['region-eu-west-1', withValues(deployments, region)],
  ] as const) {
    const theirs = (await build(join(OVERLAYS, overlay))).filter(({ kind }) => kind !== 'Namespace');
    assert.deepEqual(comparable(rendered(changes)), comparable(theirs), overlay);
  }
});

/** Without what an overlay puts on everything, in one order. */
function comparable(manifests: readonly Manifest[]): unknown[] {
  const ofOverlays = new Set(['app.kubernetes.io/part-of', 'openkcm.io/region', 'namespace']);
  const text = JSON.stringify(manifests, (name, value: unknown) => {
    if (ofOverlays.has(name)) return undefined;
    const isEmpty = isPlain(value) && Object.keys(value).every((each) => ofOverlays.has(each));
    return isEmpty && (name === 'labels' || name === 'annotations') ? undefined : value;
  });
  const all = JSON.parse(text) as Manifest[];
  // An overlay marks all objects of a gateway by its name, the chart those that are selected by it.
  for (const each of all) if (workloadsIn([each]).length === 0) delete each.metadata.labels;
  return all.toSorted((a, b) => `${a.kind} ${a.metadata.name}`.localeCompare(`${b.kind} ${b.metadata.name}`));
}

test('a template that is not balanced, or holds more than it may, is refused', () => {
  for (const [text, message] of [
    ['a: {{ .Values.a', /balanced/],
    ['{{- if .Values.a }}\na: 1\n', /an end is missing/],
    ['{{- end }}', /an end too many/],
    ['a: {{ include "x" . }}', /more than our templates/],
    ['a: {{ .Values.a | quote }}', /more than our templates/],
  ] as const)
    assert.throws(() => parse(text, 'x'), message);
  assert.throws(() => render(parse('a: {{ .Values.b }}', 'x'), { a: 1 }), /has no value/);
});
