/** What every home of keys must do, run over each of them by key-store.test.ts. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { parseTenantId, type TenantId } from '../../../contracts/index.ts';
import { KeychainError, type KeychainErrorCode } from '../errors.ts';
import type { Db } from '../tables.ts';
import {
  type KeyRecord,
  type KeyStore,
  L2,
  NO_KEYS,
  type StoredRecords,
  type TenantChange,
} from './key-store.ts';

/** A store with what its caller brings along: a database, and a head for each tenant in it. */
export interface Home {
  readonly store: KeyStore;
  readonly db: Db;
  /** Makes what must be there before a tenant has keys. */
  prepare(tenant: TenantId): Promise<void>;
}

const ROUNDS = 40;
const WRITERS = 3;

export function refused(code: KeychainErrorCode, message = /./) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof KeychainError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

export function key(service: string, version: number, content: string | Buffer = randomBytes(60)): KeyRecord {
  return { service, version, wrapped: Buffer.from(content) };
}

/** A change to `counter`, whose envelopes differ from those of every other change, as real ones do. */
export function change(
  counter: number,
  keys: Partial<Pick<TenantChange, 'put' | 'remove'>> = {},
): TenantChange {
  const record = { counter, manifest: randomBytes(80), regionalSecret: randomBytes(60) };
  return { record, ...NO_KEYS, ...keys };
}

export const write = ({ store, db }: Home, tenant: TenantId, what: TenantChange): Promise<void> =>
  db.transaction().execute((tx) => store.write(tx, tenant, what));

let tenants = 0;
/** A tenant that no other test has. */
export async function newTenant(home: Home, name = `tenant-${++tenants}`): Promise<TenantId> {
  const tenant = parseTenantId(name);
  await home.prepare(tenant);
  return tenant;
}

/** What of a tenant a test compares: keys in one order, whatever order they came in. */
function seen(stored: StoredRecords | null): unknown {
  if (stored === null) return null;
  const keys = [...stored.keys].sort(
    (a, b) => Buffer.compare(Buffer.from(a.service), Buffer.from(b.service)) || a.version - b.version,
  );
  return { ...stored, keys };
}

const expected = ({ record }: TenantChange, keys: readonly KeyRecord[]): unknown => seen({ ...record, keys });

export function keyStoreContract(name: string, launch: () => Promise<Home>): void {
  describe(`${name} as a home of keys`, () => {
    let home: Home;
    before(async () => {
      home = await launch();
    });
    const read = async (tenant: TenantId, ...services: string[]) =>
      seen(await home.store.read(home.db, tenant, services));

    test('a tenant that was never written is none', async () => {
      assert.equal(await read(await newTenant(home), L2), null);
    });

    test('what is written comes back, byte for byte', async () => {
      const tenant = await newTenant(home);
      const all = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
      const record = { counter: 1, manifest: all, regionalSecret: Buffer.from(all).reverse() };
      const put = [key(L2, 1, all), key('pay', 1, Buffer.alloc(300)), key('pay', 2, Buffer.alloc(1, 0xff))];
      await write(home, tenant, { record, put, remove: [] });
      assert.deepEqual(await read(tenant, L2, 'pay'), seen({ ...record, keys: put }));
    });

    test('only the named services are read, each with all versions', async () => {
      const tenant = await newTenant(home);
      const l2 = key(L2, 1);
      const pay = [key('pay', 1), key('pay', 2)];
      const made = change(1, { put: [l2, ...pay, key('mail', 1)] });
      await write(home, tenant, made);
      assert.deepEqual(await read(tenant), expected(made, []));
      assert.deepEqual(await read(tenant, L2), expected(made, [l2]));
      assert.deepEqual(await read(tenant, 'pay', 'unknown'), expected(made, pay));
    });

    test('one write puts, replaces and removes', async () => {
      const tenant = await newTenant(home);
      await write(
        home,
        tenant,
        change(1, { put: [key(L2, 1), key('pay', 1), key('pay', 2), key('mail', 1)] }),
      );
      const put = [key('pay', 2), key('pay', 3), key(L2, 2)];
      const remove = [
        { service: 'pay', version: 1 },
        { service: 'mail', version: 1 },
        { service: L2, version: 1 },
      ];
      const next = change(2, { put, remove });
      await write(home, tenant, next);
      assert.deepEqual(await read(tenant, L2, 'pay', 'mail'), expected(next, put));
    });

    test('removing what is not there is no fault', async () => {
      const tenant = await newTenant(home);
      const l2 = key(L2, 1);
      const made = change(1, { put: [l2], remove: [{ service: 'pay', version: 1 }] });
      await write(home, tenant, made);
      assert.deepEqual(await read(tenant, L2), expected(made, [l2]));
    });

    test('a write of the record alone leaves the keys', async () => {
      const tenant = await newTenant(home);
      const l2 = key(L2, 1);
      await write(home, tenant, change(1, { put: [l2] }));
      const next = change(2);
      await write(home, tenant, next);
      assert.deepEqual(await read(tenant, L2), expected(next, [l2]));
    });

    test('the counter begins with 1 and grows by 1; any other is refused and changes nothing', async () => {
      const tenant = await newTenant(home);
      await assert.rejects(write(home, tenant, change(2, { put: [key(L2, 1)] })), refused('CONFLICT'));
      assert.equal(await read(tenant, L2), null);
      const l2 = key(L2, 1);
      let last = change(1, { put: [l2] });
      await write(home, tenant, last);
      for (const counter of [1, 3, 7]) {
        const other = change(counter, {
          put: [key(L2, 1), key('pay', 1)],
          remove: [{ service: L2, version: 1 }],
        });
        await assert.rejects(write(home, tenant, other), refused('CONFLICT'));
        assert.deepEqual(await read(tenant, L2, 'pay'), expected(last, [l2]));
      }
      for (let counter = 2; counter < 6; counter++) {
        last = change(counter);
        await write(home, tenant, last);
      }
      assert.deepEqual(await read(tenant, L2), expected(last, [l2]));
    });

    test('of writers at once exactly one wins, and nothing of the others is kept', async () => {
      const tenant = await newTenant(home);
      for (let counter = 1; counter <= ROUNDS; counter++) {
        // Each puts a key that only it has, and replaces one that all have.
        const changes = Array.from({ length: WRITERS }, (_, writer) =>
          change(counter, { put: [key(L2, 1), key(`writer-${writer}`, counter)] }),
        );
        const outcomes = await Promise.allSettled(changes.map((what) => write(home, tenant, what)));
        const won = outcomes.flatMap(({ status }, writer) => (status === 'fulfilled' ? [writer] : []));
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') assert.ok(refused('CONFLICT')(outcome.reason));
        }
        assert.equal(won.length, 1, `round ${counter} has one winner`);
        const winner = changes[won[0] ?? 0];
        assert.ok(winner !== undefined);
        const stored = await home.store.read(home.db, tenant, [L2, ...changes.map((_, w) => `writer-${w}`)]);
        const ofThisRound = (stored?.keys ?? []).filter((k) => k.service === L2 || k.version === counter);
        assert.deepEqual(seen(stored && { ...stored, keys: ofThisRound }), expected(winner, winner.put));
      }
    });

    test('a reader sees one moment: the keys always belong to the counter', async () => {
      const tenant = await newTenant(home);
      const services = [L2, 'a', 'b', 'c'];
      const whole = (counter: number) => {
        const put = services.map((service) => key(service, 1, `at ${counter}`));
        // One key more or less each time, so that a reader could also see too many or too few.
        const odd = { service: 'odd', version: 1 };
        return change(counter, counter % 2 === 1 ? { put: [...put, key('odd', 1)] } : { put, remove: [odd] });
      };
      await write(home, tenant, whole(1));
      let isWriting = true;
      const seenCounters = new Set<number>();
      const reading = async (): Promise<void> => {
        while (isWriting) {
          await turn(); // a home in memory would let nobody else have one
          const stored = await home.store.read(home.db, tenant, [...services, 'odd']);
          assert.ok(stored !== null);
          seenCounters.add(stored.counter);
          assert.equal(stored.keys.length, services.length + (stored.counter % 2));
          for (const { service, wrapped } of stored.keys) {
            if (service !== 'odd') assert.equal(wrapped.toString(), `at ${stored.counter}`);
          }
        }
      };
      const writing = async (): Promise<void> => {
        try {
          for (let counter = 2; counter <= ROUNDS; counter++) await write(home, tenant, whole(counter));
        } finally {
          isWriting = false;
        }
      };
      await Promise.all([writing(), reading(), reading()]);
      assert.ok(seenCounters.size > 1, 'the readers ran while it was written');
    });

    test('tenants do not see each other, not even those whose names look alike', async () => {
      // Written one after the other, a tenant and a service of one pair read like those of the next.
      const pairs = [
        ['a', 'bc'],
        ['ab', 'c'],
        ['abc', L2],
        ['a-b', 'c'],
        ['a', 'b-c'],
      ] as const;
      const written = new Map<string, KeyRecord[]>();
      for (const [name, service] of pairs) {
        written.set(name, [...(written.get(name) ?? []), key(service, 1), key(service, 11)]);
      }
      for (const [name, put] of written) await write(home, await newTenant(home, name), change(1, { put }));
      const services = pairs.map(([, service]) => service);
      for (const [name, put] of written) {
        const stored = await home.store.read(home.db, parseTenantId(name), services);
        assert.deepEqual(seen(stored), seen(stored && { ...stored, keys: put }));
      }
      const remove = [{ service: 'bc', version: 1 }];
      await write(home, parseTenantId('a'), change(2, { remove }));
      const stored = await home.store.read(home.db, parseTenantId('ab'), ['c']);
      assert.equal(stored?.counter, 1);
      assert.equal(stored?.keys.length, 2);
    });

    test('versions of one service are told from another service that ends in digits', async () => {
      const tenant = await newTenant(home);
      const put = [key('s', 11), key('s1', 1), key('s11', 1), key('s', 1), key('1', 11), key('11', 1)];
      const made = change(1, { put });
      await write(home, tenant, made);
      const services = ['s', 's1', 's11', '1', '11'];
      assert.deepEqual(await read(tenant, ...services), expected(made, put));
      const next = change(2, { remove: [{ service: 's1', version: 1 }] });
      await write(home, tenant, next);
      assert.deepEqual(
        await read(tenant, ...services),
        expected(
          next,
          put.filter(({ service }) => service !== 's1'),
        ),
      );
    });

    test('a thousand keys in one write', async () => {
      const tenant = await newTenant(home);
      const put = Array.from({ length: 1_000 }, (_, i) => key(`service-${i % 100}`, 1 + Math.floor(i / 100)));
      const made = change(1, { put });
      await write(home, tenant, made);
      const services = Array.from({ length: 100 }, (_, i) => `service-${i}`);
      assert.deepEqual(await read(tenant, ...services), expected(made, put));
      const again = change(2, { put: put.map(({ service, version }) => key(service, version)) });
      await write(home, tenant, again);
      assert.deepEqual(await read(tenant, ...services), expected(again, again.put));
      const gone = change(3, { remove: put });
      await write(home, tenant, gone);
      assert.deepEqual(await read(tenant, ...services), expected(gone, []));
    });
  });
}
