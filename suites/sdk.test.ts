/** The SDK and its examples against two real gateways of a region, with a real core behind them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type GatewayConfig, type RunningGateway, startGateway } from '../execution/gateway/index.ts';
import { sealRows } from '../execution/sdk/examples/envelope.ts';
import { adviceFor, decryptTogether, observed } from '../execution/sdk/examples/failures.ts';
import { countBytes, openFile, sealFile } from '../execution/sdk/examples/files.ts';
import { lifeOfAKey } from '../execution/sdk/examples/quick-start.ts';
import {
  type ConnectOptions,
  connect,
  type OpenKcm,
  Operation,
  SealedDataError,
  settle,
  tlsFiles,
} from '../execution/sdk/index.ts';
import { createLogger } from '../platform/log.ts';
import { keyFingerprint } from '../platform/tls-identity.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { pemFiles } from '../testkit/pki.ts';
import { type RegionWorld, startRegion, until } from './support/region.ts';

const EXAMPLES = join(import.meta.dirname, '../execution/sdk/examples');
const README = readFileSync(join(EXAMPLES, '../README.md'), 'utf8');

let world: RegionWorld;
let second: RunningGateway;
let options: ConnectOptions;
let kms: OpenKcm;

async function secondGateway(): Promise<RunningGateway> {
  const pair = await world.pki.both('gateway-2');
  const identity = {
    role: 'gateway' as const,
    name: 'gateway-2',
    fingerprint: keyFingerprint(pair.certificatePem),
  };
  await world.job('IDENTITY_PUT', { identity });
  const { certFile: cert, keyFile: key, caFile: ca } = await pemFiles(pair, world.pki.ca);
  const { core, ...base } = world.gatewayConfig;
  const config: GatewayConfig = {
    ...base,
    name: 'gateway-2',
    kmip: { host: '127.0.0.1', port: 0 },
    tls: { cert, key, ca },
    core: { ...core, cert, key, ca },
    store: { path: join(temporaryDirectory('gateway-2'), 'gateway.sqlite') },
  };
  return startGateway(config, { logger: createLogger({ name: 'gateway-2', level: 'silent' }) });
}

before(async () => {
  world = await startRegion();
  second = await secondGateway();
  await world.provision('acme', 'orders');
  await world.link('acme', 1);
  const own = await world.application('billing', 'acme', ['orders']);
  await world.caughtUp(second);
  const { certFile: cert, keyFile: key, caFile: ca } = await pemFiles(own, world.pki.ca);
  options = {
    gateways: [world.gateway, second].map(({ port }) => ({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
    })),
    tls: tlsFiles({ cert, key, ca }),
  };
  kms = await connect(options);
});
after(async () => {
  await kms?.close();
  await second?.close();
  await world?.close();
});

describe('the examples', () => {
  test('a key lives', async () => {
    const [text, ...states] = await lifeOfAKey(options, 'a customer');
    assert.equal(text, 'a customer');
    assert.deepEqual(states, ['Active', 'Deactivated', 'Destroyed']);
  });

  test('rows are sealed under few data keys, created or under the service', async () => {
    const texts = Array.from({ length: 100 }, (_, i) => `customer ${i}`);
    for (const source of [{ kind: 'created' }, { kind: 'service', service: 'orders' }] as const) {
      assert.deepEqual(await sealRows(options, source, texts), { texts, dataKeys: 1 });
    }
  });

  test('files are sealed and opened as they are read', async () => {
    const directory = temporaryDirectory('files');
    const [plain, sealed, opened] = ['plain', 'sealed', 'opened'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    const bytes = randomBytes(300_000);
    writeFileSync(plain, bytes);
    using dataKeys = kms.dataKeys();
    await sealFile(dataKeys, plain, sealed);
    await openFile(dataKeys, sealed, opened);
    assert.deepEqual(readFileSync(opened), bytes);
    assert.equal(await countBytes(dataKeys, sealed), bytes.length);
    writeFileSync(sealed, readFileSync(sealed).subarray(0, 200_000));
    await assert.rejects(openFile(dataKeys, sealed, opened), SealedDataError);
    assert.deepEqual(readdirSync(directory).sort(), ['plain', 'sealed']);
  });

  test('failures are values; batches; what was counted', async () => {
    const uid = await kms.create();
    assert.equal((await adviceFor(kms, uid)).do, 'nothing');
    assert.deepEqual(await adviceFor(kms, 'nothing'), { do: 'give up', why: 'no such key' });
    const one = await kms.encrypt(uid, Buffer.from('one'));
    const two = await kms.encrypt(uid, Buffer.from('two'));
    const damaged = { ...two, data: Buffer.from(two.data.map((byte) => byte ^ 1)) };
    assert.deepEqual(await decryptTogether(kms, uid, [one, two]), ['one', 'two']);
    assert.deepEqual(await decryptTogether(kms, uid, [one, damaged]), ['one']);
    const { within1Ms, text } = observed(kms, 'Encrypt');
    assert.ok(within1Ms >= 0 && within1Ms <= 1);
    assert.match(text, /operation="Encrypt",le="0.001"/);
  });

  test('are those that README shows', () => {
    const flat = (text: string): string => text.replace(/\s+/g, ' ').trim();
    const sources = readdirSync(EXAMPLES).map((name) => flat(readFileSync(join(EXAMPLES, name), 'utf8')));
    const blocks = [...README.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = '']) => block);
    assert.ok(blocks.length >= 4);
    for (const block of blocks)
      assert.ok(
        sources.some((source) => source.includes(flat(block))),
        block,
      );
  });
});

describe('a region with two gateways', () => {
  test('a key made at one is used at both; what was revoked is refused at both', async () => {
    const uids = await Promise.all(Array.from({ length: 8 }, () => kms.create()));
    const sealed = await Promise.all(uids.map((uid) => kms.encrypt(uid, Buffer.from(uid))));
    for (const gateway of options.gateways) {
      await using alone = await connect({ ...options, gateways: [gateway] });
      for (const [i, uid] of uids.entries()) {
        await until('the key is known there', async () => (await settle(alone.get(uid))).ok);
        const one = sealed[i];
        assert.ok(one !== undefined);
        assert.equal(Buffer.from(await alone.decrypt(uid, one)).toString(), uid);
      }
    }
    const [uid = ''] = uids;
    await kms.revoke(uid, 'KeyCompromise');
    const refused = await settle(kms.encrypt(uid, Buffer.from('x')));
    assert.ok(!refused.ok && refused.error.reason === 'PermissionDenied' && refused.error.retry === 'no');
  });

  test('serves every operation by its typed call or by its payload', async () => {
    const { metrics } = kms;
    const before = metrics.snapshot().latency['Query']?.count ?? 0;
    assert.ok((await kms.query()).operations.includes('Create'));
    assert.equal(metrics.snapshot().latency['Query']?.count, before + 1);
    assert.ok((await kms.discoverVersions()).includes('1.4'));
    const answer = await kms.request(Operation.RNGRetrieve, { dataLength: 16 });
    assert.equal(answer.data.length, 16);
    const renewed = await kms.rekey(await kms.create());
    assert.notEqual((await kms.getAttributes(renewed)).get('Cryptographic Length'), undefined);
  });

  test('with one gateway gone nothing fails that the other can do', async () => {
    const uids = await Promise.all(Array.from({ length: 8 }, () => kms.create()));
    const sealed = await Promise.all(uids.map((uid) => kms.encrypt(uid, Buffer.from(uid))));
    const [first] = options.gateways;
    assert.ok(first !== undefined);
    await using alone = await connect({ ...options, gateways: [first] });
    for (const uid of uids) await until('it is announced', async () => (await settle(alone.get(uid))).ok);
    await second.close();
    for (const [i, uid] of uids.entries()) {
      const one = sealed[i];
      assert.ok(one !== undefined);
      assert.equal(Buffer.from(await kms.decrypt(uid, one)).toString(), uid);
    }
    for (let i = 0; i < 8; i++) await kms.create();
  });
});
