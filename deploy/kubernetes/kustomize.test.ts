// The manifests are what Kubernetes takes, fit together, say D12 as network policies, and mount configurations that the
// components accept.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { CoreConfig } from '../../execution/core/config.ts';
import { GatewayConfig } from '../../execution/gateway/config.ts';
import { CmkConfig } from '../../governance/config.ts';
import { build, documentsOf, manifestOf } from './test-build.test.ts';
import { COMPONENT, checkContainers, checkReferences, componentOf, selects } from './test-checks.test.ts';
import { containersOf, isA, type Manifest, type Of, type Workload, workloadsIn } from './test-kinds.test.ts';
import { type Endpoint, reaches } from './test-network.test.ts';

const KUSTOMIZE = join(import.meta.dirname, '../kustomize');
const ENGINES = join(import.meta.dirname, '../engines');
const CONFIGS = join(KUSTOMIZE, 'examples/config');
const installations = {
  governance: 'overlays/governance',
  'eu-west-1': 'overlays/region-eu-west-1',
  'us-east-1': 'overlays/region-us-east-1',
  node: 'examples/gateway-on-every-node',
  application: 'examples/gateway-beside-an-application',
  initialise: 'examples/initialise-region',
} as const;
type Installation = keyof typeof installations;
const built = new Map<Installation, Manifest[]>();
const all = (name: Installation): Manifest[] => built.get(name) ?? [];

before(async () => {
  for (const [name, path] of Object.entries(installations))
    built.set(name as Installation, await build(join(KUSTOMIZE, path)));
});

test('each overlay builds, and what refers to something finds it', () => {
  const counts = Object.fromEntries([...built].map(([name, manifests]) => [name, manifests.length]));
  assert.deepEqual(Object.keys(counts), Object.keys(installations));
  for (const [name, manifests] of built)
    checkReferences(manifests, name === 'initialise' ? ['okcm-core'] : []);
});

test('a field that the API does not have is refused, as is a patch without a target', async () => {
  const [value] = documentsOf(
    'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: a }\nautomount: false',
    'x',
  );
  assert.throws(() => manifestOf(value, 'x'), /x: ServiceAccount a: /);
  assert.throws(() => manifestOf({ kind: 'Ingress' }, 'x'), /"Ingress" is no kind/);
  assert.throws(() => documentsOf('a: 1\na: 2', 'x'), /unique/);
  const [pod] = workloadsIn(all('eu-west-1'));
  assert.ok(pod !== undefined);
  for (const spoiled of [
    { terminationGracePeriod: 5 },
    { containers: pod.spec.template.spec.containers.map((each) => ({ ...each, securityContext: {} })) },
  ]) {
    const template = { ...pod.spec.template, spec: { ...pod.spec.template.spec, ...spoiled } };
    assert.throws(
      () => manifestOf({ ...pod, spec: { ...pod.spec, template } }, 'x'),
      /Deployment|StatefulSet/,
    );
  }
});

test('every file below kustomize is used by an overlay or an example', async () => {
  const files = (await readdir(KUSTOMIZE, { recursive: true })).filter((path) => path.endsWith('.yaml'));
  const used = new Set<string>();
  for (const path of files.filter((each) => each.endsWith('kustomization.yaml'))) {
    used.add(path);
    const text = await readFile(join(KUSTOMIZE, path), 'utf8');
    for (const [, file = ''] of text.matchAll(/(?:- |path: )([a-z-]+\.yaml)$/gm))
      used.add(join(path, '..', file));
  }
  assert.deepEqual(
    files.filter((path) => !used.has(path)),
    [],
  );
});

test('images are pinned, and each namespace of ours holds its pods to the restricted profile', () => {
  for (const manifests of built.values()) {
    for (const { spec } of workloadsIn(manifests))
      for (const { image } of containersOf(spec.template.spec)) assert.match(image, /:\d+\.\d+\.\d+$/);
    for (const each of manifests)
      if (each.kind === 'Namespace')
        assert.equal(each.metadata.labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
  }
});

interface Mounted {
  readonly installation: Installation;
  readonly config: string;
  readonly schema: TSchema;
}
const configs: readonly Mounted[] = [
  { installation: 'governance', config: 'cmk.json', schema: CmkConfig },
  { installation: 'eu-west-1', config: 'okcm-core-0.json', schema: CoreConfig },
  { installation: 'eu-west-1', config: 'okcm-core-1.json', schema: CoreConfig },
  { installation: 'eu-west-1', config: 'gateway-a.json', schema: GatewayConfig },
  { installation: 'us-east-1', config: 'okcm-gateway-0.json', schema: GatewayConfig },
  { installation: 'application', config: 'billing-0.json', schema: GatewayConfig },
];
type Address = { readonly host: string; readonly port: number };
type AnyConfig = Readonly<
  Record<'http' | 'kmip' | 'https' | 'health' | 'admin' | 'core', Address | undefined>
> & {
  readonly workers?: number;
};
const readExample = async (name: string): Promise<AnyConfig> =>
  JSON.parse(await readFile(join(CONFIGS, name), 'utf8')) as AnyConfig;

/** The file that the container is told of, when its pod has the given name; undefined: no pod of the workload has it. */
function configOf(workload: Workload, pod: string): string | undefined {
  const { 'openkcm.io/gateway': gateway = '' } = workload.spec.template.metadata.labels;
  const names: Readonly<Record<string, string | undefined>> = {
    'metadata.name': pod.startsWith(`${workload.metadata.name}-`) ? pod : undefined,
    "metadata.labels['openkcm.io/gateway']": gateway,
  };
  for (const { args = [], env = [] } of containersOf(workload.spec.template.spec)) {
    const [, file] = /--config=.*\/(.+)$/.exec(args.find((each) => each.startsWith('--config=')) ?? '') ?? [];
    if (file === undefined) continue;
    const variable = env.find(({ name }) => file.includes(`$(${name})`));
    if (variable === undefined) return file;
    const name = 'valueFrom' in variable ? names[variable.valueFrom.fieldRef.fieldPath] : undefined;
    return name === undefined ? undefined : file.replace(`$(${variable.name})`, name);
  }
  return undefined;
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

test('every example of a configuration is one that the component accepts', async () => {
  assert.deepEqual((await readdir(CONFIGS)).toSorted(), configs.map(({ config }) => config).toSorted());
  for (const { config, schema } of configs) {
    const value: unknown = Value.Default(schema, await readExample(config));
    assert.deepEqual(Value.Errors(schema, value), [], config);
  }
});

test('what a configuration names is mounted, listened on and there', async () => {
  for (const { installation, config } of configs) {
    const manifests = all(installation);
    const pod = config.replace('.json', '');
    const found = workloadsIn(manifests).find((each) => configOf(each, pod) === config);
    assert.ok(found !== undefined, `nobody reads ${config}`);
    const { spec } = found.spec.template;
    const container = containersOf(spec).find((each) => componentOf(each) !== undefined);
    const mounts = container?.volumeMounts ?? [];
    const value = await readExample(config);
    const paths = stringsIn(value).flatMap((text) => text.match(/\/(?:etc|var)\/[^&?]+/g) ?? []);
    assert.ok(paths.length > 3, config);
    for (const path of paths) {
      const mount = mounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`) || path === mountPath);
      assert.ok(mount !== undefined, `${config}: ${path} is not mounted`);
      assert.equal(mount.readOnly === true, path.startsWith('/etc/'), `${config}: ${path}`);
    }
    const listening = [value.http, value.kmip, value.https, value.admin, value.health].filter(
      (each) => each !== undefined && each.host !== '127.0.0.1',
    );
    const ports = (container?.ports ?? []).map(({ containerPort }) => containerPort);
    assert.deepEqual(
      listening.map((each) => each?.port),
      ports,
      `${config}: ports`,
    );
    if (value.core !== undefined) {
      const [service = '', namespace] = value.core.host.split('.');
      const region = namespace === undefined ? installation : 'eu-west-1';
      const services = all(region).filter((each) => isA(each, 'Service'));
      const target = services.find(({ metadata }) => metadata.name === service);
      assert.ok(
        target?.spec.ports.some(({ port }) => port === value.core?.port),
        `${config}: the core`,
      );
    }
  }
});

test('each container is alive, ready, ended and fed as its component says of itself', async () => {
  const workers = async (name: string): Promise<number> => (await readExample(name)).workers ?? 1;
  const [set, others] = [await workers('okcm-gateway-0.json'), await workers('gateway-a.json')];
  for (const [name, manifests] of built)
    checkContainers(manifests, ({ kind }) => (kind === 'StatefulSet' && name === 'us-east-1' ? set : others));
});

/** Whom the policies are asked about: everybody whom we bring, and stand-ins for all that is around them. */
function endpoints(): Endpoint[] {
  const namespaceLabels = (manifests: readonly Manifest[]) =>
    manifests.find((each) => each.kind === 'Namespace')?.metadata.labels ?? {};
  const ours = (['governance', 'eu-west-1', 'us-east-1', 'application'] as const).flatMap((name) =>
    workloadsIn(all(name)).map((workload): Endpoint => {
      const { metadata, spec } = workload.spec.template;
      const { [COMPONENT]: component = 'application and gateway' } = metadata.labels;
      return {
        name: `${name}: ${component}`,
        namespace: workload.metadata.namespace ?? '',
        namespaceLabels: namespaceLabels(all(name)),
        labels: metadata.labels,
        ports: containersOf(spec).flatMap(({ ports = [] }) =>
          ports.map(({ containerPort }) => containerPort),
        ),
      };
    }),
  );
  const around = (
    name: string,
    namespace: string,
    labels: object,
    ports: number[],
    marks: object = {},
  ): Endpoint => ({
    name,
    namespace,
    namespaceLabels: { ...marks },
    labels: { ...labels },
    ports,
  });
  const outside = (name: string, address: string): Endpoint => ({
    name,
    address,
    namespace: '',
    namespaceLabels: {},
    labels: {},
    ports: [443, 8200],
  });
  const regions = ['eu-west-1', 'us-east-1'].flatMap((region) => [
    around(`${region}: database`, `openkcm-${region}`, { 'cnpg.io/cluster': 'okcm-core-db' }, [5432]),
    around(`${region}: Redis`, `openkcm-${region}`, { [COMPONENT]: 'gateway-store' }, [6380]),
  ]);
  return [
    ...ours,
    ...regions,
    around('governance: database', 'openkcm-governance', { 'cnpg.io/cluster': 'okcm-cmk-db' }, [5432]),
    around('application: Redis', 'billing', { [COMPONENT]: 'gateway-store' }, [6380]),
    around('broker', 'openkcm-broker', { 'openkcm.io/broker': 'true' }, [4222, 5671, 6222, 8222]),
    around('OpenBao', 'openbao', { 'app.kubernetes.io/name': 'openbao' }, [8200]),
    around('collector', 'monitoring', {}, [4318], { 'openkcm.io/monitoring': 'true' }),
    around('front', 'ingress', {}, [], { 'openkcm.io/reaches-cmk': 'true' }),
    around('operator', 'operators', {}, [], { 'openkcm.io/operators': 'true' }),
    around('another application', 'shop', {}, [8080], { 'openkcm.io/applications': 'true' }),
    around('a stranger', 'default', {}, [8080]),
    outside('a customer’s KMS', '52.94.76.10'),
    outside('a customer’s KMS by IPv6', '2600:1f18::10'),
    outside('a private network', '10.20.30.40'),
    outside('the cloud’s metadata', '169.254.169.254'),
  ];
}

/** Policies of databases, Redis and the broker; those of the second region are the first one's with its name. */
async function ofEngines(): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const [file, namespaces] of [
    ['network.yaml', ['openkcm-broker']],
    ['postgresql/cmk.yaml', ['openkcm-governance']],
    ['postgresql/core.yaml', ['openkcm-eu-west-1', 'openkcm-us-east-1']],
    ['redis/network.yaml', ['openkcm-eu-west-1', 'openkcm-us-east-1']],
  ] as const) {
    const text = await readFile(join(ENGINES, file), 'utf8');
    for (const namespace of namespaces)
      for (const document of documentsOf(text.replaceAll('openkcm-eu-west-1', namespace), file))
        if ((document as { kind: string }).kind === 'NetworkPolicy')
          manifests.push(manifestOf(document, file));
  }
  return manifests;
}

test('by the policies CMK and cores reach the broker and not each other, and CMK alone a customer’s KMS (D12)', async () => {
  const policies = [...[...built.values()].flat(), ...(await ofEngines())].filter(
    (each): each is Of<'NetworkPolicy'> => isA(each, 'NetworkPolicy'),
  );
  const everybody = endpoints();
  const found = new Set<string>();
  const ours = (name: string): boolean => /: (cmk|core|gateway|application and gateway)$/.test(name);
  for (const from of everybody)
    for (const to of everybody)
      for (const port of new Set(to.ports))
        if (from.name !== to.name && (ours(from.name) || ours(to.name)) && reaches(policies, from, to, port))
          found.add(`${from.name} → ${to.name} ${port}`);
  const region = (name: string): string[] => [
    `${name}: core → ${name}: database 5432`,
    `${name}: core → broker 4222`,
    `${name}: core → broker 5671`,
    `${name}: core → OpenBao 8200`,
    `${name}: core → collector 4318`,
    `${name}: gateway → ${name}: core 15696`,
    `${name}: gateway → ${name}: Redis 6380`,
    `application: application and gateway → ${name}: core 15696`,
    `operator → ${name}: core 8444`,
    `collector → ${name}: core 18796`,
    `collector → ${name}: gateway 18696`,
    `another application → ${name}: gateway 5696`,
    `another application → ${name}: gateway 5796`,
  ];
  const expected = [
    'governance: cmk → governance: database 5432',
    'governance: cmk → broker 4222',
    'governance: cmk → broker 5671',
    'governance: cmk → a customer’s KMS 443',
    'governance: cmk → a customer’s KMS by IPv6 443',
    'governance: cmk → collector 4318',
    'front → governance: cmk 8440',
    'collector → governance: cmk 18440',
    ...region('eu-west-1'),
    ...region('us-east-1'),
    'application: application and gateway → application: Redis 6380',
    'collector → application: application and gateway 18696',
  ];
  assert.deepEqual([...found].toSorted(), expected.toSorted());
});

test('no secret is a manifest, and none lies in the environment', () => {
  for (const manifests of built.values())
    for (const { spec } of workloadsIn(manifests))
      for (const { env = [] } of containersOf(spec.template.spec))
        for (const { name } of env) assert.match(name, /^(NODE_OPTIONS|POD_NAME|GATEWAY_NAME)$/);
  assert.ok(selects({ a: '1' }, { a: '1', b: '2' }) && !selects({ a: '1' }, { a: '2' }));
});
