/** The contract of key stores, over each of them: a SQLite file, memory, and a real Redis. */
import { after } from 'node:test';
import { startRedis } from '../../../testkit/redis.ts';
import type { StoreConfig } from '../config.ts';
import { REGION, silent, storePath } from '../fixture.test.ts';
import { alone } from '../workers/crew.ts';
import { openStore } from './open.ts';
import { type Home, type HomeOptions, keyStoreContract } from './store.contract.ts';
import type { Store } from './store.ts';

const redis = await startRedis({ password: 'not a secret', tls: true });
after(() => redis.stop());
let gateways = 0;

function redisConfig(): StoreConfig {
  const { host, port, passwordFile, client } = redis;
  if (passwordFile === undefined || client === undefined) throw new Error('the test needs both');
  const tls = { ca: client.caFile, cert: client.certFile, key: client.keyFile, servername: 'localhost' };
  return { kind: 'redis', path: storePath(), host, port, passwordFile, tls };
}

/** `renew`: the store as the next start finds it; the local file of a gateway with Redis may be gone by then. */
async function homeOf(config: StoreConfig, options: HomeOptions, renew?: () => StoreConfig): Promise<Home> {
  const name = `gateway-${++gateways}`;
  const open = (store: StoreConfig): Promise<Store> =>
    openStore({ region: REGION, name, store, limits: options }, silent, alone);
  let store = await open(config);
  const close = async (): Promise<void> => {
    await store.keys.close();
    store.close();
  };
  const reopen = async (): Promise<Store> => {
    await close();
    store = await open(renew?.() ?? config);
    return store;
  };
  return { store, close, reopen: config.kind === 'memory' ? undefined : reopen };
}

keyStoreContract('a SQLite file', (options = {}) => homeOf({ path: storePath() }, options));
keyStoreContract('memory', (options = {}) => homeOf({ kind: 'memory' }, options));
keyStoreContract('Redis', (options = {}) => homeOf(redisConfig(), options));
