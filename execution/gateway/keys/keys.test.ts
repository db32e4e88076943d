/** Opened keys: bounded, wiped when they leave, never used without a lease; and the budget of random IVs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateKeyPair, SecretBytes } from '../../envelope/index.ts';
import { MeshOperation } from '../../mesh/index.ts';
import {
  anObject,
  FakeCore,
  freshStore,
  granted,
  OTHER_TENANT,
  REGION,
  SERVICE,
  silent,
  storePath,
  TENANT,
  wrappedObject,
} from '../fixture.test.ts';
import { IV_COUNTS_WRITTEN_AT_ONCE, MAX_UNWRITTEN_IVS, MAX_WORKERS, RANDOM_IV_MARGIN } from '../limits.ts';
import { CoreLink } from '../link/core-link.ts';
import { GatewayRefusal } from '../refusals.ts';
import { Tenants } from '../tenants.ts';
import { IvBudget } from './iv-budget.ts';
import { KeyCache } from './key-cache.ts';
import { KeyRing } from './key-ring.ts';
import { LeaseBook } from './lease-book.ts';

describe('the cache of opened keys', () => {
  it('wipes the key that was used least recently', () => {
    const cache = new KeyCache(undefined, 2);
    const held = [anObject(), anObject(), anObject()].map((object) =>
      cache.put(object, SecretBytes.random(32)),
    );
    const [first, second, third] = held;
    assert.ok(first?.key.isWiped && !second?.key.isWiped && !third?.key.isWiped);
    cache.get(second?.object.uid ?? '');
    cache.put(anObject(), SecretBytes.random(32));
    assert.ok(third?.key.isWiped && !second?.key.isWiped);
  });

  it('counts bytes of locked memory, and wipes until the newest key fits', () => {
    const keys = [32, 32, 32].map((sizeBytes) => SecretBytes.random(sizeBytes));
    const cache = new KeyCache(100);
    const held = keys.map((key) => cache.put(anObject(), key));
    assert.equal(cache.heldBytes, 96);
    const [first, ...others] = held;
    cache.put(first?.object ?? anObject(), SecretBytes.random(16));
    assert.ok(keys[0]?.isWiped, 'the older key of the same object');
    assert.equal(cache.heldBytes, 96, 'a slot counts whole');
    const large = cache.put(anObject(), SecretBytes.random(1000));
    assert.ok(others.every(({ key }) => key.isWiped));
    assert.ok(!large.key.isWiped, 'its request is about to use it');
    assert.equal(cache.heldBytes, large.key.footprintBytes);
    const next = cache.put(anObject(), SecretBytes.random(32));
    assert.ok(large.key.isWiped && !next.key.isWiped);
    cache.clear();
    assert.equal(cache.heldBytes, 0);
  });

  it('wipes what belongs to a service or a tenant, and nothing else', () => {
    const cache = new KeyCache();
    const mine = cache.put(anObject(), SecretBytes.random(32));
    const theirs = cache.put(anObject({ tenant: OTHER_TENANT }), SecretBytes.random(32));
    cache.dropService(TENANT, SERVICE);
    assert.ok(mine.key.isWiped && !theirs.key.isWiped);
    cache.dropTenant(OTHER_TENANT);
    assert.ok(theirs.key.isWiped);
    assert.equal(cache.size, 0);
  });

  it('gives out no key of a service that is over, and wipes tens of thousands without holding up everything else', async () => {
    const cache = new KeyCache(undefined, 40_000);
    const held = Array.from({ length: 30_000 }, (_, index) =>
      cache.put(anObject({ uid: `key-${index}` }), SecretBytes.random(32)),
    );
    cache.dropService(TENANT, SERVICE);
    assert.ok(
      held.some(({ key }) => !key.isWiped),
      'all of it at once',
    );
    for (const { object } of held) {
      assert.equal(cache.get(object.uid), undefined);
      assert.ok(!cache.has(object.uid) && !cache.isUpToDate(object.uid, 0));
    }
    // The service may be leased again before that has ended.
    const again = cache.put(anObject({ uid: 'key-29999' }), SecretBytes.random(32));
    for (let turn = 0; cache.size > 1 && turn < 5_000; turn++) await new Promise(setImmediate);
    assert.ok(held.every(({ key }) => key.isWiped));
    assert.equal(cache.get('key-29999'), again);
    assert.equal(cache.heldBytes, again.key.footprintBytes);
    cache.dropTenant(TENANT);
    assert.ok(again.key.isWiped);
  });
});

async function ringWith(l3s: Map<number, SecretBytes>) {
  const store = freshStore();
  const core = new FakeCore();
  core.answers[MeshOperation.Lease] = (request) => granted(request, l3s, { ttlMs: 60_000, graceMs: 0 });
  const link = new CoreLink({ open: core.open, logger: silent });
  link.markUp();
  const cache = new KeyCache();
  const leases = new LeaseBook({
    region: REGION,
    link,
    tenants: new Tenants(store.registry),
    keyPair: await generateKeyPair(),
    logger: silent,
    onEnded: (tenant, service) => cache.dropService(tenant, service),
    currency: { isCurrent: true, appliedHead: 0, sync: async () => undefined, observeHead: () => undefined },
  });
  return {
    store,
    core,
    cache,
    leases,
    ring: new KeyRing({ region: REGION, store, cache, leases, logger: silent }),
  };
}

describe('the key ring', () => {
  it('opens a stored key, once for all who ask together', async () => {
    const l3 = SecretBytes.random(32);
    const key = SecretBytes.random(32);
    const { store, ring, core } = await ringWith(new Map([[1, l3]]));
    const object = wrappedObject(l3, 1, key);
    store.objects.apply(object);
    const opened = await Promise.all(Array.from({ length: 10 }, () => ring.open(object)));
    assert.ok(opened.every((held) => held.key.equals(key)));
    assert.equal(core.count(MeshOperation.Lease), 1);
    assert.equal(ring.ready(object.tenant, object.uid), opened[0]);
  });

  it('has nothing ready once the lease has ended', async () => {
    const l3 = SecretBytes.random(32);
    const { store, ring, leases } = await ringWith(new Map([[1, l3]]));
    const object = wrappedObject(l3, 1, SecretBytes.random(32));
    store.objects.apply(object);
    const held = await ring.open(object);
    leases.drop(TENANT, SERVICE, 'TEST');
    assert.ok(held.key.isWiped);
    assert.equal(ring.ready(object.tenant, object.uid), undefined);
  });

  it('refuses a record that was put in the place of another', async () => {
    const l3 = SecretBytes.random(32);
    const { store, ring } = await ringWith(new Map([[1, l3]]));
    const one = wrappedObject(l3, 1, SecretBytes.random(32));
    const other = wrappedObject(l3, 1, SecretBytes.random(32));
    store.objects.apply({ ...one, wrapped: other.wrapped });
    await assert.rejects(
      ring.open(one),
      (error) => error instanceof GatewayRefusal && error.refusal === 'KEY_DAMAGED',
    );
    store.objects.apply({ ...other, wrapped: Buffer.alloc(7) });
    await assert.rejects(
      ring.open(other),
      (error) => error instanceof GatewayRefusal && error.refusal === 'KEY_DAMAGED',
    );
  });
});

describe('the budget of random IVs', () => {
  it('ends, and a restart does not give it back', async () => {
    const path = storePath();
    const store = freshStore(path);
    const budget = new IvBudget(store, { limit: 5 });
    for (let i = 0; i < 3; i++) budget.spend('key');
    await budget.write();
    store.close();
    const again = freshStore(path);
    const rest = new IvBudget(again, { limit: 5 });
    rest.spend('key');
    rest.spend('key');
    assert.throws(
      () => rest.spend('key'),
      (error) => error instanceof GatewayRefusal && error.refusal === 'IV_BUDGET_SPENT',
    );
    rest.spend('another key');
    again.close();
  });

  it('is not spent in memory alone for longer than a crash may forget', async () => {
    const store = freshStore(storePath());
    const budget = new IvBudget(store, { maxUnwritten: 3 });
    for (let i = 0; i < 3; i++) budget.spend('key');
    assert.throws(
      () => budget.spend('key'),
      (error) => error instanceof GatewayRefusal && error.refusal === 'STORE_UNREACHABLE',
    );
    budget.spend('another key');
    await budget.write();
    budget.spend('key');
    assert.ok(RANDOM_IV_MARGIN >= MAX_WORKERS * MAX_UNWRITTEN_IVS);
    store.close();
  });

  it('is written some at a time, once, and what was spent in the meantime with the next ones', async () => {
    const store = freshStore(storePath());
    const { addRandomIvs } = store.keys;
    const budget = new IvBudget(store);
    const uids = Array.from({ length: 3 * IV_COUNTS_WRITTEN_AT_ONCE }, (_, index) => `key-${index}`);
    const first = uids[0] ?? '';
    for (const uid of uids) budget.spend(uid);
    const sizes: number[] = [];
    let running = 0;
    store.keys.addRandomIvs = async (spent) => {
      sizes.push(spent.size);
      running += 1;
      assert.equal(running, 1, 'one write at a time');
      // While the second thousand is written: of the first, which is done; of the second; of the third, which waits.
      const anew = [0, IV_COUNTS_WRITTEN_AT_ONCE, 2 * IV_COUNTS_WRITTEN_AT_ONCE];
      if (sizes.length === 2) for (const index of anew) budget.spend(uids[index] ?? '');
      if (sizes.length === 2) budget.learn(first, 0);
      await new Promise(setImmediate);
      const totals = await addRandomIvs.call(store.keys, spent);
      running -= 1;
      return totals;
    };
    // Of three calls while one runs, one write comes.
    await Promise.all([budget.write(), budget.write(), budget.write(), budget.write()]);
    assert.deepEqual(sizes, [1_000, 1_000, 1_000, 2]);
    const twice = new Set([0, IV_COUNTS_WRITTEN_AT_ONCE, 2 * IV_COUNTS_WRITTEN_AT_ONCE]);
    for (const [index, uid] of uids.entries()) {
      assert.equal(store.keys.randomIvsUsed(uid), twice.has(index) ? 2 : 1);
      assert.equal(budget.spentOf(uid), twice.has(index) ? 2 : 1);
    }
    store.close();
  });

  it('is written once more where the store has not taken it, and what has waited longest first', async () => {
    const store = freshStore(storePath());
    const { addRandomIvs } = store.keys;
    const budget = new IvBudget(store);
    const uids = Array.from({ length: 3 * IV_COUNTS_WRITTEN_AT_ONCE }, (_, index) => `key-${index}`);
    for (const uid of uids) budget.spend(uid);
    const firsts: (string | undefined)[] = [];
    store.keys.addRandomIvs = async (spent) => {
      firsts.push([...spent.keys()][0]);
      if (firsts.length === 2) throw new GatewayRefusal('STORE_UNREACHABLE');
      return await addRandomIvs.call(store.keys, spent);
    };
    await assert.rejects(budget.write(), GatewayRefusal);
    budget.spend('key-0');
    budget.spend('key-1000');
    await budget.write();
    assert.deepEqual(firsts, ['key-0', 'key-1000', 'key-1000', 'key-2000', 'key-0']);
    const twice = new Set(['key-0', 'key-1000']);
    for (const uid of uids) assert.equal(store.keys.randomIvsUsed(uid), twice.has(uid) ? 2 : 1);
    store.close();
  });

  it('is not told less than it was by an answer that is older than the last write', async () => {
    const store = freshStore(storePath());
    const budget = new IvBudget(store);
    budget.learn('key', 3);
    budget.spend('key');
    await budget.write();
    budget.learn('key', 0);
    assert.equal(budget.spentOf('key'), 1, 'as the store has it, which knew of none');
    budget.learn('key', 9);
    assert.equal(budget.spentOf('key'), 9);
    store.close();
  });

  it('is forgotten of keys that are not open any more, and of none that is or whose count is not written', async () => {
    const store = freshStore(storePath());
    const open = new Set(['open']);
    const budget = new IvBudget(store, { maxCounts: 10, isOpen: (uid) => open.has(uid) });
    budget.learn('open', 7);
    for (let index = 0; index < 9; index++) budget.spend(`unwritten-${index}`);
    for (let index = 0; index < 10_000; index++) budget.learn(`key-${index}`, 1);
    assert.ok(budget.size <= 20, `${budget.size} counts are held`);
    await budget.write();
    for (let index = 0; index < 100; index++) budget.learn(`other-${index}`, 1);
    assert.ok(budget.size <= 11, `${budget.size} counts are held`);
    assert.equal(store.keys.randomIvsUsed('unwritten-8'), 1);
    // The store does not know of the seven: they would be gone.
    assert.equal(budget.spentOf('open'), 7);
    store.close();
  });
});
