/**
 * Puts a gateway together and runs it: the store first, then the line to the core, the port for applications last, so
 * that no request meets a gateway that is half there. With the core away it starts all the same and serves what it may.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import { parseRegionId, type RegionId } from '../../contracts/index.ts';
import { withDeadline } from '../../platform/backoff.ts';
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
import { gcm, generateKeyPair, memoryLockStatus } from '../envelope/index.ts';
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
  DEFAULT_BACKLOG,
  DEFAULT_CONNECTIONS_PER_IDENTITY,
  DRAIN_CORE_MS,
  HEARTBEAT_INTERVAL_MS,
  HEARTBEAT_TIMEOUT_MS,
  HOT_CONNECTIONS,
  MAX_HANDSHAKES,
  MAX_PENDING_PER_CONNECTION,
  TUNNEL_CONNECTIONS,
} from './limits.ts';
import { Announcer } from './link/announcer.ts';
import { CoreLink, type Lane } from './link/core-link.ts';
import { Heart } from './link/heart.ts';
import { PushApplier } from './link/push-applier.ts';
import { PushFeed } from './link/push-feed.ts';
import { openSubscription } from './link/subscription.ts';
import { createMetrics } from './metrics.ts';
import { Correlations } from './requests/correlation.ts';
import { RequestHandler } from './requests/handler.ts';
import { Tunnel } from './requests/tunnel.ts';
import { httpsDoor, kmipDoor } from './server/doors.ts';
import { Listener } from './server/listener.ts';
import type { CertificateStatus, GatewayStatus, RunningGateway } from './status.ts';
import { openStore } from './store/open.ts';
import type { Store } from './store/store.ts';
import { Tenants } from './tenants.ts';
import { workersOf } from './workers/count.ts';
import { alone, type Crew } from './workers/crew.ts';

export interface GatewayDeps {
  readonly logger?: Logger;
  /** Siblings on the same store, for a worker process. */
  readonly crew?: Crew;
}

/** Errors: TLS_FILES, CRL_REFUSED, TLS_NO_HYBRID (certificates, keys, lists), STORE_UNUSABLE, STORE_OTHER_REGION, or of the sockets. */
export async function startGateway(config: GatewayConfig, deps: GatewayDeps = {}): Promise<RunningGateway> {
  const logger = deps.logger ?? createLogger({ name: 'gateway', level: config.log.level });
  const region = parseRegionId(config.region);
  const crew = deps.crew ?? alone;
  const store = await openStore(config, logger, crew);
  try {
    return await assemble(config, region, { store, logger, crew });
  } catch (error) {
    await store.keys.close();
    store.close();
    throw error;
  }
}

interface Parts {
  readonly store: Store;
  readonly logger: Logger;
  readonly crew: Crew;
}

async function assemble(config: GatewayConfig, region: RegionId, parts: Parts): Promise<RunningGateway> {
  const { store, logger, crew } = parts;
  // Before whom to serve is read: a change that comes in between is then applied once more, and not missed.
  const { appliedHead } = store;
  const tenants = new Tenants(store.registry);
  const identities = new Identities(store.registry);
  const correlations = new Correlations();
  const audit = new Audit(store, logger, {
    ...config.audit,
    onLost: (event) => metrics.auditLost.inc({ event }),
    correlationText: (number) => correlations.textOf(number),
  });
  const cache = new KeyCache(config.limits.keyMemoryBytes);
  const ivBudget = new IvBudget(store, { isOpen: (uid) => cache.has(uid) });
  const streams = new StreamTable();
  const metrics = createMetrics(region, () => ({
    openConnections: openConnections(),
    backlog: store.keys.backlog,
    heldKeys: store.keys.held,
    storeUp: store.keys.status().up,
    auditBacklog: audit.waiting,
    leases: leases.size,
    openKeys: cache.size,
    openKeyBytes: cache.heldBytes,
    leasedVersions: leases.memory.versions,
    leasedKeyBytes: leases.memory.heldBytes,
    coreUp: link.isUp,
    pushesBehind: feed.knownHead - applier.appliedHead,
    tunnelWaiting: tunnel.waiting,
    notAfter: notAfter(),
  }));
  const onReload = (outcome: 'taken' | 'refused'): void => metrics.reloads.inc({ outcome });
  const server = await ServerIdentity.open({
    config: config.tls,
    alsoTrusted: () => identities.issuers(),
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
  const parameters = clientParameters({ minVersion, keyExchange });
  let made: { readonly of: TlsMaterial; readonly secureContext: SecureContext } | undefined;
  /** As the files are now: each new connection asks. Read once, since a gateway that is cut off connects with every heartbeat. */
  const connection = () => {
    const { cert, key, ca } = client.current;
    if (made?.of !== client.current)
      made = { of: client.current, secureContext: createSecureContext({ cert, key, ca, ...parameters }) };
    return { host, port, servername, cert, key, ca, ...parameters, secureContext: made.secureContext };
  };
  const link = new CoreLink({
    logger,
    open: (lane) => {
      const { cert, key, ca, ...tls } = connection();
      return new KmipClient({ cert, key, ca, host, port, servername, tls, ...laneOptions(lane) });
    },
  });
  const applier = new PushApplier({
    store,
    tenants,
    identities,
    logger,
    isShared: crew.isShared,
    appliedHead,
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
      objectChanged: (uid, now) => {
        if (now !== undefined && cache.isUpToDate(uid, now.revision)) return;
        cache.drop(uid);
        if (now === undefined) streams.dropKey(uid);
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
    onAsked: (asked) => ownAnnouncer.asked(asked),
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
  const ring = new KeyRing({
    region,
    store,
    cache,
    leases,
    logger,
    onOpened: (uid, ivsUsed) => ivBudget.learn(uid, ivsUsed),
  });
  const leads = (): boolean => crew.leads;
  const ownAnnouncer = new Announcer({
    link,
    store,
    audit,
    logger,
    leads,
    onChanged: (uid) => {
      cache.drop(uid);
      void crew.changed([{ uid, isGone: false }]);
    },
  });
  const announcer = announcerOf(ownAnnouncer, crew);
  const tunnel = new Tunnel({ link, announcer, applier, crew });
  const services = {
    region,
    store,
    ring,
    leases,
    ivBudget,
    audit,
    backlogLimit: config.limits.backlog ?? DEFAULT_BACKLOG,
    streams,
    allowWeak: config.cryptography?.allowWeak ?? false,
    announcer,
  };
  const { hotPath } = config;
  const handler = new RequestHandler({ services, tunnel, metrics, logger, correlations, hotPath });
  // Connections are dealt out evenly, so that each worker's share bounds the whole.
  const share = crew.isShared ? workersOf(config) : 1;
  const perIdentity = config.limits.connectionsPerIdentity ?? DEFAULT_CONNECTIONS_PER_IDENTITY;
  const quota = new ConnectionQuota(Math.ceil(perIdentity / share));
  // Else handshakes of nobody could take all the places of a gateway with many workers.
  const maxHandshakes = Math.ceil(MAX_HANDSHAKES / share);
  const shared = { tls: server, quota, maxHandshakes, identities, handler, audit, metrics, logger };
  const kmipListener = new Listener({ ...config.kmip, door: kmipDoor(), ...shared });
  const httpsListener =
    config.https === undefined ? undefined : new Listener({ ...config.https, door: httpsDoor(), ...shared });
  const listeners = httpsListener === undefined ? [kmipListener] : [kmipListener, httpsListener];
  const openConnections = (): number =>
    listeners.reduce((sum, listener) => sum + listener.openConnections, 0);
  const heart = new Heart({ link, store, applier, feed, leases, logger, leads });

  const status = (): GatewayStatus => ({
    ok: true,
    status: link.isUp && feed.isCurrent && store.keys.status().up ? 'ok' : 'degraded',
    region,
    name: config.name,
    core: link.isUp ? 'connected' : 'unreachable',
    head: feed.knownHead,
    appliedHead: applier.appliedHead,
    leases: leases.status(),
    backlog: store.keys.backlog,
    store: store.keys.status(),
    auditBacklog: audit.waiting,
    connections: openConnections(),
    certificates: {
      server: certificateStatus(server.material),
      core: certificateStatus(client.current),
      revocationListUntil: notAfter().revocationList?.toISOString() ?? null,
    },
    cipher: gcm.name,
    hotPath: config.hotPath ?? 'on',
    memory: memoryLockStatus(),
  });

  // Anybody who reaches the port may ask: how many leases, and not whose.
  const publicStatus = () => ({ ...status(), leases: leases.size });

  await heart.start();
  // With the core in reach, callers that were registered while we were away are known before the port opens.
  if (link.isUp) await feed.sync().catch(() => undefined);
  const writeIvs = (): Promise<void> =>
    ivBudget
      .write()
      .catch((error: unknown) =>
        logger.error({ cause: errorMessage(error) }, 'IV counts could not be stored'),
      );
  const ivTimer = setInterval(() => void writeIvs(), HEARTBEAT_INTERVAL_MS);
  ivTimer.unref();
  let drained: Promise<void> | undefined;
  const drain = (): Promise<void> => {
    drained ??= Promise.all(listeners.map((listener) => listener.close())).then(() => audit.flush());
    return drained;
  };
  const stop = async (): Promise<void> => {
    clearInterval(ivTimer);
    server.close();
    client.close();
    await audit.flush();
    if (crew.leads && link.isUp) await handOver(ownAnnouncer, heart);
    feed.close();
    // Whatever is under way to the core ends with it, a heartbeat too.
    link.close();
    await heart.stop();
    await ownAnnouncer.stop();
    audit.close();
    await writeIvs();
    leases.close();
    streams.clear();
    cache.clear();
    await store.keys.close();
    store.close();
  };
  if (gcm.name === 'node') {
    logger.warn(
      'AES-GCM is done by the runtime’s own ciphers, slowly: npm run build:native compiles the addon',
    );
  }
  if (hotPath === 'off') logger.warn('the hot path is switched off: every request takes the general path');
  const close = async (): Promise<void> => {
    await drain();
    await stop();
  };
  const reloadTls = async (): Promise<void> => {
    await Promise.all([server.reload(), client.reload()]);
  };
  if (crew.isShared) {
    for (const listener of listeners) listener.openWithoutPort();
    crew.join({
      status,
      metrics: () => metrics.registry.getMetricsAsJSON(),
      take: (door, socket) => {
        const listener = door === 'kmip' ? kmipListener : httpsListener;
        if (listener === undefined || drained !== undefined) socket.destroy();
        else listener.take(socket);
      },
      useTicketKeys: (keys) => {
        for (const listener of listeners) listener.useTicketKeys(keys);
      },
      forget: (changes) => {
        for (const { uid, isGone } of changes) {
          cache.drop(uid);
          if (isGone) streams.dropKey(uid);
        }
      },
      kick: () => ownAnnouncer.kick(),
      flush: (tenant) => ownAnnouncer.flush(tenant),
      drain,
    });
    server.start();
    client.start();
    return { port: 0, healthUrl: '', status, reloadTls, close };
  }
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
      reloadTls,
      close: async () => {
        await drain();
        await health.close();
        await stop();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Of several processes one announces, and the others ask it to. */
function announcerOf(own: Announcer, crew: Crew): Pick<Announcer, 'kick' | 'flush'> {
  return {
    kick: () => (crew.leads ? own.kick() : crew.kick()),
    flush: (tenant) => (crew.leads ? own.flush(tenant) : crew.flush(tenant)),
  };
}

/** What the core should know before the gateway is gone: keys that wait, and the last events for its trail. */
async function handOver(announcer: Announcer, heart: Heart): Promise<void> {
  const giveUpAtMs = performance.now() + DRAIN_CORE_MS;
  await announcer.drain(DRAIN_CORE_MS);
  const leftMs = Math.max(0, giveUpAtMs - performance.now());
  await withDeadline(leftMs, 'the last heartbeat', () => heart.beat()).catch(() => undefined);
}

/**
 * Connections of each lane, and requests under way on each of them. A connection's answers come in order, so that a
 * tunnelled request, which may be slow, has one to itself (D8).
 */
const laneShapes: Readonly<Record<Lane, { readonly poolSize: number; readonly maxPending: number }>> = {
  heart: { poolSize: 1, maxPending: MAX_PENDING_PER_CONNECTION },
  hot: { poolSize: HOT_CONNECTIONS, maxPending: MAX_PENDING_PER_CONNECTION },
  lifecycle: { poolSize: TUNNEL_CONNECTIONS, maxPending: 1 },
  bulk: { poolSize: 1, maxPending: MAX_PENDING_PER_CONNECTION },
};

function laneOptions(lane: Lane) {
  const connectTimeoutMs = HEARTBEAT_TIMEOUT_MS;
  const maxResponseBytes = MAX_MESH_MESSAGE_BYTES;
  return { connectTimeoutMs, maxResponseBytes, ...laneShapes[lane] };
}

function certificateStatus({ certificate }: TlsMaterial): CertificateStatus {
  return { subject: subjectOf(certificate), notAfter: certificate.validToDate.toISOString() };
}
