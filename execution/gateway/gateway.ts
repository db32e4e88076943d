/**
 * Puts a gateway together and runs it: the store first, then the line to the core, the port for applications last, so
 * that no request meets a gateway that is half there. With the core away it starts all the same and serves what it may.
 */
import { parseRegionId, type RegionId } from '../../contracts/index.ts';
import { ConnectionQuota } from '../../platform/connection-quota.ts';
import { errorMessage } from '../../platform/errors.ts';
import { startHealthServer } from '../../platform/http-health.ts';
import { createLogger, type Logger } from '../../platform/log.ts';
import { ServerIdentity } from '../../platform/server-identity.ts';
import { clientParameters } from '../../platform/tls-context.ts';
import { subjectOf } from '../../platform/tls-identity.ts';
import { readTlsMaterial, type TlsMaterial } from '../../platform/tls-material.ts';
import { WatchedFiles } from '../../platform/watched-files.ts';
import { StreamTable } from '../cipher/index.ts';
import { gcm, generateKeyPair, type MemoryLockStatus, memoryLockStatus } from '../envelope/index.ts';
import { KmipClient } from '../kmip/index.ts';
import { MAX_MESH_MESSAGE_BYTES } from '../mesh/index.ts';
import { Audit } from './audit.ts';
import type { GatewayConfig } from './config.ts';
import { Identities } from './identities.ts';
import { IvBudget } from './keys/iv-budget.ts';
import { KeyCache } from './keys/key-cache.ts';
import { KeyRing } from './keys/key-ring.ts';
import { LeaseBook } from './keys/lease-book.ts';
import {
  DEFAULT_CONNECTIONS_PER_IDENTITY,
  HEARTBEAT_INTERVAL_MS,
  HEARTBEAT_TIMEOUT_MS,
  MAX_TUNNEL_QUEUE,
  TUNNEL_CONNECTIONS,
} from './limits.ts';
import { Announcer } from './link/announcer.ts';
import { CoreLink, type Lane } from './link/core-link.ts';
import { Heart } from './link/heart.ts';
import { PushApplier } from './link/push-applier.ts';
import { PushFeed } from './link/push-feed.ts';
import { openSubscription } from './link/subscription.ts';
import { createMetrics } from './metrics.ts';
import { RequestHandler } from './requests/handler.ts';
import { Tunnel } from './requests/tunnel.ts';
import { httpsDoor, kmipDoor } from './server/doors.ts';
import { Listener } from './server/listener.ts';
import { Store } from './store/store.ts';
import { Tenants } from './tenants.ts';

export interface GatewayDeps {
  readonly logger?: Logger;
  /** TICKET_KEYS_BYTES: the same in all processes that share a port, so that each resumes the sessions of the others. */
  readonly ticketKeys?: Uint8Array;
}

export interface GatewayStatus {
  readonly ok: boolean;
  readonly status: 'ok' | 'degraded';
  readonly region: string;
  readonly name: string;
  readonly core: 'connected' | 'unreachable';
  /** Highest push number that the core has told us of, and the one that is applied here. */
  readonly head: number;
  readonly appliedHead: number;
  readonly leases: ReturnType<LeaseBook['status']>;
  readonly backlog: number;
  readonly auditBacklog: number;
  readonly connections: number;
  /** What is served and shown now, which may be newer than the start. */
  readonly certificates: {
    readonly server: CertificateStatus;
    readonly core: CertificateStatus;
    /** When the first revocation list is out of date, RFC 3339; null where there is none. */
    readonly revocationListUntil: string | null;
  };
  /** What does AES-GCM: the addon, or the runtime's own ciphers at a fraction of its speed. */
  readonly cipher: 'native' | 'node';
  /** Whether key material is locked in memory (D3). */
  readonly memory: MemoryLockStatus;
  readonly [detail: string]: unknown;
}

export interface CertificateStatus {
  readonly subject: string;
  /** RFC 3339. */
  readonly notAfter: string;
}

export interface RunningGateway {
  readonly port: number;
  /** Where KMIP is spoken over HTTPS, if it is. */
  readonly httpsPort?: number | undefined;
  readonly healthUrl: string;
  status(): GatewayStatus;
  /** Reads certificates, keys and revocation lists now, whether they look changed or not. Never rejects. */
  reloadTls(): Promise<void>;
  /** Replaces `GatewayDeps.ticketKeys`: sessions under those of before are not resumed any more. */
  setTicketKeys(keys: Uint8Array): void;
  close(): Promise<void>;
}

/** Errors: TLS_FILES, CRL_REFUSED, TLS_NO_HYBRID (certificates, keys, lists), STORE_UNUSABLE, STORE_OTHER_REGION, or of the sockets. */
export async function startGateway(config: GatewayConfig, deps: GatewayDeps = {}): Promise<RunningGateway> {
  const logger = deps.logger ?? createLogger({ name: 'gateway', level: config.log.level });
  const region = parseRegionId(config.region);
  const store = Store.open(config.store.path, config.region);
  try {
    return await assemble(config, region, { store, logger, ticketKeys: deps.ticketKeys });
  } catch (error) {
    store.close();
    throw error;
  }
}

interface Parts {
  readonly store: Store;
  readonly logger: Logger;
  readonly ticketKeys: Uint8Array | undefined;
}

async function assemble(config: GatewayConfig, region: RegionId, parts: Parts): Promise<RunningGateway> {
  const { store, logger, ticketKeys } = parts;
  const tenants = new Tenants(store.registry);
  const identities = new Identities(store.registry);
  const audit = new Audit(store, logger);
  const cache = new KeyCache(config.limits.keyMemoryBytes);
  const ivBudget = new IvBudget(store);
  const streams = new StreamTable();
  const metrics = createMetrics(region, () => ({
    openConnections: openConnections(),
    backlog: store.objects.backlog,
    auditBacklog: store.audit.size,
    leases: leases.size,
    openKeys: cache.size,
    openKeyBytes: cache.heldBytes,
    leasedVersions: leases.memory.versions,
    leasedKeyBytes: leases.memory.heldBytes,
    coreUp: link.isUp,
    pushesBehind: feed.knownHead - applier.appliedHead,
    notAfter: notAfter(),
  }));
  const onReload = (outcome: 'taken' | 'refused'): void => metrics.reloads.inc({ outcome });
  const server = await ServerIdentity.open({
    config: config.tls,
    alsoTrusted: () => identities.issuers(),
    ...(ticketKeys === undefined ? {} : { ticketKeys }),
    onReload,
    logger,
  });
  const client = await WatchedFiles.open<TlsMaterial>({
    what: 'client certificate for the core',
    paths: [config.core.cert, config.core.key, config.core.ca],
    load: (before) => readTlsMaterial(config.core, { purpose: 'client', mustBeValid: before !== undefined }),
    onChanged: () => link.renew(),
    onOutcome: onReload,
    logger,
  });
  const notAfter = () => {
    const listUntilMs = server.revocations?.nextUpdateMs;
    return {
      server: server.material.certificate.validToDate,
      core: client.current.certificate.validToDate,
      revocationList: listUntilMs === undefined ? undefined : new Date(listUntilMs),
    };
  };

  const { host, port, servername, minVersion, keyExchange } = config.core;
  /** As the files are now: each new connection asks. */
  const connection = () => {
    const { cert, key, ca } = client.current;
    const parameters = clientParameters({ minVersion, keyExchange });
    return { host, port, servername, cert, key, ca, ...parameters };
  };
  const link = new CoreLink({
    logger,
    open: (lane) => {
      const { cert, key, ca, ...parameters } = connection();
      return new KmipClient({ cert, key, ca, host, port, servername, tls: parameters, ...laneOptions(lane) });
    },
  });
  const applier = new PushApplier({
    store,
    tenants,
    identities,
    logger,
    effects: {
      tenantClosed: (tenant) => {
        leases.drop(tenant, undefined, 'LINK_CLOSED');
        cache.dropTenant(tenant);
        streams.dropTenant(tenant);
      },
      serviceFlushed: (tenant, service, version) => {
        leases.flushed(tenant, service, version);
        cache.dropService(tenant, service);
        streams.dropTenant(tenant);
      },
      serviceRotated: (tenant, service, version) => leases.rotated(tenant, service, version),
      objectChanged: (uid) => {
        cache.drop(uid);
        if (streams.size > 0 && store.objects.get(uid) === undefined) streams.dropKey(uid);
      },
      identityRemoved: (fingerprint) => {
        for (const listener of listeners) listener.cutOff(fingerprint);
      },
      issuersChanged: () => server.trustChanged(),
    },
  });
  const feed = new PushFeed({
    link,
    applier,
    logger,
    subscribe: (after, handlers) => openSubscription(connection(), after, handlers),
  });
  const leases = new LeaseBook({
    region,
    link,
    tenants,
    logger,
    keyPair: await generateKeyPair(),
    currency: {
      get isCurrent() {
        return feed.isCurrent;
      },
      get appliedHead() {
        return applier.appliedHead;
      },
      sync: () => feed.sync(),
      observeHead: (head) => feed.observeHead(head),
    },
    onEnded: (tenant, service) => {
      cache.dropService(tenant, service);
      // Ciphers of other services of the tenant end too; who was in the middle of something begins it anew.
      streams.dropTenant(tenant);
    },
  });
  const ring = new KeyRing({ region, store, cache, leases, logger });
  const announcer = new Announcer({ link, store, audit, logger, onChanged: (uid) => cache.drop(uid) });
  const tunnel = new Tunnel({ link, announcer, applier });
  const services = {
    region,
    store,
    ring,
    leases,
    ivBudget,
    audit,
    backlogLimit: config.limits.backlog,
    streams,
    allowWeak: config.cryptography?.allowWeak ?? false,
    announcer,
  };
  const handler = new RequestHandler({ services, tunnel, metrics, logger });
  const quota = new ConnectionQuota(config.limits.connectionsPerIdentity ?? DEFAULT_CONNECTIONS_PER_IDENTITY);
  const shared = { tls: server, quota, identities, handler, audit, metrics, logger };
  const kmipListener = new Listener({ ...config.kmip, door: kmipDoor(), ...shared });
  const httpsListener =
    config.https === undefined ? undefined : new Listener({ ...config.https, door: httpsDoor(), ...shared });
  const listeners = httpsListener === undefined ? [kmipListener] : [kmipListener, httpsListener];
  const openConnections = (): number =>
    listeners.reduce((sum, listener) => sum + listener.openConnections, 0);
  const heart = new Heart({ link, store, applier, feed, leases, logger });

  const status = (): GatewayStatus => ({
    ok: true,
    status: link.isUp && feed.isCurrent ? 'ok' : 'degraded',
    region,
    name: config.name,
    core: link.isUp ? 'connected' : 'unreachable',
    head: feed.knownHead,
    appliedHead: applier.appliedHead,
    leases: leases.status(),
    backlog: store.objects.backlog,
    auditBacklog: store.audit.size,
    connections: openConnections(),
    certificates: {
      server: certificateStatus(server.material),
      core: certificateStatus(client.current),
      revocationListUntil: notAfter().revocationList?.toISOString() ?? null,
    },
    cipher: gcm.name,
    memory: memoryLockStatus(),
  });

  // Anybody who reaches the port may ask: how many leases, and not whose.
  const publicStatus = () => ({ ...status(), leases: leases.size });

  await heart.start();
  // With the core in reach, callers that were registered while we were away are known before the port opens.
  if (link.isUp) await feed.sync().catch(() => undefined);
  const ivTimer = setInterval(() => {
    ivBudget
      .write()
      .catch((error: unknown) =>
        logger.error({ cause: errorMessage(error) }, 'IV counts could not be stored'),
      );
  }, HEARTBEAT_INTERVAL_MS);
  ivTimer.unref();
  const stop = async (): Promise<void> => {
    clearInterval(ivTimer);
    server.close();
    client.close();
    await heart.stop();
    feed.close();
    link.close();
    await announcer.stop();
    await audit.flush();
    await ivBudget.write().catch(() => undefined);
    leases.close();
    streams.clear();
    cache.clear();
    store.close();
  };
  try {
    const kmipPort = await kmipListener.listen();
    const httpsPort = await httpsListener?.listen();
    server.start();
    client.start();
    const health = await startHealthServer({
      ...config.health,
      health: publicStatus,
      registry: metrics.registry,
    });
    if (gcm.name === 'node') {
      logger.warn(
        'AES-GCM is done by the runtime’s own ciphers, slowly: npm run build:native compiles the addon',
      );
    }
    logger.info(
      {
        port: kmipPort,
        https: httpsPort,
        health: health.url,
        region,
        core: link.isUp ? 'connected' : 'unreachable',
      },
      'ready',
    );
    return {
      port: kmipPort,
      httpsPort,
      healthUrl: health.url,
      status,
      reloadTls: async () => {
        await Promise.all([server.reload(), client.reload()]);
      },
      setTicketKeys: (keys) => server.setTicketKeys(keys),
      close: async () => {
        await Promise.all(listeners.map((listener) => listener.close()));
        await health.close();
        await stop();
      },
    };
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()));
    await stop();
    throw error;
  }
}

/** Slow lifecycle requests have connections of their own, so that they never stand before a lease (D8). */
function laneOptions(lane: Lane) {
  const connectTimeoutMs = HEARTBEAT_TIMEOUT_MS;
  const maxResponseBytes = MAX_MESH_MESSAGE_BYTES;
  const poolSize = lane === 'lifecycle' ? TUNNEL_CONNECTIONS : 1;
  return {
    connectTimeoutMs,
    maxResponseBytes,
    poolSize,
    maxPending: Math.ceil(MAX_TUNNEL_QUEUE / TUNNEL_CONNECTIONS),
  };
}

function certificateStatus({ certificate }: TlsMaterial): CertificateStatus {
  return { subject: subjectOf(certificate), notAfter: certificate.validToDate.toISOString() };
}
