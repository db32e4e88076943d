/**
 * One CMK process: the governance plane (separation record, "OpenKCM CMK"). It serves the REST API, keeps the links of
 * the tenants' L1 keys alive, and speaks to regions through Orbital alone. Any number of these may share a database.
 */
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import {
  brokerTls,
  connectTransport,
  createManager,
  KeyDirectory,
  type Manager,
  orbitalManagerMigrations,
  RejectionSums,
  readSigner,
  type Transport,
} from '../orbital/index.ts';
import { waitAtMost } from '../platform/backoff.ts';
import { OkcmError } from '../platform/errors.ts';
import { type HealthServer, startHealthServer } from '../platform/http-health.ts';
import { createLogger, type Logger } from '../platform/log.ts';
import { createRegistry } from '../platform/metrics.ts';
import { createDatabase, createPool, migrate } from '../platform/postgres.ts';
import { listen } from '../platform/postgres-listen.ts';
import { startTracing } from '../platform/tracing.ts';
import { createAuthenticator } from './access/authenticate.ts';
import { openCredentials } from './access/credentials.ts';
import { DEVELOPMENT_ISSUER } from './access/development-issuer.ts';
import { openTlsListener } from './api/listener.ts';
import { loginRoutes } from './api/routes/login.ts';
import { createApi } from './api/server.ts';
import { recordRefused } from './audit/refused-messages.ts';
import { openAudit } from './audit/service.ts';
import type { CmkConfig } from './config.ts';
import type { Cmk } from './context.ts';
import { createHandlers } from './dispatch/handlers.ts';
import { regionNames } from './domain/lookups.ts';
import { compareManifests, onRegionReport } from './drift/compare.ts';
import { isLoopback } from './keystores/configs.ts';
import { createKeystoreRegistry, type KeystoreRegistry } from './keystores/registry.ts';
import {
  DRIFT_CHECK_EVERY_MS,
  DRIFT_RETRY_MS,
  DRIFT_SETTLE_MS,
  DRILL_CHECK_MS,
  EXPIRY_POLL_MS,
  IDEMPOTENCY_SWEEP_MS,
  REQUEST_POOL_MAX,
  WORK_POOL_MAX,
} from './limits.ts';
import { startProbing } from './links/probe.ts';
import { LINK_WAKE_CHANNEL } from './links/rows.ts';
import { startSealing } from './links/sealing.ts';
import { renewDueLinks, rotateDueLinks } from './links/upkeep.ts';
import { createCmkMetrics } from './metrics.ts';
import { startNotifications } from './notifications/deliver.ts';
import { readNotificationSettings } from './notifications/settings.ts';
import { startPeriodic } from './periodic.ts';
import { Portal } from './portal/index.ts';
import { checkOrigin } from './portal/settings.ts';
import { keysOfRegion } from './signing/region-keys.ts';
import { Signing } from './signing/signer.ts';
import { endDueDrills } from './simulation/drills.ts';
import { collectGauges } from './store/gauges.ts';
import { forgetExpiredKeys } from './store/idempotency.ts';
import { cmkMigrations, grantToAppRole } from './store/migrations.ts';
import type { CmkDatabase } from './store/schema.ts';
import { asPlatform, type Db } from './store/transactions.ts';
import { expireProposals } from './workflows/proposals.ts';

const GAUGES_EVERY_MS = 5_000;
const STOP_MS = 3_000;

export interface CmkDeps {
  readonly logger?: Logger;
  /** The caller's: it stays open when CMK closes. */
  readonly transport?: Transport;
  readonly keystores?: KeystoreRegistry;
  /** How long a crashed worker's claim on a link lasts, in milliseconds. */
  readonly sealClaimMs?: number;
}

export interface RunningCmk {
  /** Of the REST API. */
  readonly url: string;
  readonly healthUrl: string;
  /** Ends requests and work in hand, then closes what it opened. */
  close(): Promise<void>;
}

/** Migrates the database, then serves. Rejects when the database or a file of the configuration is not there. */
export async function startCmk(config: CmkConfig, deps: CmkDeps = {}): Promise<RunningCmk> {
  const logger = deps.logger ?? createLogger({ name: 'cmk', level: config.log.level });
  refusePlainHttp(config);
  if (config.portal !== undefined) checkOrigin(config.portal, config.development);
  const credentials = await openCredentials(config, logger);
  const { keyId, signingKey, keyDirectory = join(dirname(signingKey), 'signing-keys') } = config.orbital;
  const configured = await readSigner(signingKey, keyId);
  const notifications =
    config.notifications === undefined ? undefined : await readNotificationSettings(config.notifications);
  await prepareDatabase(config);

  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (let step = closing.pop(); step !== undefined; step = closing.pop()) await step();
  };
  if (config.tracing !== undefined) {
    const resource = { 'service.name': 'okcm-cmk', 'service.namespace': config.cluster };
    const tracing = startTracing(config.tracing, resource, logger);
    closing.push(() => tracing.stop());
  }
  try {
    const connect = (max: number, applicationName: string): Db => {
      const pool = createPool({ url: config.database.appUrl, max, applicationName, logger });
      const db = createDatabase<CmkDatabase>(pool);
      closing.push(() => db.destroy());
      return db;
    };
    const [db, workDb] = [connect(REQUEST_POOL_MAX, 'cmk'), connect(WORK_POOL_MAX, 'cmk work')];
    const transport = deps.transport ?? (await connectBroker(config, logger));
    if (deps.transport === undefined) closing.push(() => transport.close());

    const registry = createRegistry({ labels: { component: 'cmk' } });
    const metrics = createCmkMetrics(registry);
    const directory = new KeyDirectory(keyDirectory);
    const signing = await Signing.open({ db: workDb, configured, directory, logger });
    const orbital = {
      transport,
      signer: signing.signer,
      keysOf: (region: string) => keysOfRegion(workDb, region),
      handlers: createHandlers({
        link: config.link,
        metrics,
        retryJob: (trx, job) => manager.retryJob(trx, job),
        manager: { createJob: (trx, spec) => manager.createJob(trx, spec) },
      }),
      logger,
    };
    const manager: Manager<CmkDatabase> = createManager({ ...orbital, db });
    const refused = new RejectionSums((sums) => recordRefused(workDb, sums), logger);
    closing.push(() => refused.stop());
    /** The one that is started: it sends and takes in, where the other is asked. */
    const working: Manager<CmkDatabase> = createManager({
      ...orbital,
      db: workDb,
      onReport: (source, report, at, signedBy) => onRegionReport(work, source, report, { at, signedBy }),
      onRejected: (rejection) => refused.add(rejection),
      regions: () => asPlatform(workDb, regionNames),
      listenOn: { url: config.database.appUrl },
      registry,
    });
    const audit = await openAudit(config, { db: workDb, logger, registry });
    const cmk: Cmk = {
      cluster: config.cluster,
      startedAt: new Date(),
      development: config.development,
      db,
      manager,
      keystores: deps.keystores ?? createKeystoreRegistry(),
      keystoreDirectory:
        config.keystoreDirectory ?? dirname(config.auth.developmentToken ?? config.orbital.signingKey),
      pkcs11Modules: config.pkcs11Modules ?? [],
      link: config.link,
      drift: config.drift ?? {
        checkEveryMs: DRIFT_CHECK_EVERY_MS,
        settleMs: DRIFT_SETTLE_MS,
        retryMs: DRIFT_RETRY_MS,
      },
      logger,
      metrics,
      brokerHealthy: () => transport.healthy(),
      notifications,
      audit,
      signing,
      developmentOperators: credentials.developmentTokens?.operators ?? [],
    };
    const work: Cmk = { ...cmk, db: workDb };
    await working.start();
    closing.push(() => working.stop());
    closing.push(...startWork(work, config, deps, [...audit.start(), signing.start()]));

    const tls = config.http.tls === undefined ? undefined : await openTlsListener(config.http.tls, logger);
    if (tls !== undefined) closing.push(async () => tls.identity.close());
    let url = '';
    const portal = await Portal.open({ config, credentials, cmk, listensAt: () => url });
    const api = await createApi(cmk, {
      portal,
      authenticator: createAuthenticator({ db, ...credentials, revocations: tls?.identity.revocations }),
      serverFactory: tls?.serverFactory,
      connections: { perAddress: config.http.connectionsPerAddress, behindProxy: config.http.behindProxy },
      extraRoutes: loginRoutes(credentials.issuers, credentials.developmentIssuer),
    });
    closing.push(() => api.close());
    await api.listen({ host: config.http.host, port: config.http.port });
    const { port } = api.server.address() as AddressInfo;
    url = `${tls === undefined ? 'http' : 'https'}://${hostInUrl(config)}:${port}`;
    credentials.developmentIssuer?.listensAt(url, portal?.callbackOf(DEVELOPMENT_ISSUER));
    const health = await startHealth(cmk, config, registry);
    closing.push(() => health.close());
    logger.info({ url, health: health.url }, 'ready');
    return { url, healthUrl: health.url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const hostInUrl = ({ http: { host } }: CmkConfig): string => (host.includes(':') ? `[${host}]` : host);

/** Tokens that others can read on their way are theirs, too. */
function refusePlainHttp(config: CmkConfig): void {
  const { tls, behindProxy } = config.http;
  if (tls !== undefined || behindProxy === true || config.development || isLoopback(hostInUrl(config)))
    return;
  throw new OkcmError('CMK_PLAIN_HTTP', 'others can reach http.host, and it would speak plain HTTP', {
    hint: 'Set "http.tls", bind it to loopback, or set "http.behindProxy": true where only a TLS proxy reaches it.',
  });
}

/** As the owner: migrate, then grant to the role that serves, which owns nothing. */
async function prepareDatabase(config: CmkConfig): Promise<void> {
  const owner = createDatabase<unknown>(
    createPool({ url: config.database.ownerUrl, max: 2, applicationName: 'cmk migrations' }),
  );
  try {
    const appRole = decodeURIComponent(new URL(config.database.appUrl).username);
    await refuseUnboundRole(owner, appRole);
    await migrate(owner, orbitalManagerMigrations, { table: 'orbital_migrations' });
    await migrate(owner, cmkMigrations, { table: 'cmk_migrations' });
    await grantToAppRole(owner, appRole);
  } finally {
    await owner.destroy();
  }
}

/** Row-level security holds neither owners nor superusers, nor who is exempt from it, nor who can become one of these. */
async function refuseUnboundRole(owner: Kysely<unknown>, appRole: string): Promise<void> {
  const { rows } = await sql`
    SELECT FROM pg_roles WHERE (rolsuper OR rolbypassrls OR rolname = current_user)
      AND pg_has_role(${appRole}::name, oid, 'MEMBER')`.execute(owner);
  if (rows.length > 0)
    throw new OkcmError('CMK_ROLES', 'database.appUrl must name a role of its own', {
      hint: 'Row-level security holds no role that owns the tables, is a superuser, has BYPASSRLS, or is a member of such a role.',
    });
}

async function connectBroker(config: CmkConfig, logger: Logger): Promise<Transport> {
  return await connectTransport(
    config.broker.url,
    { plane: 'governance' },
    {
      ...(await brokerTls(config.broker)),
      replicas: config.broker.replicas,
      onTrouble: (error) => logger.warn({ err: error }, 'trouble with the broker; it is tried again'),
    },
  );
}

/** Everything that runs by itself; each may fail and is run again. Returns how to stop it. */
function startWork(
  cmk: Cmk,
  config: CmkConfig,
  deps: CmkDeps,
  others: readonly { stop(): Promise<void> }[],
): (() => Promise<void>)[] {
  const sealing = startSealing(cmk, deps.sealClaimMs);
  const wake = (): void => sealing.wake();
  const listener = listen(config.database.appUrl, LINK_WAKE_CHANNEL, wake, {
    onConnected: wake,
    logger: cmk.logger,
  });
  const works: { stop(): Promise<void> }[] = [
    sealing,
    startProbing(cmk),
    // Each link has its own due time; how often we look only bounds the delay.
    startPeriodic('renew links', Math.min(cmk.link.probeEveryMs, cmk.link.renewEveryMs), cmk.logger, () =>
      renewDueLinks(cmk),
    ),
    startPeriodic('rotate links', cmk.link.probeEveryMs, cmk.logger, () => rotateDueLinks(cmk)),
    startPeriodic('end drills', DRILL_CHECK_MS, cmk.logger, () => endDueDrills(cmk)),
    startPeriodic('gauges', GAUGES_EVERY_MS, cmk.logger, () => collectGauges(cmk)),
    startPeriodic('expire proposals', EXPIRY_POLL_MS, cmk.logger, () => expireProposals(cmk)),
    ...(cmk.notifications === undefined ? [] : [startNotifications(cmk, cmk.notifications)]),
    startPeriodic('idempotency keys', IDEMPOTENCY_SWEEP_MS, cmk.logger, () => forgetExpiredKeys(cmk.db)),
    ...others,
    startPeriodic('compare manifests', cmk.drift.checkEveryMs, cmk.logger, () => compareManifests(cmk)),
  ];
  // A keystore that hangs does not hold up the end: whatever is cut off here is resumed from the rows.
  const stop = (work: { stop(): Promise<void> }) => () => waitAtMost(STOP_MS, work.stop());
  return [...works.map(stop), () => listener.stop()];
}

/** Healthy means that requests can be served: the database answers. The broker may be away, jobs wait for it. */
async function startHealth(
  cmk: Cmk,
  config: CmkConfig,
  registry: ReturnType<typeof createRegistry>,
): Promise<HealthServer> {
  return await startHealthServer({
    host: config.health.host,
    port: config.health.port,
    registry,
    health: async () => {
      await cmk.db.selectFrom('regions').select('name').limit(1).execute();
      return { ok: true, status: 'ok', component: 'cmk', cluster: cmk.cluster, broker: cmk.brokerHealthy() };
    },
  });
}
