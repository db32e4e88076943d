/**
 * One region inside a test process: a real core and a real gateway, joined by a proxy that can break, with a manager
 * that gives the core its jobs through the embedded broker. Databases, TLS, certificates and keys are real.
 */
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  entityOf,
  type JobKind,
  type JobPayload,
  type JobResult,
  laneOf,
  parseRegionId,
  parseTenantId,
} from '../../contracts/index.ts';
import { sealLinkSecret } from '../../contracts/sealing.ts';
import {
  type CoreConfig,
  initialiseRegion,
  type RunningCore,
  startCore,
} from '../../execution/core/index.ts';
import { type GatewayConfig, type RunningGateway, startGateway } from '../../execution/gateway/index.ts';
import { KmipClient, type MessageEncoding, type Version } from '../../execution/kmip/index.ts';
import {
  connectTransport,
  createManager,
  type JsonValue,
  type Manager,
  orbitalManagerMigrations,
  prepareEmbeddedBroker,
  type Transport,
} from '../../orbital/index.ts';
import { createLogger, type Logger } from '../../platform/log.ts';
import type { KeyAndCertificate } from '../../platform/pki.ts';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { keyFingerprint } from '../../platform/tls-identity.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { type TestPki, testPki } from '../../testkit/pki.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { type FaultProxy, startProxy } from '../../testkit/proxy.ts';
import { until as becomesTrue } from '../../testkit/until.ts';

export const REGION = 'eu-west-1';
const JOB_TIMEOUT_MS = 15_000;
const POLL_MS = 20;
// biome-ignore lint/complexity/noBannedTypes: the manager has no tables of ours in its database's type
type NoTables = {};

/** What each line of the gateway's log said, for tests that ask for a reason. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly reason?: string;
  readonly [field: string]: unknown;
}

export interface RegionWorld {
  readonly pki: TestPki;
  readonly proxy: FaultProxy;
  readonly core: RunningCore;
  readonly coreConfig: CoreConfig;
  readonly gateway: RunningGateway;
  readonly gatewayConfig: GatewayConfig;
  readonly log: readonly LogLine[];
  /** Runs a job of governance to its end. */
  job<K extends JobKind>(kind: K, payload: JobPayload<K>): Promise<JobResult<K>>;
  provision(tenant: string, ...services: string[]): Promise<void>;
  /** Opens a link epoch with a fresh secret, and with the last one beside it where there was one. */
  link(tenant: string, epoch: number): Promise<void>;
  /** A registered application's certificate. */
  application(
    name: string,
    tenant: string,
    services: readonly string[],
    options?: { operations?: string[]; certificate?: KeyAndCertificate },
  ): Promise<KeyAndCertificate>;
  /** The certificate of an application that was registered before. */
  certificate(name: string): KeyAndCertificate;
  /** One more core of the region: over the same database, and taking jobs from the same broker. Closed with the world. */
  anotherCore(instance: string): Promise<RunningCore>;
  /** One more gateway of the region, registered, which reaches `core` through a proxy of its own. Closed with the world. */
  anotherGateway(name: string, core: RunningCore): Promise<OtherGateway>;
  /** Until this gateway has applied all that the core has committed by now. */
  caughtUp(gateway: RunningGateway): Promise<void>;
  /** `https`: over HTTPS, in this encoding. `port`: of another gateway. */
  /** With which an application connects, in a process of its own perhaps. */
  access(certificate: KeyAndCertificate): ApplicationAccess;
  client(
    certificate: KeyAndCertificate,
    options?: { version?: Version; poolSize?: number; https?: MessageEncoding; port?: number },
  ): KmipClient;
  stopCore(): Promise<void>;
  startCore(): Promise<void>;
  restartGateway(change?: Partial<GatewayConfig>): Promise<void>;
  stopGateway(): Promise<void>;
  close(): Promise<void>;
}

export interface ApplicationAccess {
  readonly host: string;
  readonly port: number;
  readonly servername: string;
  /** PEM, as the next two. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly timeoutMs: number;
}

export interface OtherGateway {
  readonly gateway: RunningGateway;
  readonly proxy: FaultProxy;
}

/** How core and gateway are run: inside the test process, unless a test needs them elsewhere. */
export interface Runners {
  readonly core: typeof startCore;
  readonly gateway: typeof startGateway;
}

/** @param coreDatabase the core's, empty, as the role that owns it; one of the test process's own server when left out. */
export async function startRegion(
  lease = { ttlMs: 300_000, graceMs: 900_000 },
  run: Runners = { core: startCore, gateway: startGateway },
  coreDatabase?: { readonly url: string },
): Promise<RegionWorld> {
  const directory = temporaryDirectory('region');
  const pki = await testPki();
  const governance = generateKeyPairSync('ed25519');
  const regional = generateKeyPairSync('ed25519');
  const coreDb = coreDatabase ?? (await testDatabase());
  const [brokerDb, managerDb] = [await testDatabase(), await testDatabase()];
  const password = randomBytes(8).toString('hex');
  const region = `region_${randomBytes(4).toString('hex')}`;
  const cmk = `cmk_${randomBytes(4).toString('hex')}`;
  await prepareEmbeddedBroker(brokerDb.url, {
    governance: { user: cmk, password },
    regions: [{ name: REGION, user: region, password }],
  });
  const broker = new URL(brokerDb.url);
  broker.username = region;
  broker.password = password;

  const file = (name: string, content: string): string => {
    const path = join(directory, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const tlsFiles = (name: string, pair: KeyAndCertificate) => ({
    cert: file(`${name}.pem`, pair.certificatePem),
    key: file(`${name}.key`, pair.privateKeyPem),
    ca: file(`${name}-ca.pem`, pki.ca.certificatePem),
  });

  const certificates = new Map<string, KeyAndCertificate>();
  const links = new Map<string, { epoch: number; secret: Uint8Array }>();
  const log: LogLine[] = [];
  const gatewayLogger = createLogger({
    name: 'gateway',
    level: 'debug',
    destination: { write: (line: string) => void log.push(JSON.parse(line) as LogLine) },
  });
  const quiet = createLogger({ name: 'core', level: 'silent' });

  const coreConfig: CoreConfig = {
    cluster: 'test',
    region: REGION,
    instance: 'core-1',
    kmip: { host: '127.0.0.1', port: 0 },
    health: { host: '127.0.0.1', port: 0 },
    tls: tlsFiles('core', await pki.server()),
    database: { url: coreDb.url },
    broker: { url: broker.href },
    seal: { kind: 'development-key-file', path: join(directory, 'seal.key') },
    orbital: {
      signingKey: file(
        'orbital.pem',
        regional.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      ),
      keyId: `region:${REGION}`,
      trusted: [
        { keyId: 'cmk', publicKey: governance.publicKey.export({ type: 'spki', format: 'pem' }).toString() },
      ],
    },
    rotation: { l2AfterSeconds: 0, l3AfterSeconds: 0, ivkAfterSeconds: 0, leadSeconds: 0 },
    lease,
    log: { level: 'silent' },
  };
  await initialiseRegion(coreConfig, quiet);

  const manager = await startManager(managerDb.url, brokerDb.url, { user: cmk, password }, quiet, {
    signer: { keyId: 'cmk', privateKey: governance.privateKey },
    trusted: { keyId: `region:${REGION}`, publicKey: regional.publicKey },
  });

  let core = await run.core(coreConfig, { logger: quiet });
  // The core comes back on the same port, as the gateway's configuration expects.
  const sameCore: CoreConfig = { ...coreConfig, kmip: { ...coreConfig.kmip, port: core.port } };
  const proxy = await startProxy({ targetPort: core.port });
  const gatewayCertificate = await pki.both('gateway-1');
  let gatewayConfig: GatewayConfig = {
    region: REGION,
    name: 'gateway-1',
    kmip: { host: '127.0.0.1', port: 0 },
    https: { host: '127.0.0.1', port: 0 },
    health: { host: '127.0.0.1', port: 0 },
    tls: tlsFiles('gateway', gatewayCertificate),
    core: {
      host: '127.0.0.1',
      port: proxy.port,
      ...tlsFiles('gateway-client', gatewayCertificate),
      servername: 'localhost',
    },
    store: { path: join(directory, 'gateway.sqlite') },
    limits: { backlog: 1_000_000 },
    log: { level: 'info' },
  };
  await register(gatewayCertificate, { role: 'gateway', name: 'gateway-1' });
  let gateway = await run.gateway(gatewayConfig, { logger: gatewayLogger });
  gatewayConfig = { ...gatewayConfig, kmip: { ...gatewayConfig.kmip, port: gateway.port } };

  function job<K extends JobKind>(
    kind: K,
    payload: JobPayload<K>,
    jobId: string = randomUUID(),
  ): Promise<JobResult<K>> {
    return manager.run(kind, payload, jobId);
  }
  async function register(
    certificate: KeyAndCertificate,
    identity: {
      role: 'gateway' | 'application';
      name: string;
      tenant?: string;
      services?: string[];
      operations?: string[];
    },
  ): Promise<void> {
    await job('IDENTITY_PUT', {
      identity: { ...identity, fingerprint: keyFingerprint(certificate.certificatePem) },
    });
  }

  const others: (() => Promise<unknown>)[] = [];

  /** Asks the database: what a gateway believes the head to be may be older than what was just done. */
  async function caughtUp(one: RunningGateway): Promise<void> {
    const head = await withClient({ url: coreDb.url }, async (client) => {
      const { rows } = await client.query<{ head: string }>('select head from core.push_counter');
      return Number(rows[0]?.head);
    });
    await until('the gateway has applied what the core has pushed', () => one.status().appliedHead >= head);
  }

  const accessOf = (
    certificate: KeyAndCertificate,
    { https }: { https?: MessageEncoding } = {},
  ): ApplicationAccess => ({
    host: '127.0.0.1',
    port: (https === undefined ? gateway.port : gateway.httpsPort) ?? 0,
    servername: 'localhost',
    cert: certificate.certificatePem,
    key: certificate.privateKeyPem,
    ca: pki.ca.certificatePem,
    timeoutMs: 15_000,
  });

  return {
    pki,
    proxy,
    log,
    caughtUp,
    get core() {
      return core;
    },
    coreConfig,
    get gateway() {
      return gateway;
    },
    get gatewayConfig() {
      return gatewayConfig;
    },
    job,
    async provision(tenant, ...services) {
      await job('TENANT_PROVISION', { tenant });
      for (const service of services) await job('SERVICE_PROVISION', { tenant, service });
    },
    async link(tenant, epoch) {
      const { publicKey } = await job('LINK_PREPARE', { tenant, epoch });
      const secret = randomBytes(32);
      const jobId = randomUUID();
      const sealed = (bytes: Uint8Array, purpose: 'fresh' | 'previous') =>
        sealLinkSecret(Buffer.from(publicKey, 'base64url'), bytes, {
          tenant: parseTenantId(tenant),
          region: parseRegionId(REGION),
          epoch,
          purpose,
          job: jobId,
        });
      const last = links.get(tenant);
      const provedAt = Date.now();
      await job(
        'LINK',
        {
          tenant,
          epoch,
          provedAt: new Date(provedAt).toISOString(),
          expiresAt: new Date(provedAt + 3_600_000).toISOString(),
          secret: await sealed(secret, 'fresh'),
          ...(last === undefined
            ? {}
            : { previous: { epoch: last.epoch, secret: await sealed(last.secret, 'previous') } }),
        },
        jobId,
      );
      links.set(tenant, { epoch, secret });
    },
    async application(name, tenant, services, { operations, certificate: own } = {}) {
      const certificate = own ?? (await pki.client(name));
      await register(certificate, {
        role: 'application',
        name,
        tenant,
        services: [...services],
        ...(operations === undefined ? {} : { operations }),
      });
      certificates.set(name, certificate);
      await caughtUp(gateway);
      return certificate;
    },
    certificate(name) {
      const known = certificates.get(name);
      if (known === undefined) throw new Error(`${name} was never registered`);
      return known;
    },
    access: (certificate) => accessOf(certificate),
    client: (certificate, options = {}) => new KmipClient({ ...accessOf(certificate, options), ...options }),
    async anotherCore(instance) {
      const other = await run.core({ ...coreConfig, instance }, { logger: quiet });
      others.push(() => other.close());
      return other;
    },
    async anotherGateway(name, { port }) {
      const certificate = await pki.both(name);
      await register(certificate, { role: 'gateway', name });
      const own = await startProxy({ targetPort: port });
      others.push(() => own.close());
      const other = await run.gateway(
        {
          ...gatewayConfig,
          name,
          kmip: { host: '127.0.0.1', port: 0 },
          https: { host: '127.0.0.1', port: 0 },
          tls: tlsFiles(name, certificate),
          core: { ...gatewayConfig.core, port: own.port, ...tlsFiles(`${name}-client`, certificate) },
          store: { path: join(directory, `${name}.sqlite`) },
        },
        { logger: gatewayLogger },
      );
      others.push(() => other.close());
      return { gateway: other, proxy: own };
    },
    async stopCore() {
      await core.close();
    },
    async startCore() {
      core = await run.core(sameCore, { logger: quiet });
    },
    async stopGateway() {
      await gateway.close();
    },
    async restartGateway(change = {}) {
      gatewayConfig = { ...gatewayConfig, ...change };
      gateway = await run.gateway(gatewayConfig, { logger: gatewayLogger });
    },
    async close() {
      // The last one first: a gateway before its proxy, and that before its core.
      for (const end of others.reverse()) await end();
      await gateway.close();
      await proxy.close();
      await core.close();
      await manager.close();
    },
  };
}

async function startManager(
  managerUrl: string,
  brokerUrl: string,
  login: { user: string; password: string },
  logger: Logger,
  keys: Pick<Parameters<typeof createManager>[0], 'signer'> & {
    trusted: { keyId: string; publicKey: ReturnType<typeof generateKeyPairSync>['publicKey'] };
  },
) {
  const db = createDatabase<NoTables>(createPool({ url: managerUrl, applicationName: 'manager' }));
  await migrate(db, orbitalManagerMigrations, { table: 'orbital_manager_migrations' });
  const address = new URL(brokerUrl);
  address.username = '';
  address.password = '';
  const transport: Transport = await connectTransport(
    address.href,
    { plane: 'governance' },
    { credentials: login },
  );
  const manager: Manager<NoTables> = createManager<NoTables>({
    db,
    transport,
    signer: keys.signer,
    keysOf: () => [keys.trusted],
    handlers: {},
    logger,
    listenOn: { url: managerUrl },
  });
  await manager.start();

  return {
    async run<K extends JobKind>(kind: K, payload: JobPayload<K>, jobId: string): Promise<JobResult<K>> {
      const id = await db.transaction().execute((trx) =>
        manager.createJob(trx, {
          jobId,
          kind,
          entity: entityOf(kind, payload),
          lane: laneOf(kind),
          correlationId: randomUUID(),
          deadlineMs: kind === 'UNLINK' ? null : JOB_TIMEOUT_MS,
          cancelsOlder: kind === 'UNLINK',
          tasks: [{ target: REGION, payload: payload as unknown as JsonValue }],
        }),
      );
      const end = performance.now() + JOB_TIMEOUT_MS;
      for (;;) {
        const found = await manager.getJob(id);
        const task = found?.tasks[0];
        if (found?.settledAt != null) {
          if (found.state !== 'done')
            throw new Error(`${kind} ended as ${found.state}: ${JSON.stringify(task)}`);
          return task?.result as unknown as JobResult<K>;
        }
        if (performance.now() > end)
          throw new Error(`${kind} is still ${found?.state}: ${JSON.stringify(task)}`);
        await delay(POLL_MS);
      }
    },
    async close() {
      await manager.stop();
      await transport.close();
      await db.destroy();
    },
  };
}

/** Waits until `look` is true; fails after `withinMs`, naming what was waited for. Returns how long it took. */
export async function until(
  what: string,
  look: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<number> {
  return await becomesTrue(what, look, withinMs);
}
