/** Redis as a home of keys when something is wrong with it: not durable, not ours, away, frozen, killed, emptied. */
import assert from 'node:assert/strict';
import { chmod, cp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { OkcmError } from '../../../../platform/errors.ts';
import { waitedMs } from '../../../../testkit/clocks.ts';
import { temporaryDirectory } from '../../../../testkit/directories.ts';
import { pemFiles, testPki } from '../../../../testkit/pki.ts';
import { startRedis, type TestRedis } from '../../../../testkit/redis.ts';
import type { RedisStoreConfig } from '../../config.ts';
import { anObject, REGION, silent, storePath, TENANT } from '../../fixture.test.ts';
import { REDIS_TIMEOUT_MS } from '../../limits.ts';
import { alone } from '../../workers/crew.ts';
import { openStore } from '../open.ts';
import { found, refusedAs } from '../store.contract.ts';
import type { Store } from '../store.ts';
import { lossOf, parseInfo } from './durability.ts';

const AT_ONCE_MS = 1_000;

function configOf({ host, port }: TestRedis, more: Partial<RedisStoreConfig> = {}): RedisStoreConfig {
  return { kind: 'redis', path: storePath(), host, port, ...more };
}

function open(store: RedisStoreConfig, name = 'gateway'): Promise<Store> {
  return openStore({ region: REGION, name, store, limits: {} }, silent, alone);
}

async function close(store: Store): Promise<void> {
  await store.keys.close();
  store.close();
}

function failsAs(code: string, text: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof OkcmError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, text);
    return true;
  };
}

const made = (store: Store, object = anObject()) =>
  store.keys.insert([object], () => undefined).then(() => object);

async function until(what: string, isSo: () => boolean, withinMs = 10_000): Promise<void> {
  for (const giveUpAt = performance.now() + withinMs; !isSo(); await delay(5))
    if (performance.now() > giveUpAt) assert.fail(`not within ${withinMs} ms: ${what}`);
}

describe('a server that may lose keys', () => {
  const fit = {
    info: new Map([
      ['role', 'master'],
      ['cluster_enabled', '0'],
      ['aof_enabled', '1'],
      ['maxmemory', '0'],
      ['maxmemory_policy', 'allkeys-lru'],
    ]),
    config: new Map([
      ['appendfsync', 'always'],
      ['no-appendfsync-on-rewrite', 'no'],
    ]),
  };

  it('is told from one that does not', () => {
    assert.equal(lossOf(fit), undefined);
    const info = (name: string, value: string) =>
      lossOf({ ...fit, info: new Map([...fit.info, [name, value]]) });
    const config = (name: string, value: string) =>
      lossOf({ ...fit, config: new Map([...fit.config, [name, value]]) });
    assert.match(info('role', 'slave') ?? '', /replica/);
    assert.match(info('cluster_enabled', '1') ?? '', /cluster/);
    assert.match(info('aof_enabled', '0') ?? '', /appendonly/);
    assert.match(info('maxmemory', '1000') ?? '', /noeviction/);
    assert.match(config('appendfsync', 'everysec') ?? '', /appendfsync has to be always/);
    assert.match(config('no-appendfsync-on-rewrite', 'yes') ?? '', /no-appendfsync-on-rewrite/);
    assert.match(lossOf({ ...fit, config: new Map() }) ?? '', /CONFIG GET/);
    assert.deepEqual(
      [...parseInfo('# Server\r\nredis_version:7.0.15\r\n\r\nrole:master\r\n')],
      [
        ['redis_version', '7.0.15'],
        ['role', 'master'],
      ],
    );
  });

  it('is refused at start, unless that is configured; the status then says so', async () => {
    const redis = await startRedis({ settings: { appendonly: 'no' } });
    await assert.rejects(open(configOf(redis)), failsAs('STORE_NOT_DURABLE', /appendonly has to be yes/));
    const store = await open(configOf(redis, { allowLoss: true }));
    const { durable, up, problem } = store.keys.status();
    assert.deepEqual([durable, up], [false, true]);
    assert.match(problem ?? '', /append-only/);
    await made(store);
    await close(store);
    await redis.stop();
  });

  it('has not the replicas that were asked for: the key is not acknowledged', async () => {
    const redis = await startRedis();
    const store = await open(configOf(redis, { replicas: 1 }));
    await assert.rejects(made(store), refusedAs('STORE_UNREACHABLE'));
    await close(store);
    await redis.stop();
  });
});

describe('a server with a password and TLS', () => {
  it('is not spoken to in the clear on another machine', async () => {
    const elsewhere = { kind: 'redis', path: storePath(), host: '192.0.2.1', port: 6379 } as const;
    const said = failsAs('STORE_UNUSABLE', /192\.0\.2\.1:6379 is on another machine .* without TLS/);
    await assert.rejects(open(elsewhere), said);
  });

  it('takes neither a wrong password nor a stranger’s certificate, and is not taken for another', async () => {
    const redis = await startRedis({ password: 'right', tls: true });
    const { client, passwordFile } = redis;
    assert.ok(client !== undefined && passwordFile !== undefined);
    const tls = { ca: client.caFile, cert: client.certFile, key: client.keyFile, servername: 'localhost' };
    const directory = temporaryDirectory('redis-password');
    const wrong = join(directory, 'wrong');
    await writeFile(wrong, 'wr0ng-password', { mode: 0o600 });
    await assert.rejects(open(configOf(redis, { tls, passwordFile: wrong })), (error) => {
      assert.ok(!String(error).includes('wr0ng-password'));
      return failsAs('STORE_UNUSABLE', /cannot be used/)(error);
    });
    await chmod(wrong, 0o644);
    await assert.rejects(
      open(configOf(redis, { tls, passwordFile: wrong })),
      failsAs('CONFIG_TOO_OPEN', /0644/),
    );
    await assert.rejects(
      open(configOf(redis, { passwordFile })),
      failsAs('STORE_UNUSABLE', /cannot be used/),
    );
    const pki = await testPki('somebody else');
    const other = await pemFiles(await pki.client('gateway'), pki.ca);
    const strangers = { ...tls, ca: other.caFile };
    await assert.rejects(
      open(configOf(redis, { tls: strangers, passwordFile })),
      failsAs('STORE_UNUSABLE', /certificate/),
    );
    await close(await open(configOf(redis, { tls, passwordFile })));
    await redis.stop();
  });
});

describe('Redis that goes away', () => {
  it('killed: new keys are refused at once, what the core says waits, and every acknowledged key is there', async () => {
    const redis = await startRedis();
    after(() => redis.stop());
    const config = configOf(redis);
    const store = await open(config);
    const { keys } = store;
    const acknowledged: string[] = [];
    const refusedOnes: unknown[] = [];
    const writer = async (): Promise<void> => {
      while (keys.status().up) {
        await made(store).then(
          ({ uid }) => acknowledged.push(uid),
          (error: unknown) => refusedOnes.push(error),
        );
      }
    };
    const writers = Array.from({ length: 16 }, writer);
    await until('keys are made', () => acknowledged.length > 500);
    await redis.kill();
    await Promise.all(writers);
    for (const error of refusedOnes) refusedAs('STORE_UNREACHABLE')(error);
    assert.ok(refusedOnes.length > 0, 'some were under way');

    const took = await waitedMs(() => assert.rejects(made(store), refusedAs('STORE_UNREACHABLE')));
    assert.ok(took < AT_ONCE_MS, `${took} ms`);
    await assert.rejects(keys.load(TENANT, ['any']), refusedAs('STORE_UNREACHABLE'));
    const [dead = '', changed = ''] = acknowledged;
    const pushed = anObject({ uid: changed, revision: 5 });
    store.transaction(() => {
      keys.destroy(TENANT, dead);
      keys.apply(pushed);
      store.setAppliedHead(7);
    });
    assert.equal(store.appliedHead, 0, 'not before the keys have it');

    await redis.start();
    await until('the store is back', () => keys.status().up);
    await until('what the core said is there', () => store.appliedHead === 7);
    assert.equal(await found(keys, TENANT, dead), undefined);
    assert.equal((await found(keys, TENANT, changed))?.object.revision, 5);
    await keys.load(TENANT, acknowledged);
    const missing = acknowledged.filter((uid) => uid !== dead && keys.peek(TENANT, uid) === undefined);
    assert.deepEqual(missing, []);
    await made(store);
    await close(store);

    // The gateway's own disk is gone as well: its keys are not, and whatever else it knew is fetched anew.
    const again = await open({ ...config, path: storePath() });
    assert.equal(again.appliedHead, 0);
    assert.ok(again.keys.held >= acknowledged.length);
    await close(again);
  });

  it('frozen: nobody waits for longer than the time-out, and it is used again when it answers', async () => {
    const redis = await startRedis();
    const store = await open(configOf(redis));
    const { keys } = store;
    redis.freeze();
    const took = await waitedMs(() => assert.rejects(made(store), refusedAs('STORE_UNREACHABLE')));
    assert.ok(took < 1.5 * REDIS_TIMEOUT_MS, `${took} ms`);
    assert.ok(!keys.status().up);
    const next = await waitedMs(() => assert.rejects(made(store), refusedAs('STORE_UNREACHABLE')));
    assert.ok(next < AT_ONCE_MS, `${next} ms`);
    redis.thaw();
    await until('the store is back', () => keys.status().up);
    await made(store);
    await close(store);
    await redis.stop();
  });

  it('emptied: the gateway does not take the empty server for its store', async () => {
    const redis = await startRedis();
    const store = await open(configOf(redis));
    await made(store);
    await redis.kill();
    await rm(join(redis.directory, 'appendonlydir'), { recursive: true });
    await redis.start();
    await until('it is looked at', () => /does not hold the keys/.test(store.keys.status().problem ?? ''));
    assert.ok(!store.keys.status().up);
    await close(store);
    await redis.stop();
  });

  it('restored to an older state: what was destroyed since is not served', async () => {
    const redis = await startRedis();
    const config = configOf(redis);
    const store = await open(config);
    const object = await made(store);
    const files = join(redis.directory, 'appendonlydir');
    await redis.kill();
    await cp(files, `${files}-before`, { recursive: true });
    await redis.start();
    await until('the store is back', () => store.keys.status().up);
    store.transaction(() => {
      store.keys.destroy(TENANT, object.uid);
      store.setAppliedHead(7);
    });
    await until('it is written', () => store.appliedHead === 7);
    await redis.kill();
    await rm(files, { recursive: true });
    await rename(`${files}-before`, files);
    await redis.start();
    await until('it is looked at', () => /older state/.test(store.keys.status().problem ?? ''));
    await assert.rejects(found(store.keys, TENANT, object.uid), refusedAs('STORE_UNREACHABLE'));
    await close(store);
    const again = await open(config);
    assert.equal(again.appliedHead, 0, 'the core is asked for what is missing');
    await close(again);
    await redis.stop();
  });

  it('full: new keys are refused, those that are there are still read', async () => {
    const redis = await startRedis({ settings: { maxmemory: '3mb' } });
    const store = await open(configOf(redis));
    const { keys } = store;
    const first = await made(store);
    await assert.rejects(async () => {
      for (;;) await made(store, anObject({ wrapped: Buffer.alloc(20_000) }));
    }, refusedAs('STORE_UNREACHABLE'));
    assert.match(keys.status().problem ?? '', /OOM/);
    assert.ok(keys.status().up);
    assert.ok(await found(keys, TENANT, first.uid));
    await close(store);
    await redis.stop();
  });

  it('not there at start: the gateway does not start, and says where it looked', async () => {
    const redis = await startRedis();
    await redis.kill();
    await assert.rejects(open(configOf(redis)), failsAs('STORE_UNUSABLE', new RegExp(String(redis.port))));
  });
});

describe('two gateways on one Redis', () => {
  it('know nothing of each other’s keys', async () => {
    const redis = await startRedis();
    const [one, two] = await Promise.all([open(configOf(redis), 'one'), open(configOf(redis), 'two')]);
    const object = await made(one);
    assert.equal(await found(two.keys, TENANT, object.uid), undefined);
    assert.equal(two.keys.held, 0);
    await Promise.all([close(one), close(two)]);
    await redis.stop();
  });
});
