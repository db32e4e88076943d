/** The keys in between: a new one seals from then on, an old one opens until nothing stands under it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { acme, l3Of, payments, type Region, settled, within } from '../fixture.test.ts';
import { linked } from './test-linked.test.ts';

describe('internal keys', () => {
  const versions = (region: Region) =>
    region.db
      .selectFrom('keychain.ivks')
      .select(['version', 'state', 'wrapped'])
      .orderBy('version')
      .execute();

  test('a new IVK seals from then on; the old one opens until nothing stands under it, then goes', async () => {
    const { region, core, cmk } = await linked();
    const other = await region.core();
    const l3 = await l3Of(core);
    await within(region, (tx) => core.ceremonyKey(tx));
    await within(region, (tx) => core.rotateIvk(tx));
    await core.refreshIvks();
    const retire = (by = core) => within(region, (tx) => by.retireIvks(tx));
    assert.equal(await retire(), null, 'too young: others may still seal under the old one');
    region.clock.nowMs += 120_000;
    assert.equal(await retire(), null, 'a tenant and its link stand under it');
    assert.deepEqual(await core.tenantsWithWork(10), [acme]);
    await settled(region, core);
    assert.deepEqual(await core.tenantsWithWork(10), []);
    assert.equal(await retire(), 1);
    const [first, second] = await versions(region);
    assert.deepEqual([first?.state, first?.wrapped, second?.state], ['destroyed', null, 'active']);
    // A core that has slept through all of it: it learns of the new one when it meets it, and seals nothing under the old.
    assert.deepEqual(await l3Of(other), l3);
    await cmk.link(core, 3);
    await within(region, (tx) => other.rotate(tx, acme, payments));
    assert.deepEqual(await l3Of(await region.core()), l3);
  });

  test('one that slept seals nothing under a destroyed IVK: it learns of the new one first', async () => {
    const { region, core } = await linked();
    const other = await region.core();
    await within(region, (tx) => core.rotateIvk(tx));
    await core.refreshIvks();
    region.clock.nowMs += 120_000;
    await settled(region, core);
    await within(region, (tx) => core.retireIvks(tx));
    const rival = 'rival' as typeof acme;
    await within(region, (tx) => other.provisionTenant(tx, rival));
    assert.deepEqual(await core.tenants(), [acme, rival]);
    const heads = await region.db.selectFrom('keychain.link_heads').select('ivk').execute();
    assert.deepEqual(heads, [{ ivk: 2 }, { ivk: 2 }]);
  });

  test('a budget of seals, counted over processes and restarts, is a reason to rotate', async () => {
    const { region, core, rotate } = await linked({ limits: { ivkSealBudget: 20 } });
    assert.equal(await core.isIvkDue(), false);
    for (let i = 0; i < 20; i++) await rotate(payments);
    await core.refreshIvks();
    assert.equal(await core.isIvkDue(), true);
    assert.equal(await (await region.core({ limits: { ivkSealBudget: 20 } })).isIvkDue(), true);
    await within(region, (tx) => core.rotateIvk(tx));
    await core.refreshIvks();
    assert.equal(await core.isIvkDue(), false);
  });

  test('an emergency says so for ever', async () => {
    const { region, core } = await linked();
    await within(region, (tx) => core.rotateIvk(tx, { compromised: true }));
    await core.refreshIvks();
    region.clock.nowMs += 120_000;
    await settled(region, core);
    await within(region, (tx) => core.retireIvks(tx));
    assert.equal((await versions(region))[0]?.state, 'destroyed-compromised');
  });
});
