/** The core's metrics. Every series exists from the start, so that an alert on it can fire. */
import { Counter, Gauge, Histogram, type Registry } from '../../platform/metrics.ts';
import { type KeyEvent, keychainErrors } from '../keychain/index.ts';
import { operationName } from '../kmip/index.ts';
import { servedOperations } from '../objects/index.ts';

export interface CoreMetrics {
  operation(operation: string, outcome: 'success' | 'failed', seconds: number): void;
  mesh(operation: string, outcome: 'success' | 'failed', seconds: number): void;
  connectionRefused(reason: string): void;
  /** Certificates, keys and revocation lists were read anew. */
  tlsReloaded(outcome: 'taken' | 'refused'): void;
  /** Until when the certificate that gateways see is valid. */
  setCertificateEnd(notAfter: Date): void;
  setHead(head: number): void;
  setSubscribers(count: number): void;
  setSealed(isSealed: boolean): void;
  keyEvent(kind: KeyEventKind): void;
  upkeepFailed(reason: string): void;
  setTrailBroken(isBroken: boolean): void;
}

type KeyEventKind = KeyEvent['kind'] | 'ivk-destroyed';
const keyEventKinds: readonly KeyEventKind[] = [
  'prepared',
  'rotated',
  'compromised',
  'destroyed',
  'rewrapped',
  'recovered',
  'ivk-destroyed',
];
const meshNames = ['Tunnel', 'Announce', 'Lease', 'Heartbeat', 'Sync', 'Subscribe'];
const refusalReasons = [
  'NO_CERTIFICATE',
  'UNTRUSTED_ISSUER',
  'EXPIRED',
  'NOT_YET_VALID',
  'BAD_CHAIN',
  'WRONG_PURPOSE',
  'NOT_REGISTERED',
  'WRONG_ROLE',
  'REVOKED',
  'CRL_STALE',
  'CRL_MISSING',
  'CHAIN_UNKNOWN',
  'TOO_MANY_CONNECTIONS_OF_IDENTITY',
  'TOO_MANY_HANDSHAKES',
  'HANDSHAKE',
];

export function createMetrics(registry: Registry): CoreMetrics {
  const registers = [registry];
  const operations = new Histogram({
    name: 'okcm_core_operation_seconds',
    help: 'KMIP operations that were tunnelled here, by operation and outcome',
    labelNames: ['operation', 'outcome'] as const,
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
    registers,
  });
  const mesh = new Histogram({
    name: 'okcm_core_mesh_seconds',
    help: 'Requests of gateways, by operation and outcome',
    labelNames: ['operation', 'outcome'] as const,
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
    registers,
  });
  const refused = new Counter({
    name: 'okcm_core_connections_refused_total',
    help: 'Connections that were refused before KMIP was parsed, by reason',
    labelNames: ['reason'] as const,
    registers,
  });
  const reloads = new Counter({
    name: 'okcm_core_tls_reloads_total',
    help: 'Certificates, keys and revocation lists read anew, by outcome',
    labelNames: ['outcome'] as const,
    registers,
  });
  for (const outcome of ['taken', 'refused'] as const) reloads.inc({ outcome }, 0);
  const certificateEnd = new Gauge({
    name: 'okcm_core_certificate_not_after_seconds',
    help: 'When the certificate that gateways see ends, in seconds since 1970',
    registers,
  });
  const head = new Gauge({ name: 'okcm_core_push_head', help: 'Number of the last push', registers });
  const subscribers = new Gauge({
    name: 'okcm_core_subscribers',
    help: 'Gateways that receive pushes from this core',
    registers,
  });
  const sealed = new Gauge({ name: 'okcm_core_sealed', help: '1 while the region is sealed', registers });
  const keyEvents = new Counter({
    name: 'okcm_core_key_events_total',
    help: 'What the region did for its keys by itself, by kind',
    labelNames: ['kind'] as const,
    registers,
  });
  const upkeepFailures = new Counter({
    name: 'okcm_core_key_upkeep_failures_total',
    help: 'Tenants whose keys had to wait, by reason',
    labelNames: ['reason'] as const,
    registers,
  });
  const trailBroken = new Gauge({
    name: 'okcm_core_audit_trail_broken',
    help: '1 while the audit trail is not what was signed, so that nothing more of it is',
    registers,
  });
  trailBroken.set(0);
  for (const kind of keyEventKinds) keyEvents.inc({ kind }, 0);
  for (const reason of [...Object.keys(keychainErrors), 'UNAVAILABLE']) upkeepFailures.inc({ reason }, 0);
  for (const outcome of ['success', 'failed'] as const) {
    for (const operation of [...servedOperations.map(operationName), 'other'])
      operations.zero({ operation, outcome });
    for (const operation of meshNames) mesh.zero({ operation, outcome });
  }
  for (const reason of refusalReasons) refused.inc({ reason }, 0);
  const served = new Set(servedOperations.map(operationName));
  return {
    // A client may send any number as an operation: what is not served shares one series.
    operation: (name, outcome, seconds) =>
      operations.observe({ operation: served.has(name) ? name : 'other', outcome }, seconds),
    mesh: (operation, outcome, seconds) => mesh.observe({ operation, outcome }, seconds),
    connectionRefused: (reason) => refused.inc({ reason }),
    tlsReloaded: (outcome) => reloads.inc({ outcome }),
    setCertificateEnd: (notAfter) => certificateEnd.set(notAfter.getTime() / 1000),
    setHead: (value) => head.set(value),
    setSubscribers: (value) => subscribers.set(value),
    setSealed: (value) => sealed.set(value ? 1 : 0),
    keyEvent: (kind) => keyEvents.inc({ kind }),
    upkeepFailed: (reason) => upkeepFailures.inc({ reason }),
    setTrailBroken: (isBroken) => trailBroken.set(isBroken ? 1 : 0),
  };
}
