/**
 * What `kubectl kustomize` makes of our files, as far as they need it: resources, components, patches (JSON 6902, and strategic ones
 * as a merge by names), nameSuffix, namespace, labels and images. A field that is none of these is an error.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { parseAllDocuments } from 'yaml';
import { isKind, kinds, Labels, list, type Manifest, Name, object, optional } from './test-kinds.test.ts';

type Json = Record<string, unknown>;

const Kustomization = object({
  apiVersion: Type.Enum(['kustomize.config.k8s.io/v1beta1', 'kustomize.config.k8s.io/v1alpha1']),
  kind: Type.Enum(['Kustomization', 'Component']),
  namespace: optional(Name),
  nameSuffix: optional(Type.String({ pattern: '^-[a-z0-9-]+$' })),
  resources: optional(list(Type.String())),
  components: optional(list(Type.String())),
  labels: optional(
    list(
      object({
        pairs: Labels,
        includeSelectors: optional(Type.Boolean()),
        includeTemplates: optional(Type.Boolean()),
      }),
    ),
  ),
  patches: optional(
    list(
      object({
        path: optional(Type.String()),
        patch: optional(Type.String()),
        target: object({
          kind: Type.String(),
          name: optional(Name),
          labelSelector: optional(Type.String({ pattern: '^[^=,]+=[^=,]+$' })),
        }),
      }),
    ),
  ),
  images: optional(list(object({ name: Type.String(), newName: Type.String(), newTag: Type.String() }))),
});
type Kustomization = Static<typeof Kustomization>;

/** Every document of a YAML text; what YAML itself warns of is an error. */
export function documentsOf(text: string, what: string): unknown[] {
  return parseAllDocuments(text, { uniqueKeys: true }).map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw new Error(`${what}: ${problem.message}`);
    return document.toJS() as unknown;
  });
}

export function checked<T>(
  value: unknown,
  check: () => boolean,
  problems: () => readonly object[],
  what: string,
): T {
  if (check()) return value as T;
  throw new Error(`${what}: ${JSON.stringify(problems().slice(0, 4), null, 1)}`);
}

/** @throws Error that names the file and what its schema says */
export function manifestOf(value: unknown, what: string): Manifest {
  const { kind, metadata } = (value ?? {}) as { kind?: unknown; metadata?: { name?: unknown } };
  if (!isKind(kind)) throw new Error(`${what}: ${JSON.stringify(kind)} is no kind that we use`);
  const schema = kinds[kind];
  return checked(
    value,
    () => Value.Check(schema, value),
    () => Value.Errors(schema, value),
    `${what}: ${kind} ${String(metadata?.name)}`,
  );
}

/** All manifests of a kustomization, checked. */
export async function build(directory: string): Promise<Manifest[]> {
  const built = await assemble(directory, []);
  return built.map((each) => manifestOf(each, directory));
}

async function assemble(directory: string, before: readonly Json[]): Promise<Json[]> {
  const file = join(directory, 'kustomization.yaml');
  const [value, ...others] = documentsOf(await readFile(file, 'utf8'), file);
  if (others.length > 0) throw new Error(`${file}: more than one document`);
  const wanted = checked<Kustomization>(
    value,
    () => Value.Check(Kustomization, value),
    () => Value.Errors(Kustomization, value),
    file,
  );
  let all: Json[] = [...before];
  for (const resource of wanted.resources ?? []) all.push(...(await resourcesIn(join(directory, resource))));
  for (const component of wanted.components ?? []) all = await assemble(join(directory, component), all);
  for (const patch of wanted.patches ?? []) await applyPatch(all, patch, directory);
  for (const { pairs, includeSelectors = false, includeTemplates = false } of wanted.labels ?? [])
    for (const each of all) label(each, pairs, { includeSelectors, includeTemplates });
  for (const each of all) rename(each, wanted);
  return all;
}

async function resourcesIn(path: string): Promise<Json[]> {
  if ((await stat(path)).isDirectory()) return assemble(path, []);
  return documentsOf(await readFile(path, 'utf8'), path).map((each) => each as Json);
}

type Metadata = Json & { name?: string; labels?: Json };
function metadataOf(each: Json): Metadata {
  const metadata = (each['metadata'] ?? {}) as Metadata;
  each['metadata'] = metadata;
  return metadata;
}

async function applyPatch(
  all: readonly Json[],
  { path, patch = '', target }: NonNullable<Kustomization['patches']>[number],
  directory: string,
): Promise<void> {
  const text = path === undefined ? patch : await readFile(join(directory, path), 'utf8');
  const [change] = documentsOf(text, `patch in ${directory}`);
  const [label, labelValue] = target.labelSelector?.split('=') ?? [];
  const targets = all.filter(
    (each) =>
      each['kind'] === target.kind &&
      (target.name === undefined || metadataOf(each).name === target.name) &&
      (label === undefined || metadataOf(each).labels?.[label] === labelValue),
  );
  if (targets.length === 0) throw new Error(`${directory}: a patch has no target: ${JSON.stringify(target)}`);
  for (const each of targets) {
    if (Array.isArray(change)) for (const step of change) applyStep(each, step as Step);
    else {
      const { apiVersion: _, kind: __, metadata: ___, ...rest } = change as Json;
      merge(each, structuredClone(rest));
    }
  }
}

type Step = { op: string; path: string; value?: unknown };

/** RFC 6902, of which we use `replace` and `remove`: of what is there. */
function applyStep(target: Json, { op, path, value }: Step): void {
  const parts = path.slice(1).split('/');
  const last = parts.pop() ?? '';
  let at: unknown = target;
  for (const part of parts) at = (at as Json)[part];
  const parent = at as Json;
  if (parent?.[last] === undefined) throw new Error(`${path} is not there`);
  if (op === 'replace') parent[last] = value;
  else if (op === 'remove') delete parent[last];
  else throw new Error(`${op} is not supported`);
}

/** Strategic merge for what our patches hold: objects by field, lists of named things by name. */
function merge(into: Json, from: Json): void {
  for (const [field, value] of Object.entries(from)) {
    const present = into[field];
    if (Array.isArray(value) && Array.isArray(present)) {
      for (const item of value as Json[]) {
        const same = (present as Json[]).find((each) => each['name'] === item['name']);
        if (same === undefined) present.push(item);
        else merge(same, item);
      }
    } else if (isObject(value) && isObject(present)) merge(present, value);
    else into[field] = value;
  }
}
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Where labels stand beside the object's own. */
function label(each: Json, pairs: Json, of: { includeSelectors: boolean; includeTemplates: boolean }): void {
  const add = (holder: Json, field: string): void => {
    holder[field] = { ...(holder[field] as Json | undefined), ...pairs };
  };
  add(metadataOf(each), 'labels');
  const spec = each['spec'] as (Json & { template?: Json; selector?: Json }) | undefined;
  if (spec?.template === undefined) return;
  if (of.includeSelectors || of.includeTemplates) {
    add(metadataOf(spec.template), 'labels');
    for (const claim of (spec['volumeClaimTemplates'] ?? []) as Json[]) add(metadataOf(claim), 'labels');
  }
  if (!of.includeSelectors) return;
  if (spec.selector !== undefined) add(spec.selector, 'matchLabels');
  const pod = spec.template['spec'] as { topologySpreadConstraints?: { labelSelector: Json }[] };
  for (const { labelSelector } of pod.topologySpreadConstraints ?? []) add(labelSelector, 'matchLabels');
}

function rename(each: Json, { namespace, nameSuffix = '', images = [] }: Kustomization): void {
  const metadata = metadataOf(each);
  metadata.name = `${metadata.name ?? ''}${nameSuffix}`;
  if (namespace !== undefined && each['kind'] !== 'Namespace') metadata['namespace'] = namespace;
  const pod = ((each['spec'] as Json | undefined)?.['template'] as Json | undefined)?.['spec'] as
    | Json
    | undefined;
  for (const field of ['initContainers', 'containers'])
    for (const container of (pod?.[field] ?? []) as { image: string }[]) {
      const image = images.find(({ name }) => name === container.image);
      if (image !== undefined) container.image = `${image.newName}:${image.newTag}`;
    }
}
