/**
 * The kinds of Kubernetes that our manifests use, as closed schemas: a field that the API does not have, or that stands in the wrong
 * place, is found without a cluster. Written from the API's reference (v1.30 and newer: sleep in preStop, native sidecars), and
 * narrower than it: what we never use is no field here.
 */
import { type Static, type TProperties, type TSchema, Type } from 'typebox';

const closed = { additionalProperties: false } as const;
export const object = <P extends TProperties>(properties: P) => Type.Object(properties, closed);
export const optional = Type.Optional;
export const list = <T extends TSchema>(of: T) => Type.Array(of, { minItems: 1, maxItems: 64 });
const Count = Type.Integer({ minimum: 0, maximum: 1_000_000 });
const Seconds = Type.Integer({ minimum: 0, maximum: 1_000_000 });
const Bool = Type.Boolean();
/** A DNS label, as names of containers, volumes, services and most objects are. */
export const Name = Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' });
/** IANA_SVC_NAME: at most 15 characters. */
const PortName = Type.String({ pattern: '^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$' });
const PortNumber = Type.Integer({ minimum: 1, maximum: 65_535 });
const Path = Type.String({ pattern: '^/', maxLength: 4096 });
export const Quantity = Type.String({ pattern: '^[0-9]+(\\.[0-9]+)?(m|Ki|Mi|Gi|Ti|k|M|G)?$' });
const LABEL_KEY = '^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$';
export const Labels = Type.Record(
  Type.String({ pattern: LABEL_KEY }),
  Type.String({ pattern: '^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$' }),
);
const Metadata = object({
  name: Name,
  namespace: optional(Name),
  labels: optional(Labels),
  annotations: optional(Type.Record(Type.String({ pattern: LABEL_KEY }), Type.String())),
});
const Selector = object({ matchLabels: Labels });
/** `{}` selects all. */
const AnySelector = object({ matchLabels: optional(Labels) });

const Probe = object({
  httpGet: object({ path: Path, port: PortName }),
  periodSeconds: Seconds,
  timeoutSeconds: Seconds,
  failureThreshold: Count,
});
const seccompProfile = object({ type: Type.Literal('RuntimeDefault') });
const ContainerSecurity = object({
  allowPrivilegeEscalation: Type.Literal(false),
  readOnlyRootFilesystem: Type.Literal(true),
  capabilities: object({ drop: Type.Tuple([Type.Literal('ALL')]) }),
  runAsNonRoot: optional(Type.Literal(true)),
  runAsUser: optional(Type.Integer({ minimum: 1 })),
  runAsGroup: optional(Type.Integer({ minimum: 1 })),
  seccompProfile: optional(seccompProfile),
});
const Container = object({
  name: Name,
  image: Type.String({ pattern: '^[a-z0-9][a-z0-9./_-]*(:[A-Za-z0-9._-]+)?(@sha256:[0-9a-f]{64})?$' }),
  imagePullPolicy: optional(Type.Enum(['Always', 'IfNotPresent', 'Never'])),
  restartPolicy: optional(Type.Literal('Always')),
  args: optional(list(Type.String())),
  env: optional(
    list(
      Type.Union([
        object({ name: Type.String({ pattern: '^[A-Z_][A-Z0-9_]*$' }), value: Type.String() }),
        object({
          name: Type.String({ pattern: '^[A-Z_][A-Z0-9_]*$' }),
          valueFrom: object({ fieldRef: object({ fieldPath: Type.String({ minLength: 1 }) }) }),
        }),
      ]),
    ),
  ),
  ports: optional(list(object({ name: PortName, containerPort: PortNumber }))),
  lifecycle: optional(object({ preStop: object({ sleep: object({ seconds: Seconds }) }) })),
  startupProbe: optional(Probe),
  livenessProbe: optional(Probe),
  readinessProbe: optional(Probe),
  /** No limit of processor time: throttling is latency. */
  resources: object({
    requests: object({ cpu: Quantity, memory: Quantity }),
    limits: object({ memory: Quantity }),
  }),
  securityContext: ContainerSecurity,
  volumeMounts: optional(
    list(object({ name: Name, mountPath: Path, readOnly: optional(Type.Literal(true)) })),
  ),
});
export type Container = Static<typeof Container>;
const Volume = Type.Union([
  object({
    name: Name,
    secret: object({ secretName: Name, defaultMode: Type.Literal(0o400), optional: optional(Bool) }),
  }),
  object({ name: Name, persistentVolumeClaim: object({ claimName: Name }) }),
  object({ name: Name, emptyDir: object({ sizeLimit: Quantity }) }),
]);
const PodSpec = object({
  serviceAccountName: Name,
  automountServiceAccountToken: Type.Literal(false),
  enableServiceLinks: optional(Type.Literal(false)),
  restartPolicy: optional(Type.Enum(['OnFailure', 'Never'])),
  terminationGracePeriodSeconds: optional(Seconds),
  securityContext: object({
    runAsNonRoot: Type.Literal(true),
    runAsUser: Type.Integer({ minimum: 1 }),
    runAsGroup: Type.Integer({ minimum: 1 }),
    fsGroup: optional(Type.Integer({ minimum: 1 })),
    fsGroupChangePolicy: optional(Type.Enum(['OnRootMismatch', 'Always'])),
    seccompProfile,
  }),
  topologySpreadConstraints: optional(
    list(
      object({
        maxSkew: Count,
        topologyKey: Type.Enum(['topology.kubernetes.io/zone', 'kubernetes.io/hostname']),
        whenUnsatisfiable: Type.Enum(['DoNotSchedule', 'ScheduleAnyway']),
        labelSelector: Selector,
      }),
    ),
  ),
  initContainers: optional(list(Container)),
  containers: list(Container),
  volumes: optional(list(Volume)),
});
export type PodSpec = Static<typeof PodSpec>;
const Template = object({
  metadata: object({ labels: Labels, annotations: optional(Labels) }),
  spec: PodSpec,
});

const kind = <const K extends string, P extends TProperties>(apiVersion: string, name: K, rest: P) =>
  object({ apiVersion: Type.Literal(apiVersion), kind: Type.Literal(name), metadata: Metadata, ...rest });
const accessModes = Type.Array(Type.Enum(['ReadWriteOnce', 'ReadWriteMany']), { minItems: 1, maxItems: 1 });
const ClaimSpec = object({
  accessModes,
  storageClassName: optional(Name),
  resources: object({ requests: object({ storage: Quantity }) }),
});

const PolicyPeer = Type.Union([
  object({ podSelector: AnySelector }),
  object({ namespaceSelector: AnySelector }),
  object({ namespaceSelector: AnySelector, podSelector: AnySelector }),
  object({
    ipBlock: object({
      cidr: Type.String({ pattern: '^[0-9a-f.:]+/[0-9]{1,3}$' }),
      except: optional(list(Type.String({ pattern: '^[0-9a-f.:]+/[0-9]{1,3}$' }))),
    }),
  }),
]);
const ports = list(object({ protocol: Type.Enum(['TCP', 'UDP']), port: PortNumber }));

const Scaling = object({
  stabilizationWindowSeconds: Seconds,
  policies: list(object({ type: Type.Enum(['Pods', 'Percent']), value: Count, periodSeconds: Seconds })),
});

export const kinds = {
  Namespace: kind('v1', 'Namespace', {}),
  ServiceAccount: kind('v1', 'ServiceAccount', { automountServiceAccountToken: Type.Literal(false) }),
  PersistentVolumeClaim: kind('v1', 'PersistentVolumeClaim', { spec: ClaimSpec }),
  Service: kind('v1', 'Service', {
    spec: object({
      selector: Labels,
      type: optional(Type.Enum(['ClusterIP', 'LoadBalancer'])),
      clusterIP: optional(Type.Literal('None')),
      publishNotReadyAddresses: optional(Bool),
      sessionAffinity: optional(Type.Enum(['None', 'ClientIP'])),
      internalTrafficPolicy: optional(Type.Enum(['Local', 'Cluster'])),
      ports: list(object({ name: PortName, port: PortNumber, targetPort: PortName })),
    }),
  }),
  Deployment: kind('apps/v1', 'Deployment', {
    spec: object({
      replicas: optional(Count),
      revisionHistoryLimit: optional(Count),
      strategy: Type.Union([
        object({ type: Type.Literal('Recreate') }),
        object({
          type: Type.Literal('RollingUpdate'),
          rollingUpdate: object({ maxUnavailable: Count, maxSurge: Count }),
        }),
      ]),
      selector: Selector,
      template: Template,
    }),
  }),
  StatefulSet: kind('apps/v1', 'StatefulSet', {
    spec: object({
      replicas: optional(Count),
      revisionHistoryLimit: optional(Count),
      serviceName: Name,
      podManagementPolicy: optional(Type.Enum(['OrderedReady', 'Parallel'])),
      updateStrategy: optional(object({ type: Type.Enum(['RollingUpdate', 'OnDelete']) })),
      selector: Selector,
      template: Template,
      volumeClaimTemplates: optional(
        list(object({ metadata: object({ name: Name, labels: optional(Labels) }), spec: ClaimSpec })),
      ),
      persistentVolumeClaimRetentionPolicy: optional(
        object({ whenDeleted: Type.Literal('Retain'), whenScaled: Type.Literal('Retain') }),
      ),
    }),
  }),
  DaemonSet: kind('apps/v1', 'DaemonSet', {
    spec: object({
      revisionHistoryLimit: optional(Count),
      updateStrategy: object({
        type: Type.Literal('RollingUpdate'),
        rollingUpdate: object({ maxUnavailable: Count }),
      }),
      selector: Selector,
      template: Template,
    }),
  }),
  Job: kind('batch/v1', 'Job', {
    spec: object({
      backoffLimit: Count,
      activeDeadlineSeconds: Seconds,
      ttlSecondsAfterFinished: Seconds,
      template: Template,
    }),
  }),
  PodDisruptionBudget: kind('policy/v1', 'PodDisruptionBudget', {
    spec: object({
      maxUnavailable: Count,
      unhealthyPodEvictionPolicy: optional(Type.Enum(['IfHealthyBudget', 'AlwaysAllow'])),
      selector: Selector,
    }),
  }),
  NetworkPolicy: kind('networking.k8s.io/v1', 'NetworkPolicy', {
    spec: object({
      podSelector: AnySelector,
      policyTypes: Type.Array(Type.Enum(['Ingress', 'Egress']), { minItems: 1, maxItems: 2 }),
      ingress: optional(list(object({ from: list(PolicyPeer), ports }))),
      egress: optional(list(object({ to: list(PolicyPeer), ports }))),
    }),
  }),
  HorizontalPodAutoscaler: kind('autoscaling/v2', 'HorizontalPodAutoscaler', {
    spec: object({
      scaleTargetRef: object({
        apiVersion: Type.Literal('apps/v1'),
        kind: Type.Enum(['Deployment', 'StatefulSet']),
        name: Name,
      }),
      minReplicas: Count,
      maxReplicas: Count,
      metrics: list(
        object({
          type: Type.Literal('Resource'),
          resource: object({
            name: Type.Literal('cpu'),
            target: object({ type: Type.Literal('Utilization'), averageUtilization: Count }),
          }),
        }),
      ),
      behavior: object({ scaleUp: optional(Scaling), scaleDown: optional(Scaling) }),
    }),
  }),
} as const;

export type Kind = keyof typeof kinds;
export type Of<K extends Kind> = Static<(typeof kinds)[K]>;
export type Manifest = { [K in Kind]: Of<K> }[Kind];
export type Workload = Of<'Deployment' | 'StatefulSet' | 'DaemonSet' | 'Job'>;

export const isKind = (name: unknown): name is Kind => typeof name === 'string' && Object.hasOwn(kinds, name);
export const isA = <K extends Kind>(
  manifest: Manifest,
  wanted: K,
): manifest is Extract<Manifest, { kind: K }> => manifest.kind === wanted;

export function workloadsIn(manifests: readonly Manifest[]): Workload[] {
  return manifests.filter(
    (each): each is Workload =>
      isA(each, 'Deployment') || isA(each, 'StatefulSet') || isA(each, 'DaemonSet') || isA(each, 'Job'),
  );
}
export const containersOf = ({ initContainers = [], containers }: PodSpec): readonly Container[] => [
  ...initContainers,
  ...containers,
];
