/** Writes the configuration file of each component: private, since they hold database and broker passwords. */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readPrivate, writePrivate } from '../../platform/config-file.ts';
import { errorCode } from '../../platform/errors.ts';
import { ensurePeople } from '../access/people.ts';
import { writeJson } from '../home/json-file.ts';
import {
  certificateFiles,
  coreServername,
  ensureRegionCertificates,
  gatewayClientDirectory,
} from './authorities.ts';
import {
  brokerGovernance,
  brokerRegion,
  brokerUrl,
  CMK_DATABASE,
  cmkApp,
  cmkOwner,
  coreRole,
  databaseUrl,
  REGION_DATABASE,
} from './databases.ts';
import { gatewayStoreConfig, writeGatewayStorePassword } from './gateway-store.ts';
import type { Installation } from './installation.ts';
import {
  brokerComponent,
  CLUSTER,
  cmkComponent,
  cmkDatabase,
  coreOf,
  databaseOf,
  gatewayHttpsOf,
  gatewayOf,
  healthOf,
  LOOPBACK,
  REGIONS,
  type RegionName,
} from './names.ts';
import { type Ports, portOf } from './ports.ts';
import { AUDIT_SIGNING, ensureSigningKey, signingKeyFiles } from './signing-keys.ts';

const TOKEN_BYTES = 32;
export const CMK_KEY_ID = 'cmk';
const AUDIT_KEY_ID = 'cmk-audit';
const CHECKPOINT_EVERY_MS = 10_000;
export const regionKeyId = (region: string): string => `region:${region}`;
export const GATEWAY_NAME = 'gateway-1';
export const configFile = (installation: Installation, component: string): string =>
  join(installation.paths.component(component), 'config.json');

export async function writeConfigs(installation: Installation, ports: Ports): Promise<void> {
  const cmk = installation.paths.component(cmkComponent);
  await mkdir(cmk, { recursive: true, mode: 0o700 });
  await Promise.all([
    ensureSigningKey(cmk),
    ensureSigningKey(cmk, AUDIT_SIGNING),
    ensureToken(installation.paths.token),
    ensurePeople(installation.paths),
    ensureToken(notificationKeyOf(installation)),
    ...REGIONS.map((region) => ensureSigningKey(installation.paths.component(coreOf(region)))),
  ]);
  for (const region of REGIONS) await ensureRegionCertificates(installation.paths, region);
  // Whatever password was made on the way is kept before any database learns of it.
  const configs = [
    { component: cmkComponent, config: cmkConfig(installation, ports) },
    ...REGIONS.flatMap((region) => [
      { component: coreOf(region), config: coreConfig(installation, ports, region) },
      { component: gatewayOf(region), config: gatewayConfig(installation, ports, region) },
    ]),
  ];
  await installation.save();
  for (const region of REGIONS) {
    const directory = installation.paths.component(gatewayOf(region));
    await writeGatewayStorePassword(installation.stored.gatewayStore, directory);
  }
  await Promise.all(
    configs.map(({ component, config }) => writeJson(configFile(installation, component), config)),
  );
}

/** A random secret in a private file, made once. */
async function ensureToken(path: string): Promise<void> {
  try {
    await readPrivate(path);
  } catch (error) {
    if (errorCode(error) !== 'CONFIG_NOT_FOUND') throw error;
    await writePrivate(path, `${randomBytes(TOKEN_BYTES).toString('base64url')}\n`);
  }
}

/** Every webhook's secret is derived from it. */
const notificationKeyOf = (installation: Installation): string =>
  join(installation.paths.component(cmkComponent), 'notification-key');

const health = (ports: Ports, component: string): { host: string; port: number } => ({
  host: LOOPBACK,
  port: portOf(ports, healthOf(component)),
});

function cmkConfig(installation: Installation, ports: Ports): object {
  const { paths } = installation;
  const database = portOf(ports, cmkDatabase);
  return {
    cluster: CLUSTER,
    http: { host: LOOPBACK, port: portOf(ports, cmkComponent) },
    health: health(ports, cmkComponent),
    database: {
      ownerUrl: databaseUrl(database, CMK_DATABASE, cmkOwner(installation)),
      appUrl: databaseUrl(database, CMK_DATABASE, cmkApp(installation)),
    },
    broker: { url: brokerUrl(installation, ports, brokerComponent, brokerGovernance(installation)) },
    orbital: { signingKey: signingKeyFiles(paths.component(cmkComponent)).privateKey, keyId: CMK_KEY_ID },
    auth: { developmentToken: paths.token, developmentIssuer: paths.people },
    keystoreDirectory: dirname(paths.keystore),
    // As Debian installs it: L1 keys in a token, without an HSM.
    pkcs11Modules: ['/usr/lib/softhsm/libsofthsm2.so'],
    development: true,
    link: { ttlMs: 86_400_000, renewEveryMs: 3_600_000, probeEveryMs: 5_000 },
    notifications: { keyFile: notificationKeyOf(installation) },
    log: { level: 'info' },
    audit: {
      signing: {
        key: signingKeyFiles(paths.component(cmkComponent), AUDIT_SIGNING).privateKey,
        keyId: AUDIT_KEY_ID,
      },
      checkpointEveryMs: CHECKPOINT_EVERY_MS,
      checkpointDirectory: paths.auditCheckpoints,
    },
  };
}

function coreConfig(installation: Installation, ports: Ports, region: RegionName): object {
  const { paths } = installation;
  const directory = paths.component(coreOf(region));
  return {
    cluster: CLUSTER,
    region,
    instance: 'core-1',
    kmip: { host: LOOPBACK, port: portOf(ports, coreOf(region)) },
    health: health(ports, coreOf(region)),
    tls: certificateFiles(directory),
    database: {
      url: databaseUrl(portOf(ports, databaseOf(region)), REGION_DATABASE, coreRole(installation, region)),
    },
    broker: { url: brokerUrl(installation, ports, brokerComponent, brokerRegion(installation, region)) },
    seal: { kind: 'development-key-file', path: join(directory, 'DEVELOPMENT-SEAL.json') },
    orbital: {
      signingKey: signingKeyFiles(directory).privateKey,
      keyId: regionKeyId(region),
      trusted: [{ keyId: CMK_KEY_ID, publicKey: signingKeyFiles(paths.component(cmkComponent)).publicKey }],
    },
    lease: { ttlMs: 300_000, graceMs: 900_000 },
    log: { level: 'info' },
  };
}

function gatewayConfig(installation: Installation, ports: Ports, region: RegionName): object {
  const directory = installation.paths.component(gatewayOf(region));
  return {
    region,
    name: GATEWAY_NAME,
    kmip: { host: LOOPBACK, port: portOf(ports, gatewayOf(region)) },
    https: { host: LOOPBACK, port: portOf(ports, gatewayHttpsOf(region)) },
    health: health(ports, gatewayOf(region)),
    tls: certificateFiles(directory),
    core: {
      host: LOOPBACK,
      port: portOf(ports, coreOf(region)),
      ...certificateFiles(gatewayClientDirectory(installation.paths, region)),
      servername: coreServername(region),
    },
    store: gatewayStoreConfig(installation.stored.gatewayStore, directory),
    // Two regions on somebody's own machine: one process for each gateway is enough.
    workers: 1,
    limits: { backlog: 1_000_000 },
    hotPath: installation.stored.hotPath ?? 'on',
    log: { level: 'info' },
  };
}
