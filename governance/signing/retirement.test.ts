// A stolen key is retired however warm its thief keeps it, and no region is left with a key that counts for nothing.
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { publicPemOf, reportChannel, type Signer, statusChannel } from '../../orbital/index.ts';
import { signMessage } from '../../orbital/messages.ts';
import { testWorld } from '../../testkit/governance.ts';
import type { TestRegion } from '../test-region.ts';
import { until, type World } from '../test-world.ts';

let world: World;
let north: TestRegion;
let south: TestRegion;

before(async () => {
  world = await testWorld({ regions: ['north', 'south'] });
  const [first, second] = world.regions;
  assert.ok(first && second);
  [north, south] = [first, second];
});
after(() => world?.close());

interface Key {
  readonly keyId: string;
  readonly state: string;
  readonly heardAt: string | null;
}
async function keyOf({ name }: TestRegion, keyId: string): Promise<Key> {
  const { items } = await world.must(200, 'GET', `/v1/regions/${name}/keys`);
  return items.find((key: Key) => key.keyId === keyId) ?? { keyId, state: 'none', heardAt: null };
}
const retire = ({ name }: TestRegion, keyId: string, body?: unknown) =>
  world.call('POST', `/v1/regions/${name}/keys/${encodeURIComponent(keyId)}/retire`, body);
const signerNow = ({ signer: { keyId, privateKey } }: TestRegion): Signer => ({ keyId, privateKey });

async function rotate(region: TestRegion, keyId: string): Promise<void> {
  await world.must(202, 'POST', `/v1/regions/${region.name}/keys`, { keyId });
  await until('the region signs by it', async () => (await keyOf(region, keyId)).state === 'active');
}

async function rejected(code: string): Promise<number> {
  const text = await (await fetch(new URL('/metrics', world.healthUrl()))).text();
  const counts = text.matchAll(
    new RegExp(`okcm_orbital_messages_rejected_total\\{[^}]*code="${code}"[^}]*\\} (\\d+)`, 'g'),
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** A status that nobody asked for, signed by this key: it is counted as refused, or as of no task. */
async function counts(region: TestRegion, signer: Signer): Promise<boolean> {
  const [unknownTask, unknownKey] = [await rejected('UNKNOWN_TASK'), await rejected('UNKNOWN_KEY')];
  const status = { etag: 1, phase: 'done' as const, result: null, correlationId: 'test' };
  await region.transport.publish(
    statusChannel(),
    signMessage(signer, {
      ...status,
      type: 'status',
      taskId: randomUUID(),
      target: region.name,
      at: new Date().toISOString(),
    }),
  );
  const fate = await until('the status is judged', async () => {
    if ((await rejected('UNKNOWN_TASK')) > unknownTask) return 'counts';
    return (await rejected('UNKNOWN_KEY')) > unknownKey ? 'refused' : undefined;
  });
  return fate === 'counts';
}

/** A report of that time, as whoever has this key sends it. */
async function reportBy(region: TestRegion, signer: Signer, at: Date): Promise<void> {
  const now = at.toISOString();
  const core = { instance: 'core-1', startedAt: now, seal: 'unsealed', sealKind: 'test' };
  const report = { region: region.name, at: now, core, gateways: [], links: [] };
  const message = { type: 'report' as const, source: region.name, at: now, report };
  await region.transport.publish(reportChannel(), signMessage(signer, message));
}
const heard = (region: TestRegion, keyId: string) =>
  until('a report of that key has come', async () => (await keyOf(region, keyId)).heardAt ?? undefined);

test('a report that was recorded and comes again keeps no key in use', async () => {
  const old = signerNow(north);
  await rotate(north, 'north-2');
  await reportBy(north, signerNow(north), new Date());
  await heard(north, 'north-2');
  await reportBy(north, old, new Date(Date.now() - 60_000));
  // Both come over the same channel: the second one is stored after the first one was thrown away.
  await world.query(`UPDATE region_keys SET heard_at = NULL WHERE key_id = 'north-2'`);
  await reportBy(north, signerNow(north), new Date());
  await heard(north, 'north-2');
  assert.equal((await keyOf(north, old.keyId)).heardAt, null);
  assert.equal((await retire(north, old.keyId)).status, 200);
});

test('a stolen key that its thief keeps in use is retired where it is said that it was stolen, and the audit log says so', async () => {
  const stolen = signerNow(north);
  await rotate(north, 'north-3');
  await reportBy(north, stolen, new Date());
  await heard(north, stolen.keyId);
  assert.equal((await retire(north, stolen.keyId)).body.code, 'SIGNING_KEY_IN_USE');
  assert.equal((await retire(north, stolen.keyId, { stolen: false })).body.code, 'SIGNING_KEY_IN_USE');
  assert.ok(await counts(north, stolen));
  assert.equal((await retire(north, stolen.keyId, { stolen: true })).status, 200);
  assert.equal(await counts(north, stolen), false);
  assert.ok(await counts(north, signerNow(north)));
  const [event] = await world.query(
    `SELECT detail FROM audit_events WHERE action = 'region-key.retire' ORDER BY sequence DESC LIMIT 1`,
  );
  assert.deepEqual(JSON.parse(String(event?.['detail'])), { keyId: stolen.keyId, stolen: true });
});

test('the key that signs is not retired, stolen or not: one always counts', async () => {
  const active = await retire(north, 'north-3', { stolen: true });
  assert.equal(active.body.code, 'SIGNING_KEY_STATE');
  const only = await retire(south, south.signer.keyId, { stolen: true });
  assert.equal(only.body.code, 'SIGNING_KEY_STATE');
  const ofGovernance = await world.call('POST', '/v1/signing-keys/cmk/retire', { stolen: true });
  assert.equal(ofGovernance.body.code, 'SIGNING_KEY_STATE');
});

test('governance’s key is retired at once where it was stolen, and regions go on with the new one', async () => {
  await world.must(202, 'POST', '/v1/signing-keys', { keyId: 'cmk-2' });
  await until('the new key signs', async () => {
    const { items } = await world.must(200, 'GET', '/v1/signing-keys');
    return items.some(({ keyId, state }: Key) => keyId === 'cmk-2' && state === 'active');
  });
  const inUse = await world.call('POST', '/v1/signing-keys/cmk/retire');
  assert.equal(inUse.body.code, 'SIGNING_KEY_IN_USE');
  const retired = await world.must(202, 'POST', '/v1/signing-keys/cmk/retire', { stolen: true });
  assert.equal(retired.state, 'retired');
  await until('every region has retired it', async () =>
    world.regions.every(({ knownKeys }) =>
      knownKeys.every(({ keyId, state }) => (keyId === 'cmk') === (state === 'retired')),
    ),
  );
  await world.onboard('after-the-theft');
});

/** The region answers no REGION_KEY_USE until it is told to. */
function holdUse(region: TestRegion): () => void {
  region.interfere = (kind) =>
    kind === 'REGION_KEY_USE'
      ? { failed: { code: 'UNAVAILABLE', message: 'not yet', retryable: true } }
      : undefined;
  return () => {
    region.interfere = undefined;
  };
}

async function announced(keyId: string): Promise<void> {
  await world.must(202, 'POST', '/v1/regions/south/keys', { keyId });
  await until('it is announced', async () => (await keyOf(south, keyId)).state === 'announced');
}

test('a key that the region is about to sign by is not retired, and stays the one that signs afterwards', async () => {
  const release = holdUse(south);
  await announced('south-2');
  for (const body of [undefined, { stolen: true }]) {
    const busy = await retire(south, 'south-2', body);
    assert.equal(busy.body.code, 'SIGNING_KEY_BUSY');
    const [, job] = /by job ([0-9a-f-]{36})/.exec(busy.body.detail) ?? [];
    assert.equal((await world.must(200, 'GET', `/v1/jobs/${job}`)).kind, 'REGION_KEY_USE');
  }
  release();
  await until('the region goes over', async () => (await keyOf(south, 'south-2')).state === 'active');
  assert.ok(await counts(south, signerNow(south)));
});

test('a retirement that meets the region’s word that it has gone over waits for that, and retires no key that signs', async () => {
  const release = holdUse(south);
  for (const keyId of ['south-3', 'south-4', 'south-5']) {
    holdUse(south);
    await announced(keyId);
    release();
    // Several at a time, so that one of them is under way whenever the answer comes.
    while ((await keyOf(south, keyId)).state === 'announced') {
      const answers = await Promise.all([1, 2, 3].map(() => retire(south, keyId, { stolen: true })));
      for (const { status } of answers) assert.equal(status, 409);
    }
    assert.equal((await keyOf(south, keyId)).state, 'active');
    const before = (await world.must(200, 'GET', '/v1/regions/south/keys')).items as Key[];
    for (const { keyId: old } of before.filter(({ state }) => state === 'retiring'))
      assert.equal((await retire(south, old, { stolen: true })).status, 200);
  }
});

test('a region that signs by a key that was retired is refused, and comes back with a key that was brought by hand', async () => {
  const release = holdUse(south);
  await announced('south-6');
  const busy = await retire(south, 'south-6');
  const [, job] = /by job ([0-9a-f-]{36})/.exec(busy.body.detail) ?? [];
  await world.must(202, 'POST', `/v1/jobs/${job}/cancel`);
  assert.equal((await retire(south, 'south-6')).status, 200);
  release();
  const privateKey = south.ownKeys.get('south-6');
  assert.ok(privateKey);
  // What was cancelled may have been on its way.
  south.signer.use({ keyId: 'south-6', privateKey });
  assert.equal(await counts(south, signerNow(south)), false);
  const made = generateKeyPairSync('ed25519');
  const brought = { keyId: 'south-7', publicKey: publicPemOf(made.privateKey) };
  await world.must(202, 'POST', '/v1/regions/south/keys', brought);
  south.signer.use({ keyId: 'south-7', privateKey: made.privateKey });
  await world.onboard('afterwards');
  assert.ok(await counts(south, signerNow(south)));
});
