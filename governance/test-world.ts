/** A CMK with its regions for tests, spoken to over REST as an operator would. Knows no test servers: it is given addresses. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { createLogger } from '../platform/log.ts';
import { type CmkDeps, type RunningCmk, startCmk } from './cmk.ts';
import type { CmkConfig } from './config.ts';
import { SoftwareKeystore } from './keystores/software.ts';
import { startTestRegion, type TestRegion } from './test-region.ts';

export const TOKEN = 'a-token-of-the-first-operator';
export const SECOND_TOKEN = 'a-token-of-the-second-operator';
/** Of further operators, for what takes several. */
export const MORE_TOKENS = {
  carol: 'a-token-of-the-third-operator',
  dave: 'a-token-of-the-fourth-operator',
} as const;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

export interface WorldAddresses {
  readonly ownerUrl: string;
  readonly appUrl: string;
  /** As a superuser, who sees what is really stored. */
  readonly adminUrl: string;
  readonly brokerUrl: (user: string) => string;
  readonly directory: string;
  readonly regions: readonly { readonly name: string; readonly databaseUrl: string }[];
  readonly link?: Partial<CmkConfig['link']>;
  readonly notifications?: CmkConfig['notifications'];
  readonly deps?: CmkDeps;
  /** Changes what the world would be configured as. */
  readonly configure?: (config: CmkConfig) => CmkConfig;
  readonly audit?: CmkConfig['audit'];
}

export interface World {
  readonly config: CmkConfig;
  readonly regions: readonly TestRegion[];
  readonly keystore: SoftwareKeystore;
  readonly keystorePath: string;
  url(): string;
  healthUrl(): string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Calls and expects the status; answers the body. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  must(status: number, method: string, path: string, body?: unknown): Promise<any>;
  query(sql: string, parameters?: unknown[]): Promise<Record<string, unknown>[]>;
  /** Ends CMK and starts it again on the same database. */
  restart(deps?: CmkDeps): Promise<void>;
  stop(): Promise<void>;
  /** A tenant in all regions with a key, all of it active but not linked. */
  onboard(tenant: string, policy?: string): Promise<void>;
  /** The state of the tenant's links once it is the wanted one. */
  linked(tenant: string, state: string, waitMs?: number): Promise<Answer['body']>;
  close(): Promise<void>;
}

/** Asks until the answer is there; says what was seen last when it never is. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  waitMs = 20_000,
): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    const waitedMs = performance.now() - startedAt;
    if (waitedMs > waitMs) throw new Error(`waited ${waitMs} ms in vain: ${what}`);
    // Each question costs CMK some milliseconds: the longer it takes, the fewer are asked.
    await delay(Math.min(150, Math.max(40, waitedMs / 8)));
  }
}

export async function startWorld(addresses: WorldAddresses): Promise<World> {
  const { directory } = addresses;
  const signing = generateKeyPairSync('ed25519');
  const paths = {
    signingKey: join(directory, 'cmk.pem'),
    token: join(directory, 'tokens'),
    keystore: join(directory, 'keystore.json'),
  };
  const pem = signing.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeFile(paths.signingKey, pem, { mode: 0o600 });
  const more = Object.entries(MORE_TOKENS).map(([name, token]) => `${name}:${token}\n`);
  await writeFile(paths.token, `ada:${TOKEN}\nbob:${SECOND_TOKEN}\n${more.join('')}`, { mode: 0o600 });
  const plain: CmkConfig = {
    cluster: 'test',
    http: { host: '127.0.0.1', port: 0 },
    health: { host: '127.0.0.1', port: 0 },
    database: { ownerUrl: addresses.ownerUrl, appUrl: addresses.appUrl },
    broker: { url: addresses.brokerUrl('governance') },
    orbital: { signingKey: paths.signingKey, keyId: 'cmk' },
    auth: { developmentToken: paths.token },
    development: true,
    pkcs11Modules: ['/usr/lib/softhsm/libsofthsm2.so'],
    link: { ttlMs: 86_400_000, renewEveryMs: 3_600_000, probeEveryMs: 5_000, ...addresses.link },
    ...(addresses.notifications === undefined ? {} : { notifications: addresses.notifications }),
    log: { level: 'silent' },
    ...(addresses.audit === undefined ? {} : { audit: addresses.audit }),
  };
  const config = addresses.configure?.(plain) ?? plain;
  const logger = createLogger({ name: 'cmk-test', level: 'silent' });
  let running: RunningCmk | undefined = await startCmk(config, { logger, ...addresses.deps });
  const admin = new pg.Pool({ connectionString: addresses.adminUrl, max: 2 });
  admin.on('error', () => undefined);
  const regions: TestRegion[] = [];
  const current = (): RunningCmk => {
    if (running === undefined) throw new Error('CMK is stopped');
    return running;
  };

  const world: World = {
    config,
    regions,
    keystore: new SoftwareKeystore(paths.keystore),
    keystorePath: paths.keystore,
    url: () => current().url,
    healthUrl: () => current().healthUrl,
    async call(method, path, body, headers = {}) {
      const response = await fetch(`${current().url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${TOKEN}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text === '' ? undefined : JSON.parse(text),
      };
    },
    async must(status, method, path, body) {
      const answer = await world.call(method, path, body);
      if (answer.status !== status)
        throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    query: async (sql, parameters = []) => (await admin.query(sql, parameters)).rows,
    async restart(deps = {}) {
      await world.stop();
      running = await startCmk(config, { logger, ...addresses.deps, ...deps });
    },
    async stop() {
      await running?.close();
      running = undefined;
    },
    async onboard(tenant, policy) {
      await world.must(202, 'POST', '/v1/tenants', {
        id: tenant,
        ...(policy === undefined ? {} : { policy }),
      });
      await until(`${tenant} is active`, async () => {
        return (await world.must(200, 'GET', `/v1/tenants/${tenant}`)).state === 'active';
      });
      await world.must(201, 'POST', `/v1/tenants/${tenant}/keys`, {
        keystore: 'soft',
        alias: 'main',
        create: true,
      });
    },
    async linked(tenant, state, waitMs) {
      let seen: unknown;
      try {
        return await until(
          `links of ${tenant} are ${state}`,
          async () => {
            const links = await world.must(200, 'GET', `/v1/tenants/${tenant}/links`);
            seen = links;
            return links.state === state ? links : undefined;
          },
          waitMs,
        );
      } catch (error) {
        throw new Error(`${String(error)}; last seen ${JSON.stringify(seen)}`);
      }
    },
    async close() {
      await world.stop();
      for (const region of regions) await region.stop();
      await admin.end();
    },
  };

  try {
    for (const { name, databaseUrl } of addresses.regions) {
      const region = await startTestRegion({
        name,
        databaseUrl,
        brokerUrl: addresses.brokerUrl(name),
        governanceKey: {
          keyId: 'cmk',
          publicKey: createPublicKey(signing.publicKey.export({ type: 'spki', format: 'pem' })),
        },
      });
      regions.push(region);
      await world.must(201, 'POST', '/v1/regions', {
        name,
        keyId: region.keyId,
        publicKey: region.publicKeyPem,
        endpoints: { gateway: '127.0.0.1:5696' },
      });
    }
    await world.must(201, 'POST', '/v1/keystores', {
      name: 'soft',
      kind: 'software',
      config: { path: paths.keystore },
    });
    return world;
  } catch (error) {
    await world.close();
    throw error;
  }
}
