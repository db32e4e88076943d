/**
 * Service keys (L3) that are rotated, compromised and closed under traffic (D5, D7): nobody waits for a rotation and
 * nothing fails because of it, whatever was wrapped under an older version still opens, and what ends a lease ends it at
 * once. Core and gateways are real.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseRegionId, parseServiceName, parseTenantId, type TenantId } from '../contracts/index.ts';
import { keysIn } from '../execution/core/store/tables.ts';
import { rotateL3 } from '../execution/core/testing/keys.ts';
import { l3Parent, seal } from '../execution/envelope/index.ts';
import { type RunningGateway, startGateway } from '../execution/gateway/index.ts';
import { createDevelopmentSeal, createKeychain, type Keychain } from '../execution/keychain/index.ts';
import {
  attribute,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  KmipClient,
  KmipError,
  ObjectType,
  Operation,
  ResultReason,
} from '../execution/kmip/index.ts';
import { RECENT_VERSIONS } from '../execution/mesh/index.ts';
import { createLogger } from '../platform/log.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { REGION, type RegionWorld, startRegion, until } from './support/region.ts';

const orders = parseServiceName('orders');
const ROTATIONS = 300;
const ROTATE_EVERY_MS = 50;
const CONNECTIONS = 4;
/** Between two rounds of one application: core, gateways and applications share one process here. */
const PACE_MS = 60;
/** Requests of the check at the end that are under way together. */
const TOGETHER = 50;
/** Of a tenant that is closed while they are fetched, one by one. */
const OLD_VERSIONS = 100;
/** Of the line between gateway and core, each way, where a test wants it slow. */
const LINE_DELAY_MS = 300;
/** It takes half a minute, and more where others are at work. */
const LONG = { timeout: 240_000 };
/** Of the core: it may go by facts that are so old (keychain, `recheckMs`). */
const RECHECK_MS = 500;

let world: RegionWorld;
let other: RunningGateway;
/** Of the same region as the core's own, but for its limit of versions. */
let keychain: Keychain;

before(async () => {
  world = await startRegion();
  const { cluster, seal: sealConfig } = world.coreConfig;
  assert.ok(sealConfig.kind === 'development-key-file');
  keychain = await createKeychain({
    db: keysIn(world.core.db),
    cluster,
    region: parseRegionId(REGION),
    seal: await createDevelopmentSeal(sealConfig.path),
    logger: { info: () => undefined, warn: () => undefined },
    limits: { maxVersionsPerKey: 4096, recheckMs: -1 },
  });
  other = await startGateway(
    {
      ...world.gatewayConfig,
      kmip: { host: '127.0.0.1', port: 0 },
      health: { host: '127.0.0.1', port: 0 },
      store: { path: join(temporaryDirectory('gateway'), 'gateway.sqlite') },
    },
    { logger: createLogger({ name: 'gateway-2', level: 'silent' }) },
  );
});

after(async () => {
  await other.close();
  keychain.close();
  await world.close();
});

/** A tenant with one service and an application. */
async function tenantWithClients(name: string): Promise<{ tenant: TenantId; clients: KmipClient[] }> {
  await world.provision(name, 'orders');
  await world.link(name, 1);
  await world.application(name, name, ['orders']);
  await world.caughtUp(other);
  const clients = Array.from({ length: CONNECTIONS }, (_, i) =>
    clientAt(i % 2 === 0 ? world.gateway.port : other.port, name),
  );
  opened.push(...clients);
  return { tenant: parseTenantId(name), clients };
}

const opened: KmipClient[] = [];
afterEach(() => {
  for (const client of opened.splice(0)) client.close();
});

function clientAt(port: number, name: string): KmipClient {
  const certificate = world.certificate(name);
  return new KmipClient({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    cert: certificate.certificatePem,
    key: certificate.privateKeyPem,
    ca: world.pki.ca.certificatePem,
    timeoutMs: 15_000,
    poolSize: 1,
  });
}

async function create(client: KmipClient): Promise<string> {
  const { Encrypt, Decrypt } = CryptographicUsageMask;
  const { uniqueIdentifier } = await client.request(Operation.Create, {
    objectType: ObjectType.SymmetricKey,
    templateAttribute: {
      attribute: [
        attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES),
        attribute('Cryptographic Length', 256),
        attribute('Cryptographic Usage Mask', Encrypt | Decrypt),
        attribute('Activation Date', Math.floor(Date.now() / 1000)),
      ],
    },
  });
  return uniqueIdentifier;
}

interface Sealed {
  readonly uid: string;
  readonly plain: Buffer;
  readonly data: Uint8Array;
  readonly iv?: Uint8Array | undefined;
  readonly tag?: Uint8Array | undefined;
}

async function encrypt(client: KmipClient, uid: string): Promise<Sealed> {
  const plain = randomBytes(24);
  const { data, ivCounterNonce, authenticatedEncryptionTag } = await client.request(Operation.Encrypt, {
    uniqueIdentifier: uid,
    data: plain,
  });
  assert.ok(data);
  return { uid, plain, data, iv: ivCounterNonce, tag: authenticatedEncryptionTag };
}

async function decrypts(client: KmipClient, { uid, plain, data, iv, tag }: Sealed): Promise<void> {
  const opened = await client.request(Operation.Decrypt, {
    uniqueIdentifier: uid,
    data,
    ...(iv === undefined ? {} : { ivCounterNonce: iv }),
    ...(tag === undefined ? {} : { authenticatedEncryptionTag: tag }),
  });
  assert.deepEqual(Buffer.from(opened.data ?? []), plain);
}

/** Under which version of the L3 an envelope stands. */
function versionOf({ data }: Sealed): number {
  return Buffer.from(data).readUInt32BE(6);
}

/** Works as an application does, until told to stop; remembers everything that it has sealed. */
async function work(
  client: KmipClient,
  peer: KmipClient,
  signal: AbortSignal,
  made: Sealed[],
): Promise<number> {
  let requests = 0;
  const mine: Sealed[] = [];
  while (!signal.aborted) {
    const uid = await create(client);
    const own = await encrypt(client, uid);
    await decrypts(client, own);
    await client.request(Operation.Get, { uniqueIdentifier: uid });
    const wrapped = await encrypt(client, 'l3:orders');
    await decrypts(client, wrapped);
    // The other gateway may not have heard of the version yet.
    await decrypts(peer, wrapped);
    mine.push(own);
    // An L4 of the other gateway may not have been announced yet: until then nobody else knows it.
    const known = [...mine, ...made.filter((one) => one.uid === 'l3:orders')];
    const old = known[Math.floor(Math.random() * known.length)];
    if (old !== undefined) await decrypts(client, old);
    made.push(own, wrapped);
    requests += 8;
    await delay(PACE_MS);
  }
  return requests;
}

/** Data under each of the versions, as a gateway that was faster would have made it. */
async function underEachVersion(tenant: TenantId): Promise<Sealed[]> {
  const { versions } = await keychain.serviceKeys(tenant, orders);
  const place = { region: REGION, tenant, service: orders, level: 'application-data', objectId: '' };
  return versions.map(({ version, key }) => {
    const plain = randomBytes(24);
    const data = seal(l3Parent(tenant, orders, version, key), plain, { ...place, version: 1, revision: 1 });
    return { uid: 'l3:orders', plain, data };
  });
}

function heldVersions(gateway: RunningGateway, tenant: TenantId): number {
  return gateway.status().leases.find((lease) => lease.tenant === tenant)?.held ?? 0;
}

async function decryptAll(client: KmipClient, made: readonly Sealed[]): Promise<void> {
  for (let at = 0; at < made.length; at += TOGETHER) {
    await Promise.all(made.slice(at, at + TOGETHER).map((sealed) => decrypts(client, sealed)));
  }
}

function openKeys(gateway: RunningGateway): Promise<number> {
  return metric(gateway, 'okcm_gateway_open_keys');
}

async function metric(gateway: RunningGateway, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.healthUrl}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(text)?.[1]);
}

describe('an L3 that is rotated twenty times a second', () => {
  it(
    'fails no request, and whatever was wrapped under any version opens, also after a restart',
    LONG,
    async (t) => {
      const { tenant, clients } = await tenantWithClients('acme');
      const stop = new AbortController();
      const made: Sealed[] = [];
      const working = clients.map((client, i) =>
        work(client, clients[(i + 1) % CONNECTIONS] ?? client, stop.signal, made),
      );
      // A failure ends the test at once.
      const failure = Promise.race(working);
      const core = { db: world.core.db, keychain };
      const startedAt = performance.now();
      let version = 1;
      while (version <= ROTATIONS) {
        version = await rotateL3(core, 'service.rotated', tenant, orders);
        const next = startedAt + version * ROTATE_EVERY_MS - performance.now();
        await Promise.race([delay(Math.max(0, next)), failure]);
      }
      const tookMs = performance.now() - startedAt;
      await until('the gateways follow', () =>
        [world.gateway, other].every((gateway) =>
          gateway.status().leases.some((lease) => lease.tenant === tenant && lease.activeVersion === version),
        ),
      );
      stop.abort();
      const requests = (await Promise.all(working)).reduce((sum, count) => sum + count, 0);
      const tokens = made.filter(({ uid }) => uid === 'l3:orders');
      const used = new Set(tokens.map(versionOf));
      t.diagnostic(
        `${version} versions in ${Math.round(tookMs)} ms, ${requests} requests, data under ${used.size} versions`,
      );
      assert.ok(
        used.size > tookMs / (3 * RECHECK_MS),
        `the gateways followed: ${used.size} versions were used`,
      );

      // Data under each of the versions, as a gateway that was faster would have made it.
      const keys = await keychain.serviceKeys(tenant, orders);
      assert.equal(keys.versions.length, version);
      for (const { version: each, key } of keys.versions) {
        const plain = randomBytes(24);
        const place = { region: REGION, tenant, service: orders, level: 'application-data', objectId: '' };
        const data = seal(l3Parent(tenant, orders, each, key), plain, { ...place, version: 1, revision: 1 });
        made.push({ uid: 'l3:orders', plain, data });
      }
      const [client] = clients;
      assert.ok(client);
      await decryptAll(client, made);

      await world.stopGateway();
      await world.restartGateway();
      const again = clientAt(world.gateway.port, tenant);
      opened.push(again);
      await decryptAll(again, made);
      assert.ok((await metric(world.gateway, 'okcm_gateway_leased_versions')) <= 256);
    },
  );

  it('makes nobody wait: the lease that is held serves until the new one is there, and L4 keys stay open', async () => {
    const { tenant, clients } = await tenantWithClients('initech');
    const [client] = clients;
    assert.ok(client);
    const uid = await create(client);
    await encrypt(client, 'l3:orders');
    const opensBefore = await openKeys(world.gateway);
    const activeNow = () =>
      world.gateway.status().leases.find((lease) => lease.tenant === tenant)?.activeVersion;
    // The push arrives after one delay, and whoever waited for the new lease would wait for two more.
    const atOnce = async <T>(request: () => Promise<T>): Promise<T> => {
      const startedAt = performance.now();
      const result = await request();
      assert.ok(performance.now() - startedAt < 2 * LINE_DELAY_MS, 'nobody waits for the core');
      return result;
    };
    // After a first link the region replaces the key by itself, too, before or after us.
    let version = 0;
    world.proxy.delay(LINE_DELAY_MS);
    try {
      version = await rotateL3({ db: world.core.db, keychain }, 'service.rotated', tenant, orders);
      await until('the gateway follows', async () => {
        for (const key of [uid, 'l3:orders']) {
          const sealed = await atOnce(() => encrypt(client, key));
          await atOnce(() => decrypts(client, sealed));
        }
        assert.equal(await openKeys(world.gateway), opensBefore);
        return (activeNow() ?? 0) >= version;
      });
    } finally {
      world.proxy.resume();
    }
    assert.ok(versionOf(await encrypt(client, 'l3:orders')) >= version);
  });
});

describe('an L3 that is compromised', () => {
  it('is dropped at once with all that it opened, and nothing is wrapped under it afterwards', async () => {
    const { tenant, clients } = await tenantWithClients('umbrella');
    const [client] = clients;
    assert.ok(client);
    for (let round = 0; round < 5; round++) {
      const uid = await create(client);
      const old = await encrypt(client, uid);
      const before = await openKeys(world.gateway);
      assert.ok(before >= 1);
      const version = await rotateL3({ db: world.core.db, keychain }, 'service.flush', tenant, orders);
      await until(
        'the lease has ended',
        () => !world.gateway.status().leases.some((l) => l.tenant === tenant),
      );
      assert.ok((await openKeys(world.gateway)) < before, 'its L4 keys are no longer open');
      // Asked for at once, while the core may still go by facts from before.
      assert.equal(versionOf(await encrypt(client, 'l3:orders')), version);
      await decrypts(client, old);
    }
  });
});

describe('a tenant that is closed while its leases are asked for', () => {
  it('is refused at once, and no lease of it is left or comes back', async () => {
    const { tenant, clients } = await tenantWithClients('globex');
    const [client] = clients;
    assert.ok(client);
    for (let version = 1; version <= OLD_VERSIONS; version++) {
      await rotateL3({ db: world.core.db, keychain }, 'service.rotated', tenant, orders);
    }
    const old = await underEachVersion(tenant);
    for (let epoch = 1; epoch <= 6; epoch++) {
      // One question to the core after the other, at both gateways: each version has to be fetched.
      const asking = clients.slice(0, 2).map(async (each) => {
        for (const sealed of old) await decrypts(each, sealed);
        assert.fail('it was to be closed long before');
      });
      const ends = Promise.allSettled(asking);
      await until('both ask', () =>
        [world.gateway, other].every((gateway) => heldVersions(gateway, tenant) > RECENT_VERSIONS + 2),
      );
      await delay(10 * epoch);
      await world.job('UNLINK', { tenant, epoch, reason: 'test' });
      for (let i = 0; i < 60; i++) {
        for (const gateway of [world.gateway, other]) assert.equal(heldVersions(gateway, tenant), 0);
        await delay(5);
      }
      for (const { reason } of (await ends).filter((end) => end.status === 'rejected')) {
        assert.ok(reason instanceof KmipError, `${reason}`);
      }
      await assert.rejects(
        encrypt(client, 'l3:orders'),
        (error) => error instanceof KmipError && error.resultReason === ResultReason.PermissionDenied,
      );
      await world.link(tenant, epoch + 1);
      await until('the tenant is served again', () =>
        Promise.all(clients.map((each) => encrypt(each, 'l3:orders'))).then(
          () => true,
          () => false,
        ),
      );
    }
  });
});
