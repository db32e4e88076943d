// Governance's key and a region's are exchanged while jobs go on: no message is refused on the way, and afterwards the old keys
// are worth nothing.
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { publicPemOf, type Signer, statusChannel } from '../../orbital/index.ts';
import { signMessage } from '../../orbital/messages.ts';
import { testWorld } from '../../testkit/governance.ts';
import type { TestRegion } from '../test-region.ts';
import { until, type World } from '../test-world.ts';

let world: World;
let north: TestRegion;

before(async () => {
  world = await testWorld({ regions: ['north', 'south'] });
  const [region] = world.regions;
  assert.ok(region);
  north = region;
});
after(() => world?.close());

const keys = async (path = '/v1/signing-keys') =>
  Object.fromEntries(
    (await world.must(200, 'GET', path)).items.map((key: { keyId: string; state: string }) => [
      key.keyId,
      key.state,
    ]),
  ) as Record<string, string>;

async function rejected(code: string): Promise<number> {
  const text = await (await fetch(new URL('/metrics', world.healthUrl()))).text();
  const pattern = new RegExp(
    `okcm_orbital_messages_rejected_total\\{[^}]*code="${code}"[^}]*\\} (\\d+)`,
    'g',
  );
  return [...text.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
}
const rejectedAtAll = async () => (await rejected('UNKNOWN_KEY')) + (await rejected('BAD_SIGNATURE'));

/** Jobs without a pause, until it is told to end; answers how many were done. */
function traffic() {
  let isOver = false;
  const done = (async () => {
    let jobs = 0;
    for (; !isOver; jobs++) {
      const tenant = `t-${randomUUID().slice(0, 8)}`;
      await world.must(202, 'POST', '/v1/tenants', { id: tenant });
      await until(`${tenant} is active`, async () => {
        return (await world.must(200, 'GET', `/v1/tenants/${tenant}`)).state === 'active';
      });
    }
    return jobs;
  })();
  return {
    async end(): Promise<number> {
      isOver = true;
      return await done;
    },
  };
}

const longAgo = (table: string) => world.query(`UPDATE ${table} SET since = since - interval '1 minute'`, []);

/** A status that nobody asked for, signed by this key: it is counted as refused, or as of no task. */
async function fateOf(signer: Signer): Promise<'counts' | 'refused'> {
  const [unknownTask, unknownKey] = [await rejected('UNKNOWN_TASK'), await rejected('UNKNOWN_KEY')];
  await north.transport.publish(
    statusChannel(),
    signMessage(signer, {
      type: 'status',
      taskId: randomUUID(),
      etag: 1,
      target: 'north',
      phase: 'done',
      result: null,
      correlationId: 'test',
      at: new Date().toISOString(),
    }),
  );
  return await until('the status is judged', async () => {
    if ((await rejected('UNKNOWN_TASK')) > unknownTask) return 'counts';
    return (await rejected('UNKNOWN_KEY')) > unknownKey ? 'refused' : undefined;
  });
}

test('governance goes over to a key that every region trusts, under traffic, and none of its messages is refused', async () => {
  const before = await rejectedAtAll();
  const jobs = traffic();
  assert.equal((await world.must(202, 'POST', '/v1/signing-keys', { keyId: 'cmk-2' })).state, 'announced');
  await until('the new key signs', async () => (await keys())['cmk-2'] === 'active');
  assert.deepEqual(await keys(), { cmk: 'retiring', 'cmk-2': 'active' });
  const early = await world.call('POST', '/v1/signing-keys/cmk/retire');
  assert.equal(early.body.code, 'SIGNING_KEY_IN_USE');
  await longAgo('signing_keys');
  await world.must(202, 'POST', '/v1/signing-keys/cmk/retire');
  const trusted = (region: TestRegion) =>
    region.knownKeys.filter(({ state }) => state === 'trusted').map(({ keyId }) => keyId);
  await until('every region has retired the old key', async () =>
    world.regions.every((region) => trusted(region).join() === 'cmk-2'),
  );
  assert.ok((await jobs.end()) > 0);
  assert.equal(await rejectedAtAll(), before);
});

test('a retired key comes back neither by its name nor by its file, and the one that signs is not retired', async () => {
  assert.equal(
    (await world.call('POST', '/v1/signing-keys', { keyId: 'cmk' })).body.code,
    'SIGNING_KEY_STATE',
  );
  const active = await world.call('POST', '/v1/signing-keys/cmk-2/retire');
  assert.equal(active.body.code, 'SIGNING_KEY_STATE');
  const unknown = await world.call('POST', '/v1/signing-keys/none/retire');
  assert.equal(unknown.body.code, 'SIGNING_KEY_UNKNOWN');
});

test('after a restart with the configuration of before, the key that signs is the one that governance has gone over to', async () => {
  await world.restart();
  await world.onboard('after-the-restart');
  const { items } = await world.must(200, 'GET', '/v1/signing-keys');
  const file = `${world.config.orbital.signingKey.replace(/[^/]+$/, '')}signing-keys/cmk-2.key.pem`;
  const stored = publicPemOf(createPrivateKey(await readFile(file)));
  assert.equal(items.find((key: { keyId: string }) => key.keyId === 'cmk-2').publicKey, stored);
});

test('a region makes its next key and goes over to it, under traffic; its old one counts until it is retired', async () => {
  const old = { keyId: north.signer.keyId, privateKey: north.signer.privateKey };
  const before = await rejectedAtAll();
  const jobs = traffic();
  await world.must(202, 'POST', '/v1/regions/north/keys', { keyId: 'north-2' });
  await until('the region signs by its new key', async () => {
    return (await keys('/v1/regions/north/keys'))['north-2'] === 'active';
  });
  assert.equal(await fateOf(old), 'counts');
  assert.equal(await rejectedAtAll(), before);
  await north.report();
  await until('a report of the new key has come', async () => {
    const { items } = await world.must(200, 'GET', '/v1/regions/north/keys');
    return items.some(
      (key: { keyId: string; heardAt: string | null }) => key.keyId === 'north-2' && key.heardAt,
    );
  });
  await world.must(200, 'POST', `/v1/regions/north/keys/${encodeURIComponent(old.keyId)}/retire`);
  assert.equal(await fateOf(old), 'refused');
  assert.equal(await fateOf(north.signer), 'counts');
  assert.ok((await jobs.end()) > 0);
});

test('a key by which a core of the region still signs is not retired', async () => {
  const old = { keyId: north.signer.keyId, privateKey: north.signer.privateKey };
  await world.must(202, 'POST', '/v1/regions/north/keys', { keyId: 'north-3' });
  await until('the region goes over', async () => {
    return (await keys('/v1/regions/north/keys'))['north-3'] === 'active';
  });
  north.signer.use(old);
  await north.report();
  const retire = () => world.call('POST', '/v1/regions/north/keys/north-2/retire');
  await until('it is in use', async () => (await retire()).body.code === 'SIGNING_KEY_IN_USE');
});

test('a region whose key was stolen gets its next one by hand', async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const brought = { keyId: 'north-by-hand', publicKey: publicPemOf(privateKey) };
  await world.must(202, 'POST', '/v1/regions/north/keys', brought);
  assert.equal(await fateOf({ keyId: brought.keyId, privateKey }), 'counts');
  const taken = await world.call('POST', '/v1/regions/south/keys', brought);
  assert.equal(taken.body.code, 'ALREADY_EXISTS');
});
