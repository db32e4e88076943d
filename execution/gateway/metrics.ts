/** The gateway's metrics. Every series that an alert may watch is there from the start. */
import { Counter, createRegistry, Gauge, type Registry } from '../../platform/metrics.ts';
import { operationName } from '../kmip/index.ts';
import { HotTimes } from './hot-times.ts';
import { type RefusalCode, refusals } from './refusals.ts';

export interface GatewayMetrics {
  readonly registry: Registry;
  readonly requests: Counter<'operation' | 'route'>;
  readonly refusals: Counter<'reason'>;
  readonly connections: Counter<'outcome'>;
  /** Handshakes that went well, by version and by whether a session was resumed (`yes`, `no`). */
  readonly handshakes: Counter<'version' | 'resumed'>;
  /** Certificates, keys and revocation lists read anew, by outcome. */
  readonly reloads: Counter<'outcome'>;
  /** Audit events that were let go, by what had to record them. */
  readonly auditLost: Counter<'event'>;
  /** Requests of the hot path and how long they took. They are among `requests` as soon as the metrics are scraped. */
  readonly hot: HotTimes;
  /** Counts an item that was answered here by the general path: a number that is added to `requests` as well. */
  countLocal(operation: number): void;
}

/** Operations have small numbers, but for those of vendors (KMIP 1.4 §9.1.3.2.27). */
const COUNTED_OPERATIONS = 64;

/** Read when the metrics are scraped. */
export interface GatewayLevels {
  readonly openConnections: number;
  readonly backlog: number;
  readonly heldKeys: number;
  /** Whether the key store can be reached. */
  readonly storeUp: boolean;
  readonly auditBacklog: number;
  readonly leases: number;
  readonly openKeys: number;
  /** Locked memory that those take. */
  readonly openKeyBytes: number;
  /** Versions of leased L3 in memory, and the locked memory that they and their subkeys take. */
  readonly leasedVersions: number;
  readonly leasedKeyBytes: number;
  readonly coreUp: boolean;
  /** Changes of the region that have not been applied here. */
  readonly pushesBehind: number;
  /** Requests in line for the tunnel to the core. */
  readonly tunnelWaiting: number;
  /** Until when the certificates in use are valid, and the first revocation list to be out of date is fresh. */
  readonly notAfter: {
    readonly server: Date;
    readonly core: Date;
    readonly revocationList: Date | undefined;
  };
}

/** Why a connection is not let in, or is ended, beside the refusals of single operations. */
const connectionRefusals = [
  'NO_CERTIFICATE',
  'UNTRUSTED_ISSUER',
  'EXPIRED',
  'NOT_YET_VALID',
  'BAD_CHAIN',
  'WRONG_PURPOSE',
  'NOT_REGISTERED',
  'IDENTITY_REMOVED',
  'REVOKED',
  'CRL_STALE',
  'CRL_MISSING',
  'CHAIN_UNKNOWN',
  'TOO_MANY_CONNECTIONS',
  'TOO_MANY_CONNECTIONS_OF_IDENTITY',
  'TOO_MANY_HANDSHAKES',
  'HANDSHAKE_FAILED',
];

export function createMetrics(region: string, levels: () => GatewayLevels): GatewayMetrics {
  const registry = createRegistry({ labels: { component: 'gateway', region } });
  const registers = [registry];
  const hot = new HotTimes(registry);
  const local = new Float64Array(COUNTED_OPERATIONS);
  const requests = new Counter({
    name: 'okcm_gateway_operations_total',
    help: 'Batch items answered, by operation and by who ran them',
    labelNames: ['operation', 'route'],
    registers,
    collect() {
      const add = (operation: number, count: number): void => {
        if (count > 0) this.inc({ operation: operationName(operation), route: 'local' }, count);
      };
      for (const [operation, count] of local.entries()) add(operation, count);
      local.fill(0);
      hot.takeCounts(add);
    },
  });
  const refused = new Counter({
    name: 'okcm_gateway_refusals_total',
    help: 'Connections and operations refused or failed, by reason',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of Object.keys(refusals) as RefusalCode[]) refused.inc({ reason }, 0);
  for (const reason of connectionRefusals) refused.inc({ reason }, 0);
  const connections = new Counter({
    name: 'okcm_gateway_connections_total',
    help: 'Connections of applications, by outcome',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['accepted', 'refused']) connections.inc({ outcome }, 0);
  const handshakes = new Counter({
    name: 'okcm_gateway_handshakes_total',
    help: 'TLS handshakes that went well, by version and by whether a session was resumed',
    labelNames: ['version', 'resumed'],
    registers,
  });
  for (const version of ['TLSv1.2', 'TLSv1.3'])
    for (const resumed of ['yes', 'no']) handshakes.inc({ version, resumed }, 0);
  const reloads = new Counter({
    name: 'okcm_gateway_tls_reloads_total',
    help: 'Certificates, keys and revocation lists read anew, by outcome',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['taken', 'refused']) reloads.inc({ outcome }, 0);
  new Gauge({
    name: 'okcm_gateway_certificate_not_after_seconds',
    help: 'When what is in use ends, in seconds since 1970: the server certificate, the one shown to the core, a revocation list',
    labelNames: ['what'],
    // Of several processes that which is behind: it may not have seen a new file yet.
    aggregator: 'min',
    registers,
    collect() {
      for (const [what, end] of Object.entries(levels().notAfter))
        if (end !== undefined) this.set({ what }, end.getTime() / 1000);
    },
  });
  // Where processes share one gateway: what they share counts once, and the worst of them counts where they differ.
  const aggregators: Readonly<Record<string, 'max' | 'min'>> = {
    okcm_gateway_backlog: 'max',
    okcm_gateway_audit_backlog: 'max',
    okcm_gateway_leases: 'max',
    okcm_gateway_core_up: 'min',
    okcm_gateway_pushes_behind: 'max',
  };
  const auditLost = new Counter({
    name: 'okcm_gateway_audit_lost_total',
    help: 'Audit events that could not be recorded, by event: the trail is incomplete',
    labelNames: ['event'],
    registers,
  });
  for (const event of ['OBJECT_READ', 'OBJECT_CREATED']) auditLost.inc({ event }, 0);
  const gauge = (name: string, help: string, read: (now: GatewayLevels) => number): void => {
    new Gauge({
      name,
      help,
      registers,
      aggregator: aggregators[name] ?? 'sum',
      collect() {
        this.set(read(levels()));
      },
    });
  };
  gauge(
    'okcm_gateway_open_connections',
    'Connections of applications that are open',
    (now) => now.openConnections,
  );
  gauge('okcm_gateway_backlog', 'Keys that wait for their announcement', (now) => now.backlog);
  gauge('okcm_gateway_held_keys', 'Wrapped L4 keys that the key store holds', (now) => now.heldKeys);
  gauge('okcm_gateway_store_up', 'Whether the key store is in reach', (now) => (now.storeUp ? 1 : 0));
  gauge('okcm_gateway_audit_backlog', 'Audit events that wait for the core', (now) => now.auditBacklog);
  gauge('okcm_gateway_leases', 'Services whose L3 is in memory', (now) => now.leases);
  gauge('okcm_gateway_open_keys', 'L4 keys that are open in memory', (now) => now.openKeys);
  gauge(
    'okcm_gateway_open_key_bytes',
    'Locked memory that open L4 keys take, in bytes',
    (now) => now.openKeyBytes,
  );
  gauge(
    'okcm_gateway_leased_versions',
    'Versions of leased L3 that are in memory',
    (now) => now.leasedVersions,
  );
  gauge(
    'okcm_gateway_leased_key_bytes',
    'Locked memory that leased L3 versions and their subkeys take, in bytes',
    (now) => now.leasedKeyBytes,
  );
  gauge('okcm_gateway_core_up', 'Whether the regional core is in reach', (now) => (now.coreUp ? 1 : 0));
  gauge(
    'okcm_gateway_pushes_behind',
    'Changes of the region not yet applied here',
    (now) => now.pushesBehind,
  );
  gauge(
    'okcm_gateway_tunnel_waiting',
    'Requests that wait for a connection to the core',
    (now) => now.tunnelWaiting,
  );
  const countLocal = (operation: number): void => {
    if (operation < COUNTED_OPERATIONS) local[operation] = (local[operation] ?? 0) + 1;
    else requests.inc({ operation: operationName(operation), route: 'local' });
  };
  return {
    registry,
    requests,
    refusals: refused,
    connections,
    handshakes,
    reloads,
    auditLost,
    hot,
    countLocal,
  };
}
