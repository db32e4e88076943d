import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { KeyReference } from './header.ts';
import { type DataKeyLimits, DEFAULT_DATA_KEY_LIMITS, KeyCache } from './key-cache.ts';
import { SealedDataError } from './sealed-data-error.ts';
import { SecretKey } from './secret-key.ts';

class World {
  now = 0;
  readonly made: SecretKey[] = [];
  readonly found: SecretKey[] = [];
  fails = false;
  readonly cache: KeyCache;

  constructor(limits: Partial<DataKeyLimits> = {}) {
    this.cache = new KeyCache({
      limits: { ...DEFAULT_DATA_KEY_LIMITS, ...limits },
      now: () => this.now,
      make: async () => {
        await Promise.resolve();
        if (this.fails) throw new Error('no gateway');
        const key = SecretKey.take(randomBytes(32));
        this.made.push(key);
        return { reference: { kind: 'created', uid: randomUUID() }, key };
      },
      find: async (reference) => {
        await Promise.resolve();
        if (this.fails) throw new Error('no gateway');
        const key = SecretKey.take(randomBytes(32));
        this.found.push(key);
        return { reference, key };
      },
    });
  }
}

const named = (uid: string): KeyReference => ({ kind: 'created', uid });

describe('the cache of data keys', () => {
  it('makes one key for all who wait for the first', async () => {
    const { cache, made } = new World();
    await Promise.all(Array.from({ length: 50 }, () => cache.withCurrent(({ key }) => key.sizeBytes)));
    assert.equal(made.length, 1);
    cache.close();
  });

  it('seals no more messages with a key than allowed, nor more bytes, nor longer', async () => {
    const world = new World({ maxMessages: 3, maxBytes: 100, maxAgeMs: 1_000 });
    const uses = new Map<SecretKey, number>();
    const use = (bytes: number): Promise<void> =>
      world.cache.withCurrent((lent) => {
        lent.charge(bytes);
        uses.set(lent.key, (uses.get(lent.key) ?? 0) + 1);
      });
    await Promise.all(Array.from({ length: 9 }, () => use(1)));
    assert.deepEqual([...uses.values()], [3, 3, 3]);
    await use(100);
    assert.equal(world.made.length, 4);
    await use(1);
    assert.equal(world.made.length, 5, 'the bytes were spent');
    world.now += 1_000;
    await use(1);
    assert.equal(world.made.length, 6, 'the age was reached');
    world.cache.close();
  });

  it('asks once for a key that many wait for, and again when it is old', async () => {
    const world = new World({ maxAgeMs: 1_000 });
    const ask = (): Promise<SecretKey> => world.cache.withKey(named('a'), ({ key }) => key);
    const keys = new Set(await Promise.all([ask(), ask(), ask()]));
    assert.equal(world.found.length, 1);
    assert.equal(keys.size, 1);
    world.now += 999;
    await ask();
    assert.equal(world.found.length, 1);
    world.now += 1;
    await ask();
    assert.equal(world.found.length, 2);
    assert.ok(world.found[0]?.isWiped, 'the old one is wiped when its successor comes');
    world.cache.close();
  });

  it('wipes what is least recently used, past its limit, and everything when it is closed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.nat(7), { minLength: 1, maxLength: 40 }),
        async (maxKeys, order) => {
          const world = new World({ maxKeys });
          const recent: string[] = [];
          for (const each of order) {
            const uid = `${each}`;
            const before = world.found.length;
            await world.cache.withKey(named(uid), ({ key }) => assert.ok(!key.isWiped));
            const at = recent.indexOf(uid);
            assert.equal(world.found.length > before, at < 0, 'asked for exactly when it is not there');
            if (at >= 0) recent.splice(at, 1);
            recent.push(uid);
            if (recent.length > maxKeys) recent.shift();
            assert.equal(world.cache.size, recent.length);
            assert.equal(world.found.filter((key) => !key.isWiped).length, recent.length);
          }
          world.cache.close();
          assert.ok(world.found.every((key) => key.isWiped));
        },
      ),
    );
  });

  it('wipes keys that nobody uses any more by their age', async () => {
    const world = new World({ maxAgeMs: 20 });
    await world.cache.withKey(named('a'), () => undefined);
    world.now += 20;
    while (world.cache.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.ok(world.found[0]?.isWiped);
    world.cache.close();
  });

  it('remembers no failure', async () => {
    const world = new World();
    world.fails = true;
    await assert.rejects(
      world.cache.withCurrent(() => undefined),
      /no gateway/,
    );
    await assert.rejects(
      world.cache.withKey(named('a'), () => undefined),
      /no gateway/,
    );
    world.fails = false;
    await world.cache.withCurrent(() => undefined);
    await world.cache.withKey(named('a'), () => undefined);
    world.cache.close();
  });

  it('keeps nothing that comes after it was closed', async () => {
    const { cache, made } = new World();
    const late = cache.withCurrent(() => undefined);
    cache.close();
    await assert.rejects(late, (error) => error instanceof SealedDataError && error.code === 'CLOSED');
    assert.ok(made.every((key) => key.isWiped));
  });
});
