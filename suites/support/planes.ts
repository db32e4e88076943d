/**
 * Both planes in the test process: a real CMK with its software keystore, the real cores of two regions, a gateway in
 * the first, and the embedded broker between them, of which everything is recorded that it carries.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CoreConfig,
  initialiseRegion,
  type RunningCore,
  startCore,
} from '../../execution/core/index.ts';
import { readHead } from '../../execution/core/store/pushes.ts';
import { type GatewayConfig, type RunningGateway, startGateway } from '../../execution/gateway/index.ts';
import { KmipClient, Operation } from '../../execution/kmip/index.ts';
import type { CmkConfig } from '../../governance/config.ts';
import { startWorld, type World } from '../../governance/test-world.ts';
import {
  connectTransport,
  prepareEmbeddedBroker,
  type Transport,
  TransportError,
} from '../../orbital/index.ts';
import { createLogger } from '../../platform/log.ts';
import type { KeyAndCertificate } from '../../platform/pki.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testPki } from '../../testkit/pki.ts';
import { freshPostgres, testDatabase } from '../../testkit/postgres.ts';
import { create } from './applications.ts';
import { until } from './region.ts';
import { bodyOfFrame } from './stolen.ts';

const REGIONS = ['eu', 'us'] as const;
export type RegionName = (typeof REGIONS)[number];
const LINK_TTL_MS = 86_400_000;
const RENEW_EVERY_MS = 3_600_000;
const PROBE_EVERY_MS = 1_000;
const WAIT_MS = 20_000;
const quiet = createLogger({ name: 'planes', level: 'silent' });

export interface PlaneRegion {
  readonly core: RunningCore;
  readonly config: CoreConfig;
  /** As the superuser. */
  readonly databaseUrl: string;
  readonly sealPath: string;
}

export interface Planes {
  readonly world: World;
  readonly recording: Recording;
  readonly eu: PlaneRegion;
  readonly us: PlaneRegion;
  readonly cmkUrl: string;
  readonly brokerUrl: string;
  /** Where PostgreSQL keeps all databases. */
  readonly dataDirectory: string;
  /** A tenant in both regions with these services, and a key that is not linked yet. */
  onboard(tenant: string, ...services: string[]): Promise<void>;
  /** Links, and waits until both regions have replaced what stood on the regional secret alone. */
  link(tenant: string): Promise<void>;
  unlink(tenant: string): Promise<void>;
  rotateLink(tenant: string): Promise<void>;
  /** Asks for a first link, and closes it before `eu` has heard of it. */
  closeBeforeOpen(tenant: string): Promise<void>;
  /** Until nothing is to be done for the tenant's keys in either region. */
  settled(tenant: string): Promise<void>;
  /** A new AES key, made by the gateway of `eu` under this version of L3 and announced to its core. Returns its UID. */
  createKey(tenant: string, service: string, l3Version: number): Promise<string>;
  /** A copy of the gateway's store and its log; returns the path. */
  copyGatewayStore(): string;
  close(): Promise<void>;
}

/** Everything that anybody published, in order, and a hand on what is about to be. */
export class Recording {
  readonly frames: Uint8Array[] = [];
  readonly #holds = new Set<{ kind: string; target: string; then: () => Promise<void> }>();

  /** Runs `then` before each task of this kind goes to this region; where it throws, the task goes nowhere. */
  async beforeTask(kind: string, target: string, then: () => Promise<void>, act: () => Promise<void>) {
    const hold = { kind, target, then };
    this.#holds.add(hold);
    try {
      await act();
    } finally {
      this.#holds.delete(hold);
    }
  }

  record(transport: Transport): Transport {
    return {
      consume: (...args) => transport.consume(...args),
      close: () => transport.close(),
      healthy: () => transport.healthy(),
      publish: async (channel, message) => {
        this.frames.push(message);
        const { kind, target } = bodyOfFrame(message);
        for (const hold of this.#holds) if (hold.kind === kind && hold.target === target) await hold.then();
        await transport.publish(channel, message);
      },
    };
  }
}

export interface PlanesOptions {
  /** Of CMK. */
  readonly drift?: CmkConfig['drift'];
  /** Of the cores. */
  readonly manifest?: CoreConfig['manifest'];
}

export async function startPlanes({ drift, manifest }: PlanesOptions = {}): Promise<Planes> {
  const directory = temporaryDirectory('planes');
  const server = await freshPostgres({ directory });
  const pki = await testPki();
  const [cmkDb, brokerDb] = [await testDatabase(server), await testDatabase(server)];
  const [ownerUrl, appUrl] = [await cmkDb.roleUrl('cmk_owner'), await cmkDb.roleUrl('cmk_app')];
  await withClient({ url: cmkDb.url }, (client) =>
    client.query(`ALTER DATABASE ${cmkDb.name} OWNER TO cmk_owner`),
  );
  const password = randomBytes(8).toString('hex');
  const login = (name: string) => ({ user: `broker_${name}`, password });
  await prepareEmbeddedBroker(brokerDb.url, {
    governance: login('governance'),
    regions: REGIONS.map((name) => ({ name, ...login(name) })),
  });
  const brokerUrl = (name: string): string => {
    const url = new URL(brokerDb.url);
    url.username = login(name).user;
    url.password = password;
    return url.href;
  };
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
  const recording = new Recording();
  const steps: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) await step();
  };
  const connected = async (
    role: Parameters<typeof connectTransport>[1],
    name: string,
  ): Promise<Transport> => {
    const transport = await connectTransport(brokerUrl(name), role);
    steps.push(() => transport.close());
    return recording.record(transport);
  };

  const world = await startWorld({
    ownerUrl,
    appUrl,
    adminUrl: cmkDb.url,
    brokerUrl,
    directory,
    regions: [],
    link: { ttlMs: LINK_TTL_MS, renewEveryMs: RENEW_EVERY_MS, probeEveryMs: PROBE_EVERY_MS },
    deps: { transport: await connected({ plane: 'governance' }, 'governance') },
    ...(drift === undefined ? {} : { configure: (config) => ({ ...config, drift }) }),
  });
  steps.push(() => world.close());
  const pem = (key: KeyObject, type: 'spki' | 'pkcs8') => key.export({ type, format: 'pem' }).toString();
  const ofGovernance = readFileSync(world.config.orbital.signingKey);

  async function startRegion(name: RegionName): Promise<PlaneRegion> {
    const signing = generateKeyPairSync('ed25519');
    const { url } = await testDatabase(server);
    const config: CoreConfig = {
      cluster: 'test',
      region: name,
      instance: 'core-1',
      kmip: { host: '127.0.0.1', port: 0 },
      health: { host: '127.0.0.1', port: 0 },
      tls: tlsFiles(`${name}-core`, await pki.server()),
      database: { url },
      broker: { url: brokerUrl(name) },
      seal: { kind: 'development-key-file', path: join(directory, `${name}-seal.json`) },
      orbital: {
        signingKey: file(`${name}-orbital.pem`, pem(signing.privateKey, 'pkcs8')),
        keyId: `region:${name}`,
        trusted: [{ keyId: 'cmk', publicKey: pem(createPublicKey(ofGovernance), 'spki') }],
      },
      rotation: { l2AfterSeconds: 0, l3AfterSeconds: 0, ivkAfterSeconds: 0, leadSeconds: 0 },
      lease: { ttlMs: 300_000, graceMs: 900_000 },
      log: { level: 'silent' },
      ...(manifest === undefined ? {} : { manifest }),
    };
    await initialiseRegion(config, quiet);
    const transport = await connected({ plane: 'region', region: name }, name);
    const core = await startCore(config, { logger: quiet, transport });
    steps.push(() => core.close());
    await world.must(201, 'POST', '/v1/regions', {
      name,
      keyId: config.orbital.keyId,
      publicKey: pem(signing.publicKey, 'spki'),
    });
    return { core, config, databaseUrl: url, sealPath: join(directory, `${name}-seal.json`) };
  }
  const [eu, us] = [await startRegion('eu'), await startRegion('us')];

  const certificate = await pki.both('gateway-1');
  await world.must(202, 'POST', '/v1/regions/eu/gateways', {
    name: 'gateway-1',
    certificate: certificate.certificatePem,
  });
  const storePath = join(directory, 'gateway.sqlite');
  const tls = tlsFiles('gateway', certificate);
  const gatewayConfig: GatewayConfig = {
    region: 'eu',
    name: 'gateway-1',
    kmip: { host: '127.0.0.1', port: 0 },
    health: { host: '127.0.0.1', port: 0 },
    tls,
    core: { host: '127.0.0.1', port: eu.core.port, ...tls, servername: 'localhost' },
    store: { path: storePath },
    limits: { backlog: 1_000_000 },
    log: { level: 'silent' },
  };
  const gateway: RunningGateway = await startGateway(gatewayConfig, { logger: quiet });
  steps.push(() => gateway.close());

  const clients = new Map<string, KmipClient>();
  async function clientOf(tenant: string, service: string): Promise<KmipClient> {
    const name = `${tenant}-${service}`;
    const known = clients.get(name);
    if (known !== undefined) return known;
    const pair = await pki.client(name);
    const path = `/v1/tenants/${tenant}/applications`;
    const body = { name, services: [service], certificate: pair.certificatePem };
    await world.must(202, 'POST', path, body);
    await until(
      `${name} is active`,
      async () => (await world.must(200, 'GET', `${path}/${name}`)).state === 'active',
      WAIT_MS,
    );
    await until(
      `${name} is known to the gateway`,
      async () => gateway.status().appliedHead >= (await readHead(eu.core.db)),
    );
    const client = new KmipClient({
      host: '127.0.0.1',
      port: gateway.port,
      servername: 'localhost',
      cert: pair.certificatePem,
      key: pair.privateKeyPem,
      ca: pki.ca.certificatePem,
      timeoutMs: WAIT_MS,
    });
    steps.push(async () => client.close());
    clients.set(name, client);
    return client;
  }

  async function settled(tenant: string): Promise<void> {
    for (const { core } of [eu, us])
      await until(
        `the upkeep of ${tenant}`,
        async () => {
          const heads = core.db.selectFrom('keychain.link_heads').select('due_at');
          return (await heads.where('tenant', '=', tenant).executeTakeFirst())?.due_at === null;
        },
        WAIT_MS,
      );
  }

  let copies = 0;
  return {
    world,
    recording,
    eu,
    us,
    cmkUrl: cmkDb.url,
    brokerUrl: brokerDb.url,
    dataDirectory: join(directory, 'data'),
    settled,
    close,
    async onboard(tenant, ...services) {
      await world.onboard(tenant);
      for (const name of services) await world.must(202, 'POST', `/v1/tenants/${tenant}/services`, { name });
      await until(
        `the services of ${tenant} are active`,
        async () => {
          const { items } = await world.must(200, 'GET', `/v1/tenants/${tenant}/services`);
          return items.every(({ state }: { state: string }) => state === 'active');
        },
        WAIT_MS,
      );
    },
    async link(tenant) {
      await world.must(202, 'POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
      await world.linked(tenant, 'active');
      await settled(tenant);
    },
    async unlink(tenant) {
      await world.must(202, 'POST', `/v1/tenants/${tenant}/unlink`, { reason: 'a thief is about' });
      await world.linked(tenant, 'closed');
    },
    async rotateLink(tenant) {
      const before = await world.linked(tenant, 'active');
      await world.must(202, 'POST', `/v1/tenants/${tenant}/link/rotate`, {});
      await until(
        `the link of ${tenant} is rotated`,
        async () => {
          const { state, regions } = await world.must(200, 'GET', `/v1/tenants/${tenant}/links`);
          return state === 'active' && regions[0].epoch > before.regions[0].epoch;
        },
        WAIT_MS,
      );
    },
    async closeBeforeOpen(tenant) {
      let asked = 0;
      const lose = async (): Promise<never> => {
        asked++;
        throw new TransportError('BROKER_UNAVAILABLE');
      };
      await recording.beforeTask('LINK', 'eu', lose, async () => {
        await world.must(202, 'POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
        await until(`the link of ${tenant} is on its way`, () => asked > 0, WAIT_MS);
        await world.must(202, 'POST', `/v1/tenants/${tenant}/unlink`, { reason: 'second thoughts' });
        await world.linked(tenant, 'closed');
      });
    },
    async createKey(tenant, service, l3Version) {
      const client = await clientOf(tenant, service);
      const isActive = async (): Promise<boolean> => {
        // Any use takes the lease; a core may still know the former version for half a second.
        const data = randomBytes(32);
        await client.request(Operation.Encrypt, { uniqueIdentifier: `l3:${service}`, data });
        return gateway
          .status()
          .leases.some(
            (lease) =>
              lease.tenant === tenant && lease.service === service && lease.activeVersion === l3Version,
          );
      };
      await until(`L3 ${l3Version} of ${tenant}/${service} is leased`, isActive, WAIT_MS);
      const uid = await create(client);
      await until('the key is announced', () => gateway.status().backlog === 0);
      return uid;
    },
    copyGatewayStore() {
      const copy = join(directory, `gateway-copy-${++copies}.sqlite`);
      for (const suffix of ['', '-wal'])
        if (existsSync(`${storePath}${suffix}`)) copyFileSync(`${storePath}${suffix}`, `${copy}${suffix}`);
      return copy;
    },
  };
}
