/** The core as one thing that starts and closes: what `main.ts` runs as a process, and tests run inside their own. */
import { parseRegionId, regionLog } from '../../contracts/index.ts';
import {
  brokerTls,
  connectTransport,
  createOperator,
  type Operator,
  RejectionSums,
  readSigner,
  type Transport,
} from '../../orbital/index.ts';
import { describeFault } from '../../platform/hash-chain.ts';
import { startHealthServer } from '../../platform/http-health.ts';
import { createLogger, type Logger } from '../../platform/log.ts';
import { createRegistry } from '../../platform/metrics.ts';
import { startTracing } from '../../platform/tracing.ts';
import { StreamTable } from '../cipher/index.ts';
import { memoryLockStatus } from '../envelope/index.ts';
import {
  createKeychain,
  createKeyStore,
  DEFAULT_PROGRESS_TTL_MS,
  type Keychain,
  type RotationDefaults,
  WrapBlocks,
} from '../keychain/index.ts';
import { startAdminServer } from './admin/server.ts';
import { recordRefused } from './audit/refused-messages.ts';
import { AuditRounds } from './audit/rounds.ts';
import { TrailSigner } from './audit/signing.ts';
import { UnsealingRecord } from './audit/unsealings.ts';
import type { CoreConfig } from './config.ts';
import { openDatabase, prepareDatabase } from './database.ts';
import type { JobDependencies } from './jobs/dependencies.ts';
import { jobHandlers } from './jobs/handlers.ts';
import { startUpkeep } from './keys/upkeep.ts';
import { Later } from './kmip/later.ts';
import { HOUSEKEEPING_EVERY_MS, UNSEAL_RETRY_MS } from './limits.ts';
import { LinkRounds } from './link-rounds.ts';
import { ManifestRounds } from './manifest/pages.ts';
import { startManifests } from './manifest/reports.ts';
import type { MeshDependencies } from './mesh/dependencies.ts';
import { Elsewhere } from './mesh/elsewhere.ts';
import { Gateways } from './mesh/gateways.ts';
import { listenForGateways } from './mesh/listener.ts';
import { PushHub } from './mesh/push-hub.ts';
import { createMetrics } from './metrics.ts';
import { regionSummary, type StatusSources, startReports } from './report.ts';
import { configuredKeys, keyDirectoryOf } from './signing/configured.ts';
import { GovernanceKeys } from './signing/governance-keys.ts';
import { OwnKeys } from './signing/own-keys.ts';
import { pruneAsynchronous } from './store/asynchronous.ts';
import { pruneLeases } from './store/leases.ts';
import { prunePushes } from './store/pushes.ts';
import { keysIn, type RegionDb } from './store/tables.ts';
import { RegionSeal } from './unsealing/region-seal.ts';

export interface CoreParts {
  readonly logger?: Logger;
  /** A broker that is there already; otherwise the configured one is connected. The caller closes it. */
  readonly transport?: Transport;
}

export interface RunningCore {
  /** Where gateways connect. */
  readonly port: number;
  /** Where operators connect; absent when the configuration has no admin listener. */
  readonly adminPort?: number;
  readonly healthUrl: string;
  /** For tests and for whoever runs a core inside another process; a process alone needs none of these. */
  readonly db: RegionDb;
  readonly keychain: Keychain;
  /** Reads certificates, keys and revocation lists now, whether they look changed or not. Never rejects. */
  reloadTls(): Promise<void>;
  close(): Promise<void>;
}

/** What has been started, to be stopped in reverse order, also when the start fails half-way. */
class Steps {
  readonly #steps: (() => unknown)[] = [];
  add(step: () => unknown): void {
    this.#steps.push(step);
  }
  async close(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step();
  }
}

/** Resolves when gateways are served; a sealed region starts too, and says so. Rejects when something essential is away. */
export async function startCore(config: CoreConfig, parts: CoreParts = {}): Promise<RunningCore> {
  const logger =
    parts.logger ??
    createLogger({ name: `core ${config.region}/${config.instance}`, level: config.log.level });
  const steps = new Steps();
  try {
    return await start(config, parts, logger, steps);
  } catch (error) {
    await steps.close();
    throw error;
  }
}

async function start(
  config: CoreConfig,
  parts: CoreParts,
  logger: Logger,
  steps: Steps,
): Promise<RunningCore> {
  const startedAt = new Date();
  const region = parseRegionId(config.region);
  const registry = createRegistry({ labels: { component: 'core', region, instance: config.instance } });
  const metrics = createMetrics(registry);
  if (config.tracing !== undefined) {
    const resource = {
      'service.name': 'okcm-core',
      'service.namespace': config.cluster,
      'service.instance.id': `${region}/${config.instance}`,
    };
    const tracing = startTracing(config.tracing, resource, logger);
    steps.add(() => tracing.stop());
  }

  const { db } = openDatabase(config, logger);
  steps.add(() => db.destroy());
  await prepareDatabase(db);
  const seal = new RegionSeal(config);
  const keychain = await createKeychain({
    db: keysIn(db),
    cluster: config.cluster,
    region,
    seal,
    logger,
    store: createKeyStore(config.keyStore, { cluster: config.cluster, region }),
    rotation: rotationOf(config),
    ...(config.keyMemoryBytes === undefined ? {} : { limits: { keyMemoryBytes: config.keyMemoryBytes } }),
  });
  steps.add(() => keychain.close());

  const unsealings = new UnsealingRecord({ db, instance: config.instance, keychain, seal });
  await unsealings.note();

  const gateways = new Gateways();
  const elsewhere = new Elsewhere(db, logger);
  const hub = new PushHub(config.database.url, {
    onKeysChanged: () => keychain.recheck(),
    onAnnounced: () => elsewhere.told(),
    logger,
  });
  steps.add(() => hub.close());
  const { instance, lease } = config;
  const wraps = new WrapBlocks(keysIn(db));
  const later = new Later(logger);
  steps.add(() => later.stop());
  const streams = new StreamTable();
  steps.add(() => streams.clear());
  const cryptography = { allowWeak: config.cryptography?.allowWeak ?? false, streams };
  const mesh: MeshDependencies = {
    db,
    region,
    instance,
    keychain,
    wraps,
    cryptography,
    lease,
    hub,
    shareKeys: config.gateways?.shareKeys ?? false,
    gateways,
    elsewhere,
    later,
    metrics,
    logger,
  };
  const listener = await listenForGateways(mesh, config);
  steps.add(() => listener.close());

  const transport = parts.transport ?? (await connectBroker(config, logger, steps));
  const recheckConnections = () => listener.recheck();
  const signing = await openSigning(config, db, logger, steps);
  const { signer } = signing.own;
  const handlers = jobHandlers({
    db,
    instance,
    keychain,
    streams,
    hub,
    lease,
    recheckConnections,
    signing,
    logger,
  });
  const refused = new RejectionSums((sums) => recordRefused(db, instance, sums), logger);
  steps.add(() => refused.stop());
  const operator = createOperator({
    db,
    transport,
    region,
    trustedKeys: () => signing.governance.trusted(),
    signer,
    handlers,
    logger,
    listenOn: { url: config.database.url },
    onRejected: (rejection) => refused.add(rejection),
    registry,
  });
  await operator.start();
  steps.add(() => operator.stop());

  const trail = new TrailSigner(db, signer, regionLog(region), (faults) => {
    metrics.setTrailBroken(faults.length > 0);
    if (faults.length > 0)
      logger.error(
        { faults: faults.map(describeFault) },
        'the audit trail is broken: somebody has changed it, and nothing more of it is signed',
      );
  });
  const audit = new AuditRounds(db, trail);
  const rounds = new LinkRounds(keychain);
  const sources = { config, startedAt, db, keychain, rounds, gateways, audit };
  startStatus(
    sources,
    operator,
    steps,
    (head) => {
      metrics.setHead(head);
      metrics.setSubscribers(hub.subscribers.size);
      metrics.setSealed(keychain.sealState === 'sealed');
    },
    logger,
  );
  const manifests = startManifests({
    region,
    rounds: new ManifestRounds(db, keychain),
    operator,
    logger,
    everyMs: config.manifest?.everyMs,
  });
  steps.add(() => manifests.stop());
  startHousekeeping({ db, keychain, unsealings, lease }, steps, logger);
  const upkeep = startUpkeep({ db, instance, keychain, metrics, logger });
  steps.add(() => upkeep.stop());

  const health = await startHealthServer({ ...config.health, registry, health: () => healthOf(sources) });
  steps.add(() => health.close());
  const { admin: adminConfig } = config;
  const binding = { cluster: config.cluster, region };
  const ttlMs = config.seal.kind === 'shamir' ? config.seal.progressTtlMs : DEFAULT_PROGRESS_TTL_MS;
  const unsealingParts = { db, instance, binding, keychain, seal, logger, ttlMs, audit };
  const admin =
    adminConfig === undefined
      ? undefined
      : await startAdminServer({ tls: config.tls, admin: adminConfig }, unsealingParts);
  steps.add(() => admin?.close());
  logger.info(
    { region, port: listener.port, admin: admin?.port, health: health.url, seal: keychain.sealState },
    'ready',
  );
  return {
    port: listener.port,
    ...(admin === undefined ? {} : { adminPort: admin.port }),
    healthUrl: health.url,
    db,
    keychain,
    reloadTls: async () => {
      await Promise.all([listener.reloadTls(), admin?.reloadTls()]);
    },
    close: () => steps.close(),
  };
}

function rotationOf({ rotation }: CoreConfig): RotationDefaults {
  return {
    l2AfterMs: rotation.l2AfterSeconds * 1000,
    l3AfterMs: rotation.l3AfterSeconds * 1000,
    ivkAfterMs: rotation.ivkAfterSeconds * 1000,
    leadMs: rotation.leadSeconds * 1000,
  };
}

async function connectBroker(config: CoreConfig, logger: Logger, steps: Steps): Promise<Transport> {
  const transport = await connectTransport(
    config.broker.url,
    { plane: 'region', region: config.region },
    {
      ...(await brokerTls(config.broker)),
      onTrouble: (err) => logger.warn({ err }, 'the broker has trouble'),
    },
  );
  steps.add(() => transport.close());
  return transport;
}

/** Whom the region trusts, and by what it signs: both change while it runs. */
async function openSigning(
  config: CoreConfig,
  db: RegionDb,
  logger: Logger,
  steps: Steps,
): Promise<JobDependencies['signing']> {
  const { keyId, signingKey } = config.orbital;
  const governance = new GovernanceKeys(db, await configuredKeys(config));
  const configured = await readSigner(signingKey, keyId);
  const own = new OwnKeys({ db, configured, directory: keyDirectoryOf(config), logger });
  const following = await own.start();
  steps.add(() => following.stop());
  return { governance, own };
}

function startStatus(
  sources: StatusSources,
  operator: Operator,
  steps: Steps,
  onReport: (head: number) => void,
  logger: Logger,
): void {
  const reports = startReports(sources, operator, logger, onReport);
  steps.add(() => reports.stop());
}

function startHousekeeping(
  {
    db,
    keychain,
    unsealings,
    lease,
  }: {
    readonly db: RegionDb;
    readonly keychain: Keychain;
    readonly unsealings: UnsealingRecord;
    readonly lease: CoreConfig['lease'];
  },
  steps: Steps,
  logger: Logger,
): void {
  const pruning = setInterval(() => {
    prunePushes(db).catch((err: unknown) => logger.warn({ err }, 'old pushes could not be pruned'));
    pruneLeases(db, lease).catch((err: unknown) => logger.warn({ err }, 'old leases could not be pruned'));
    pruneAsynchronous(db).catch((err: unknown) => logger.warn({ err }, 'old answers could not be pruned'));
  }, HOUSEKEEPING_EVERY_MS).unref();
  // The seal may come back, or the region be initialised, while we wait: nobody has to restart us for that.
  const open = async (): Promise<void> => {
    await unsealings.note();
    await keychain.unseal().catch((err: unknown) => logger.debug({ err }, 'the region is still sealed'));
    await unsealings.note();
  };
  const unsealing = setInterval(() => {
    open().catch((err: unknown) => logger.warn({ err }, 'the state of the seal is not in the trail yet'));
  }, UNSEAL_RETRY_MS).unref();
  steps.add(() => {
    clearInterval(pruning);
    clearInterval(unsealing);
  });
}

async function healthOf(sources: StatusSources) {
  const { region, core, head, gateways, linkCounts = null } = await regionSummary(sources);
  const isSealed = core.seal === 'sealed';
  return {
    ok: !isSealed,
    status: isSealed ? 'sealed' : 'ok',
    region,
    seal: core.seal,
    head,
    gateways,
    links: linkCounts,
    memory: memoryLockStatus(),
  };
}
