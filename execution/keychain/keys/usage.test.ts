/** Wrap budgets (D5): what is handed out was charged before, by however many at once, and it ends. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { acme, newRegion, orders, payments, type Region, rival } from '../fixture.test.ts';
import { MAX_WRAPS_PER_VERSION, readUsage, reserveWraps, WRAP_BLOCK, WrapBlocks } from './usage.ts';

describe('blocks of wraps', () => {
  let region: Region;
  before(async () => {
    region = await newRegion();
  });

  test('are charged to one version of one service, and add up', async () => {
    assert.deepEqual(await reserveWraps(region.db, acme, payments, 1), {
      granted: WRAP_BLOCK,
      total: WRAP_BLOCK,
    });
    assert.deepEqual(await reserveWraps(region.db, acme, payments, 1, 5), {
      granted: 5,
      total: WRAP_BLOCK + 5,
    });
    await reserveWraps(region.db, acme, payments, 2, 7);
    await reserveWraps(region.db, acme, orders, 1, 8);
    await reserveWraps(region.db, rival, payments, 1, 9);
    const usage = await readUsage(region.db, acme);
    assert.deepEqual(
      [...usage].map(([service, versions]) => [service, [...versions]]),
      [
        [orders, [[1, 8]]],
        [
          payments,
          [
            [1, WRAP_BLOCK + 5],
            [2, 7],
          ],
        ],
      ],
    );
  });

  test('that many take at once are all charged', async () => {
    const taken = await Promise.all(
      Array.from({ length: 20 }, () => reserveWraps(region.db, acme, payments, 3, 10)),
    );
    assert.ok(taken.every(({ granted }) => granted === 10));
    assert.deepEqual(new Set(taken.map(({ total }) => total)).size, 20);
    assert.equal((await readUsage(region.db, acme)).get(payments)?.get(3), 200);
  });

  test('end where the budget of the version ends, and say so', async () => {
    const half = MAX_WRAPS_PER_VERSION / 2;
    await reserveWraps(region.db, acme, payments, 4, half);
    const refused = { granted: 0, total: half };
    assert.deepEqual(await reserveWraps(region.db, acme, payments, 4, half + 1), refused);
    assert.deepEqual(await reserveWraps(region.db, acme, payments, 4, half), {
      granted: half,
      total: MAX_WRAPS_PER_VERSION,
    });
    assert.deepEqual(await reserveWraps(region.db, acme, payments, 4, 1), {
      granted: 0,
      total: MAX_WRAPS_PER_VERSION,
    });
    for (const block of [0, -1, 1.5, MAX_WRAPS_PER_VERSION + 1]) {
      await assert.rejects(reserveWraps(region.db, acme, payments, 4, block), RangeError);
    }
  });

  test('of a process pay for exactly as many wraps, and are shared by who asks together', async () => {
    const blocks = new WrapBlocks(region.db, 3);
    assert.equal(blocks.spend(acme, payments, 5), false, 'nothing before the first block');
    const refills = await Promise.all([1, 2, 3].map(() => blocks.refill(acme, payments, 5)));
    assert.deepEqual(refills, [true, true, true]);
    assert.equal((await readUsage(region.db, acme)).get(payments)?.get(5), 3);
    assert.deepEqual(
      [1, 2, 3, 4].map(() => blocks.spend(acme, payments, 5)),
      [true, true, true, false],
    );
    assert.equal(blocks.spend(acme, payments, 6), false, 'another version has its own');
    await reserveWraps(region.db, acme, payments, 5, MAX_WRAPS_PER_VERSION - 3);
    assert.equal(await blocks.refill(acme, payments, 5), false);
  });
});
