/** What every home of L4 keys must do, run over each of them by stores.test.ts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TenantId } from '../../../contracts/index.ts';
import { KmipError, ResultReason } from '../../kmip/index.ts';
import { isFresh, type ManagedObject, served, withoutNames } from '../../objects/index.ts';
import { anObject, type ObjectOptions, OTHER_TENANT, TENANT } from '../fixture.test.ts';
import { GatewayRefusal, type RefusalCode } from '../refusals.ts';
import type { KeyStore } from './key-store.ts';
import { ModelStore, type StepKind } from './model.test.ts';
import type { Store } from './store.ts';

/** A store with nothing in it. */
export interface Home {
  readonly store: Store;
  /** Ends it in order, and opens it again as a process that starts does. Undefined where nothing outlives the process. */
  readonly reopen: (() => Promise<Store>) | undefined;
  close(): Promise<void>;
}

export interface HomeOptions {
  readonly keysPerTenant?: number;
}

const RUNS = 15;

/** As the codec gives it back: its bytes are no Buffer. */
const aKey = (options: ObjectOptions = {}): ManagedObject =>
  anObject({ wrapped: new Uint8Array(100).fill(1), ...options });

export function refusedAs(code: RefusalCode) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof GatewayRefusal, String(error));
    assert.equal(error.refusal, code);
    return true;
  };
}

function nameTaken(error: unknown): boolean {
  return error instanceof KmipError && error.resultReason === ResultReason.InvalidField;
}

const nothing = (): void => undefined;
const made = (store: Store, ...objects: ManagedObject[]): Promise<void> =>
  store.keys.insert(objects, nothing);

/** What the store says of a key, once it has been asked. */
export async function found(keys: KeyStore, tenant: TenantId, uid: string) {
  await keys.load(tenant, [uid]);
  return keys.peek(tenant, uid);
}

async function inLine(keys: KeyStore, tenant?: TenantId): Promise<string[]> {
  return (await keys.waiting(1_000, tenant)).objects.map(({ uid }) => uid);
}

const announced = (...objects: ManagedObject[]) =>
  objects.map((known) => ({ outcome: 'announced', known }) as const);
const gone = (object: ManagedObject) => ({ tenant: object.tenant, uid: object.uid });

export function keyStoreContract(name: string, launch: (options?: HomeOptions) => Promise<Home>): void {
  const test = (what: string, run: (home: Home) => Promise<void>, options?: HomeOptions): void => {
    it(what, async () => {
      const home = await launch(options);
      try {
        await run(home);
      } finally {
        await home.close();
      }
    });
  };

  describe(`${name} as a store of keys`, () => {
    test('holds what was made, byte for byte, with what was written beside it', async ({ store }) => {
      const wrapped = Uint8Array.from({ length: 256 }, (_, value) => value);
      const object = aKey({ name: 'a "name" ü', wrapped });
      let wasBeside = false;
      await store.keys.insert([object], () => {
        wasBeside = true;
      });
      assert.ok(wasBeside);
      assert.deepEqual(await found(store.keys, TENANT, object.uid), { object, announced: false });
      assert.equal(store.keys.held, 1);
      assert.equal(store.keys.backlog, 1);
      assert.ok(store.keys.status().up);
      assert.equal(await found(store.keys, TENANT, 'not there'), undefined);
    });

    test('keeps tenants apart, whatever is asked', async ({ store }) => {
      const { keys } = store;
      const mine = aKey({ name: 'same' });
      const theirs = aKey({ name: 'same', tenant: OTHER_TENANT });
      await made(store, mine);
      await made(store, theirs);
      assert.equal(await found(keys, OTHER_TENANT, mine.uid), undefined);
      assert.equal(await found(keys, TENANT, theirs.uid), undefined);
      assert.ok(keys.isAnothers(OTHER_TENANT, mine.uid), 'for the trail');
      assert.ok(!keys.isAnothers(TENANT, mine.uid));
      assert.deepEqual(await inLine(keys, TENANT), [mine.uid]);
      assert.deepEqual(await inLine(keys, OTHER_TENANT), [theirs.uid]);

      // Under the wrong tenant nothing is changed, announced or forgotten.
      const stolen = { ...mine, tenant: OTHER_TENANT, revision: 9 };
      await keys.markServed(OTHER_TENANT, mine.uid);
      await keys.settle([...announced(stolen), { outcome: 'refused', ...gone(stolen) }]);
      store.transaction(() => keys.destroy(OTHER_TENANT, mine.uid));
      assert.deepEqual(await found(keys, TENANT, mine.uid), { object: mine, announced: false });
      assert.deepEqual(await inLine(keys), [mine.uid, theirs.uid]);
      assert.equal(keys.held, 2);
    });

    test('makes all keys of one call or none, and refuses a Name that is taken', async ({ store }) => {
      const holder = aKey({ name: 'taken' });
      await made(store, holder);
      const others = [aKey(), aKey({ name: 'free' }), aKey({ name: 'taken' })];
      await assert.rejects(made(store, ...others), nameTaken);
      await assert.rejects(made(store, aKey({ name: 'twice' }), aKey({ name: 'twice' })), nameTaken);
      for (const { uid } of others) assert.equal(await found(store.keys, TENANT, uid), undefined);
      assert.deepEqual(await inLine(store.keys), [holder.uid]);
      // A Name comes free with the key, and when the core gives it to another.
      store.transaction(() => store.keys.destroy(TENANT, holder.uid));
      const next = aKey({ name: 'taken' });
      await made(store, next);
      const without = { ...withoutNames(next, new Set(['taken']), 1), revision: 2 };
      await store.keys.settle([{ outcome: 'changed', known: next, object: without }]);
      assert.deepEqual(await found(store.keys, TENANT, next.uid), { object: without, announced: true });
      await made(store, aKey({ name: 'taken' }));
    });

    test(
      'refuses a tenant more keys than it may have, and nobody else',
      async ({ store }) => {
        const own = [aKey(), aKey(), aKey()] as const;
        await made(store, own[0], own[1]);
        await assert.rejects(made(store, own[2], aKey()), refusedAs('KEY_QUOTA'));
        await made(store, own[2]);
        await assert.rejects(made(store, aKey()), refusedAs('KEY_QUOTA'));
        await made(store, aKey({ tenant: OTHER_TENANT }));
        // What comes from elsewhere is the core's to decide, and counts.
        store.transaction(() => store.keys.apply(aKey({ tenant: OTHER_TENANT })));
        store.transaction(() => store.keys.apply(aKey({ tenant: OTHER_TENANT })));
        await store.keys.waiting(1);
        await assert.rejects(made(store, aKey({ tenant: OTHER_TENANT })), refusedAs('KEY_QUOTA'));
        store.transaction(() => store.keys.destroy(TENANT, own[0].uid));
        await made(store, aKey());
        assert.equal(store.keys.held, 6);
      },
      { keysPerTenant: 3 },
    );

    test('leaves a key alone whose UID the core knows as another tenant’s, and takes what else comes', async ({
      store,
    }) => {
      const object = aKey();
      const after = aKey();
      await made(store, object);
      store.transaction(() => {
        store.keys.apply({ ...object, tenant: OTHER_TENANT, revision: 9 });
        store.keys.apply(after);
      });
      assert.deepEqual((await found(store.keys, TENANT, object.uid))?.object, object);
      assert.equal(await found(store.keys, OTHER_TENANT, object.uid), undefined);
      assert.deepEqual((await found(store.keys, TENANT, after.uid))?.object, after);
    });

    test('many at once: all there, in one order', async ({ store }) => {
      const objects = Array.from({ length: 200 }, (_, i) => aKey(i % 2 ? {} : { tenant: OTHER_TENANT }));
      await Promise.all(objects.map((object) => made(store, object)));
      assert.equal(store.keys.backlog, 200);
      assert.deepEqual(
        await inLine(store.keys),
        objects.map(({ uid }) => uid),
      );
      assert.deepEqual(
        (await store.keys.waiting(3, TENANT)).objects.map(({ uid }) => uid),
        objects
          .filter(({ tenant }) => tenant === TENANT)
          .slice(0, 3)
          .map(({ uid }) => uid),
      );
      assert.equal(await store.keys.backlogOf(TENANT), 100);
    });

    test('the line: what is settled leaves it, settled twice or not', async ({ store }) => {
      const { keys } = store;
      const [taken, refused, dead, left] = [aKey(), aKey(), aKey(), aKey()];
      await made(store, taken, refused, dead, left);
      assert.ok(keys.mayWait(TENANT, taken.uid) && keys.mayWait(TENANT, refused.uid));
      const all = [
        ...announced(taken),
        { outcome: 'refused', ...gone(refused) } as const,
        { outcome: 'destroyed', ...gone(dead) } as const,
      ];
      await keys.settle(all);
      await keys.settle(all);
      assert.deepEqual(await inLine(keys), [left.uid]);
      assert.equal(keys.backlog, 1);
      assert.equal(await keys.backlogOf(TENANT), 1);
      assert.ok(keys.mayWait(TENANT, left.uid));
      if (keys.answersAtOnce)
        for (const { uid } of [taken, refused, dead, aKey()]) assert.ok(!keys.mayWait(TENANT, uid), uid);
      assert.equal((await found(keys, TENANT, taken.uid))?.announced, true);
      assert.equal((await found(keys, TENANT, refused.uid))?.announced, false, 'kept, and not waiting');
      assert.equal(await found(keys, TENANT, dead.uid), undefined);
    });

    test('the core’s tombstone wins, also over what it says later', async ({ store }) => {
      const { keys } = store;
      const object = aKey();
      const unseen = aKey();
      await made(store, object);
      store.transaction(() => {
        keys.destroy(TENANT, object.uid);
        keys.destroy(TENANT, unseen.uid);
        keys.apply({ ...object, revision: 99 });
        keys.apply({ ...unseen, revision: 99 });
      });
      assert.equal(await found(keys, TENANT, object.uid), undefined);
      assert.equal(await found(keys, TENANT, unseen.uid), undefined);
      assert.deepEqual([keys.backlog, keys.held], [0, 0]);
    });

    test('a change that comes while the key is being read is seen', async ({ store }) => {
      const { keys } = store;
      const [dead, changed] = [aKey(), aKey()];
      await made(store, dead, changed);
      const reading = keys.load(TENANT, [dead.uid, changed.uid]);
      store.transaction(() => {
        keys.destroy(TENANT, dead.uid);
        keys.apply({ ...changed, revision: 2 });
      });
      await reading;
      assert.equal(keys.peek(TENANT, dead.uid), undefined);
      assert.equal(keys.peek(TENANT, changed.uid)?.object.revision, 2);
    });

    test('counts random IVs, of whoever has spent them', async ({ store }) => {
      const { keys } = store;
      const object = aKey();
      await made(store, object);
      assert.deepEqual([...(await keys.addRandomIvs(new Map([[object.uid, 5]])))], [[object.uid, 5]]);
      assert.deepEqual(
        [...(await keys.addRandomIvs(new Map([[object.uid, 2 ** 33]])))],
        [[object.uid, 2 ** 33 + 5]],
      );
      await keys.load(TENANT, [object.uid]);
      assert.equal(keys.randomIvsUsed(object.uid), 2 ** 33 + 5);
    });

    test('outlives its process, or says that it does not', async ({ store, reopen }) => {
      assert.equal(store.keys.status().durable, reopen !== undefined);
      if (reopen === undefined) return;
      const [waiting, known, refused, dead] = [aKey({ name: 'n' }), aKey(), aKey(), aKey()];
      await made(store, waiting, known, refused, dead);
      await store.keys.markServed(TENANT, known.uid);
      await store.keys.settle([
        ...announced(served(known)),
        { outcome: 'refused', ...gone(refused) },
        { outcome: 'destroyed', ...gone(dead) },
      ]);
      await store.keys.addRandomIvs(new Map([[known.uid, 7]]));
      store.transaction(() => store.setAppliedHead(42));
      const again = await reopen();
      const { keys } = again;
      assert.equal(again.appliedHead, 42);
      assert.deepEqual([keys.held, keys.backlog], [3, 2]);
      assert.deepEqual(await inLine(keys), [waiting.uid, refused.uid], 'the refused is offered once more');
      assert.deepEqual(await found(keys, TENANT, known.uid), { object: served(known), announced: true });
      assert.equal(keys.randomIvsUsed(known.uid), 7);
      await assert.rejects(made(again, aKey({ name: 'n' })), nameTaken);
      again.transaction(() => keys.apply({ ...dead, revision: 9 }));
      assert.equal(await found(keys, TENANT, dead.uid), undefined);
    });

    it('does what its model does, in whatever order things happen', async () => {
      const tenants = [TENANT, OTHER_TENANT] as const;
      const step = fc.record({
        kind: fc.constantFrom('insert', 'apply', 'destroy', 'serve', 'announced', 'refused', 'changed'),
        who: fc.nat(5),
        revision: fc.integer({ min: 1, max: 4 }),
        fresh: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          const home = await launch();
          try {
            const objects = Array.from({ length: 6 }, (_, i) => aKey({ tenant: tenants[i % 2] ?? TENANT }));
            const model = new ModelStore();
            const { store } = home;
            for (const { kind, who, revision, fresh } of steps) {
              const base = objects[who];
              if (base === undefined || (kind === 'insert' && model.hasSeen(base.uid))) continue;
              const told = { ...base, revision, usageMask: revision };
              const object = fresh ? told : served(told);
              await take(store, kind, object);
              model.take(kind, object);
            }
            assert.deepEqual(await inLine(store.keys), model.line());
            assert.deepEqual([store.keys.held, store.keys.backlog], [model.held, model.line().length]);
            for (const { tenant, uid } of objects) {
              const row = await found(store.keys, tenant, uid);
              const seen = row && {
                revision: row.object.revision,
                fresh: isFresh(row.object),
                announced: row.announced,
              };
              assert.deepEqual(seen, model.row(uid));
            }
          } finally {
            await home.close();
          }
        }),
        { numRuns: RUNS },
      );
    });
  });
}

async function take(store: Store, kind: StepKind, object: ManagedObject): Promise<void> {
  const { keys } = store;
  const { tenant, uid } = object;
  switch (kind) {
    case 'insert':
      return keys.insert([object], nothing);
    case 'apply':
      store.transaction(() => keys.apply(object));
      return;
    case 'destroy':
      store.transaction(() => keys.destroy(tenant, uid));
      return;
    case 'serve':
      return keys.markServed(tenant, uid);
    case 'announced':
      return keys.settle([{ outcome: 'announced', known: object }]);
    case 'refused':
      return keys.settle([{ outcome: 'refused', tenant, uid }]);
    case 'changed':
      return keys.settle([{ outcome: 'changed', known: object, object }]);
  }
}
