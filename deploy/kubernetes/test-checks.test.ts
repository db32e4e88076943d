/** What has to hold between manifests of one installation: every name that one of them says is there, and fits. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as core from '../../execution/core/limits.ts';
import { MAX_SECRET_MEMORY_BYTES } from '../../execution/envelope/index.ts';
import * as gateway from '../../execution/gateway/limits.ts';
import { MAX_UNTAKEN_BYTES } from '../../execution/kmip/transport/untaken.ts';
import { SHUTDOWN_DEADLINE_MS } from '../../platform/shutdown.ts';
import {
  type Container,
  containersOf,
  isA,
  type Manifest,
  type Workload,
  workloadsIn,
} from './test-kinds.test.ts';

export const ROOT = join(import.meta.dirname, '../..');
type Labels = Readonly<Record<string, string>>;

export const COMPONENT = 'app.kubernetes.io/component';
const PROGRAMS: Readonly<Record<string, string>> = {
  'governance/main.ts': 'cmk',
  'execution/core/main.ts': 'core',
  'execution/gateway/main.ts': 'gateway',
};

export const selects = (selector: Labels = {}, labels: Labels = {}): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value);
const podLabels = (workload: Workload): Labels => workload.spec.template.metadata.labels;
/** Which of our programs a container runs; undefined: somebody else's. */
export const componentOf = ({ args: [program = ''] = [] }: Container): string | undefined =>
  PROGRAMS[program];

/** `elsewhere`: accounts that another kustomization of the same namespace brings. */
export function checkReferences(manifests: readonly Manifest[], elsewhere: readonly string[] = []): void {
  const workloads = workloadsIn(manifests);
  const named = (kind: Manifest['kind']): string[] =>
    manifests.filter((each) => each.kind === kind).map(({ metadata }) => metadata.name);
  const where = (workload: Workload): string => `${workload.kind} ${workload.metadata.name}`;

  const objects = manifests.map(({ kind, metadata }) => `${kind} ${metadata.namespace} ${metadata.name}`);
  assert.equal(new Set(objects).size, objects.length, `a name is there twice: ${objects.join(', ')}`);
  for (const workload of workloads) {
    const { metadata, spec } = workload.spec.template;
    assert.ok([...named('ServiceAccount'), ...elsewhere].includes(spec.serviceAccountName), where(workload));
    if (!isA(workload, 'Job'))
      assert.ok(
        selects(workload.spec.selector.matchLabels, metadata.labels),
        `selector of ${where(workload)}`,
      );
    for (const { labelSelector } of spec.topologySpreadConstraints ?? [])
      assert.ok(selects(labelSelector.matchLabels, metadata.labels), `spread of ${where(workload)}`);
    if (isA(workload, 'StatefulSet'))
      assert.ok(named('Service').includes(workload.spec.serviceName), `serviceName of ${where(workload)}`);
    const claims = isA(workload, 'StatefulSet') ? (workload.spec.volumeClaimTemplates ?? []) : [];
    const volumes = [
      ...(spec.volumes ?? []).map(({ name }) => name),
      ...claims.map((each) => each.metadata.name),
    ];
    assert.equal(new Set(volumes).size, volumes.length, `volumes of ${where(workload)}`);
    for (const volume of spec.volumes ?? [])
      if ('persistentVolumeClaim' in volume)
        assert.ok(
          named('PersistentVolumeClaim').includes(volume.persistentVolumeClaim.claimName),
          `claim of ${where(workload)}`,
        );
    const mounted = containersOf(spec).flatMap(({ volumeMounts = [] }) =>
      volumeMounts.map(({ name }) => name),
    );
    assert.deepEqual([...new Set(mounted)].toSorted(), volumes.toSorted(), `mounts of ${where(workload)}`);
  }
  for (const each of manifests) {
    if (isA(each, 'Service')) {
      const behind = workloads.filter((workload) => selects(each.spec.selector, podLabels(workload)));
      assert.ok(behind.length > 0, `nobody is behind Service ${each.metadata.name}`);
      for (const workload of behind) {
        const ports = containersOf(workload.spec.template.spec).flatMap(({ ports = [] }) => ports);
        for (const { targetPort } of each.spec.ports)
          assert.ok(
            ports.some(({ name }) => name === targetPort),
            `${where(workload)} has no port ${targetPort}`,
          );
      }
    } else if (isA(each, 'PodDisruptionBudget')) {
      const { matchLabels } = each.spec.selector;
      assert.ok(
        workloads.some((workload) => selects(matchLabels, podLabels(workload))),
        each.metadata.name,
      );
    } else if (isA(each, 'HorizontalPodAutoscaler')) {
      const { kind, name } = each.spec.scaleTargetRef;
      const target = workloads.find((workload) => workload.kind === kind && workload.metadata.name === name);
      assert.ok(target !== undefined, `${each.metadata.name} scales nothing`);
      assert.ok(!('replicas' in target.spec), `who applies ${name} would undo what the autoscaler did`);
    } else if (isA(each, 'NetworkPolicy') && each.spec.podSelector.matchLabels !== undefined) {
      const { matchLabels } = each.spec.podSelector;
      const of = workloads.filter((workload) => selects(matchLabels, podLabels(workload)));
      assert.ok(of.length > 0, `policy ${each.metadata.name} is about nobody`);
      const ports = new Set(
        of
          .flatMap(({ spec }) => containersOf(spec.template.spec).flatMap(({ ports = [] }) => ports))
          .map(({ containerPort }) => containerPort),
      );
      for (const { port } of (each.spec.ingress ?? []).flatMap((rule) => rule.ports))
        assert.ok(ports.has(port), `policy ${each.metadata.name}: nobody listens on ${port}`);
    }
  }
}

const MIB = 1024 * 1024;
const UNITS: Readonly<Record<string, number>> = { Ki: 1024, Mi: MIB, Gi: 1024 * MIB };
export function bytesOf(quantity: string): number {
  const [, number = '', unit = ''] = /^(\d+)(Ki|Mi|Gi)$/.exec(quantity) ?? [];
  assert.ok(UNITS[unit] !== undefined, `${quantity} is no amount of memory`);
  return Number(number) * UNITS[unit];
}

/** A process of ours that has just started, and an open TLS connection: measured, and rounded up. */
const PROCESS_BYTES = 140 * MIB;
const CONNECTION_BYTES = 40 * 1024;
/** Of an opened key, outside of locked memory (docs/guide/gateway-stores.md). */
const OPEN_KEY_BYTES = 800;

/** What the limits of a component let it take: in daily work, and with its lines of requests full. */
const memoryOf: Readonly<Record<string, (workers: number) => { usual: number; most: number }>> = {
  cmk: () => ({ usual: 2 * PROCESS_BYTES, most: 4 * PROCESS_BYTES }),
  core: () => {
    const usual = PROCESS_BYTES + MAX_SECRET_MEMORY_BYTES + core.MAX_GATEWAY_CONNECTIONS * CONNECTION_BYTES;
    const answers =
      core.MAX_CONCURRENT_LIFECYCLE * (core.MAX_TUNNEL_ANSWER_BYTES + core.MAX_TUNNEL_EFFECT_BYTES);
    return { usual, most: usual + answers + core.MAX_QUEUED_REQUESTS * core.MAX_CLIENT_MESSAGE_BYTES };
  },
  gateway: (workers) => {
    const young = 2 * gateway.SEMI_SPACE_MIB * MIB;
    const each = PROCESS_BYTES + young + MAX_SECRET_MEMORY_BYTES + gateway.MAX_CACHED_KEYS * OPEN_KEY_BYTES;
    const primary = workers > 1 ? PROCESS_BYTES : 0;
    const usual = primary + workers * each + gateway.MAX_CONNECTIONS * CONNECTION_BYTES;
    const full = gateway.MAX_TUNNEL_QUEUE * gateway.MAX_REQUEST_BYTES + MAX_UNTAKEN_BYTES;
    return { usual, most: usual + workers * full };
  },
};

/** What our own containers have to be like. `workersOf`: of a gateway's workload, as its configuration says. */
export function checkContainers(
  manifests: readonly Manifest[],
  workersOf: (workload: Workload) => number,
): void {
  for (const workload of workloadsIn(manifests)) {
    const pod = workload.spec.template.spec;
    for (const container of containersOf(pod)) {
      const component = componentOf(container);
      if (component === undefined || isA(workload, 'Job')) continue;
      const where = `${workload.kind} ${workload.metadata.name}`;
      assert.ok(existsSync(join(ROOT, container.args?.[0] ?? '')), where);
      const { startupProbe, livenessProbe, readinessProbe, ports = [] } = container;
      const health = ports.find(({ name }) => name.endsWith('health'))?.name;
      for (const [probe, path] of [
        [startupProbe, '/livez'],
        [livenessProbe, '/livez'],
        [readinessProbe, '/readyz'],
      ] as const)
        assert.deepEqual(probe?.httpGet, { path, port: health }, `${where}: a probe`);
      const pause = container.lifecycle?.preStop.sleep.seconds ?? 0;
      const grace = pod.terminationGracePeriodSeconds ?? 0;
      assert.ok(pause >= 3, `${where}: time for those who balance the load`);
      assert.ok(
        grace >= pause + SHUTDOWN_DEADLINE_MS / 1000 + 3,
        `${where}: ${grace} s of grace are too few`,
      );
      const { usual, most } = memoryOf[component]?.(workersOf(workload)) ?? { usual: 0, most: 0 };
      const { requests, limits } = container.resources;
      const words = (bytes: number): string => `${Math.ceil(bytes / MIB)} Mi`;
      assert.ok(bytesOf(requests.memory) >= usual, `${where}: ${words(usual)} are usual`);
      assert.ok(bytesOf(limits.memory) >= most, `${where}: it may take ${words(most)}`);
      const options = container.env?.find(({ name }) => name === 'NODE_OPTIONS');
      const [, heap = ''] =
        /--max-old-space-size=(\d+)/.exec(options && 'value' in options ? options.value : '') ?? [];
      assert.ok(
        Number(heap) * MIB < bytesOf(limits.memory) && Number(heap) > 0,
        `${where}: the heap’s limit`,
      );
      if (component === 'gateway')
        assert.match(
          options && 'value' in options ? options.value : '',
          new RegExp(`--max-semi-space-size=${gateway.SEMI_SPACE_MIB}(?!\\d)`),
          where,
        );
    }
  }
}
