/** New versions of keys, made by hand, by schedule and in emergencies, through the keychain's door on a real PostgreSQL. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  acme,
  Governance,
  HOUR_MS,
  l3Of,
  newRegion,
  orders,
  payments,
  provisioned,
  refused,
  settled,
  within,
} from '../fixture.test.ts';
import { type CountDependents, reserveWraps, WRAPS_BEFORE_ROTATION } from '../index.ts';
import { context, linked, names, opens, wrapped } from './test-linked.test.ts';

describe('L3', () => {
  test('what older versions wrapped still opens, after sixty rotations and a restart', async () => {
    const { region, core, rotate } = await linked();
    const envelopes: Uint8Array[] = [];
    for (let i = 0; i < 60; i++) {
      envelopes.push(await wrapped(core, region, `uid-${i}`));
      await rotate(payments);
    }
    const restarted = await region.core();
    for (const [i, envelope] of envelopes.entries()) {
      await opens(core, region, `uid-${i}`, envelope);
      await opens(restarted, region, `uid-${i}`, envelope);
    }
    assert.equal((await core.serviceKeys(acme, payments)).active.version, 61);
  });

  test('keys in memory are added to, not replaced: whoever holds them goes on', async () => {
    const { region, core, rotate } = await linked();
    const before = await core.serviceKeys(acme, payments);
    const first = before.active.key;
    await rotate(payments);
    const after = await core.serviceKeys(acme, payments);
    assert.equal(after, before);
    assert.equal(after.byVersion(1)?.key, first, 'the same bytes in the same place');
    assert.equal(after.active.version, 2);
    assert.ok(!first.isWiped);
    await opens(core, region, 'uid', await wrapped(core, region, 'uid'));
  });

  test('two cores that rotate the same key at once make one version each, in turn, and lose none', async () => {
    const { region, core, rotate } = await linked();
    const other = await region.core();
    const made = await Promise.all(
      Array.from({ length: 10 }, (_, i) => rotate(payments, i % 2 === 0 ? core : other)),
    );
    assert.deepEqual(
      made.map(({ version }) => version).sort((a, b) => a - b),
      Array.from({ length: 10 }, (_, i) => i + 2),
    );
    assert.deepEqual(await l3Of(core, acme, payments, 7), await l3Of(other, acme, payments, 7));
  });

  test('a rotation whose transaction fails has not happened', async () => {
    const { region, core, rotate, states } = await linked();
    const before = await states();
    const failing = within(region, async (tx) => {
      await core.rotate(tx, acme, payments);
      throw new Error('the plug was pulled');
    });
    await assert.rejects(failing, /plug/);
    assert.deepEqual(await states(), before);
    assert.equal((await rotate(payments)).version, 2);
  });

  test('by schedule: made ahead, held by everybody, then active', async () => {
    const rotation = { l2AfterMs: 0, l3AfterMs: HOUR_MS, leadMs: 60_000 };
    const { region, core, states } = await linked({ rotation });
    assert.deepEqual(await core.tenantsWithWork(10), []);
    region.clock.nowMs += HOUR_MS - 60_000;
    assert.deepEqual(await core.tenantsWithWork(10), [acme]);
    assert.deepEqual(names(await settled(region, core)), ['prepared payments 2']);
    assert.deepEqual((await states()).l3, ['1 active', '2 pre-active']);
    const keys = await core.serviceKeys(acme, payments);
    assert.deepEqual(
      keys.versions.map(({ version, use }) => `${version} ${use}`),
      ['1 encrypt', '2 decrypt'],
    );
    assert.deepEqual(await core.tenantsWithWork(10), []);
    region.clock.nowMs += 60_000;
    assert.deepEqual(await core.tenantsWithWork(10), [acme]);
    assert.deepEqual(names(await settled(region, core)), ['rotated payments 2']);
    assert.deepEqual((await states()).l3, ['1 deactivated', '2 active']);
    assert.deepEqual(await core.tenantsWithWork(10), []);
  });

  test('a rotation by hand makes the version that waits active', async () => {
    const { region, core, rotate, states } = await linked({ rotation: { l2AfterMs: 0, l3AfterMs: HOUR_MS } });
    region.clock.nowMs += HOUR_MS - 60_000;
    await settled(region, core);
    const waiting = await l3Of(core, acme, payments, 2);
    assert.equal((await rotate(payments)).version, 2);
    assert.deepEqual(await l3Of(core, acme, payments, 2), waiting);
    assert.deepEqual((await states()).l3, ['1 deactivated', '2 active']);
  });

  test('a policy of its own moves the next rotation, and null gives it back to the region', async () => {
    const { region, core } = await linked({ rotation: { l2AfterMs: 0, l3AfterMs: 0 } });
    const set = (rotateAfterS: number | null) =>
      within(region, (tx) => core.setRotationPolicy(tx, { tenant: acme, service: payments, rotateAfterS }));
    assert.deepEqual(await set(10), { nextRotationMs: region.clock.nowMs + 10_000 });
    region.clock.nowMs += 10_000;
    assert.deepEqual(names(await settled(region, core)), ['prepared payments 2', 'rotated payments 2']);
    assert.deepEqual(await set(0), { nextRotationMs: null });
    region.clock.nowMs += 1_000 * HOUR_MS;
    assert.deepEqual(await core.tenantsWithWork(10), []);
    assert.deepEqual(await set(null), { nextRotationMs: null });
    await assert.rejects(
      within(region, (tx) => core.setRotationPolicy(tx, { tenant: acme, service: orders, rotateAfterS: 1 })),
      refused('SERVICE_UNKNOWN'),
    );
  });

  test('a version that has spent three quarters of its wraps is replaced, long before it may wrap no more', async () => {
    const { region, core } = await linked({ rotation: { l2AfterMs: 0, l3AfterMs: 0 } });
    await reserveWraps(region.db, acme, payments, 1, WRAPS_BEFORE_ROTATION - 1);
    assert.deepEqual(await settled(region, core), []);
    await reserveWraps(region.db, acme, payments, 1, 1);
    region.clock.nowMs = Date.now() + 1;
    assert.deepEqual(await core.tenantsWithWork(10), [acme]);
    await assert.rejects(settled(region, core), refused('LINK_EXPIRED'));
  });

  test('a closed link rotates nothing; it is due again when the link opens', async () => {
    const { region, core, cmk, rotate } = await linked({ rotation: { l2AfterMs: 0, l3AfterMs: HOUR_MS } });
    await cmk.unlink(core, 2);
    await assert.rejects(rotate(payments), refused('LINK_CLOSED'));
    region.clock.nowMs += HOUR_MS;
    await assert.rejects(settled(region, core), refused('LINK_CLOSED'));
    await core.postpone(acme, 24 * HOUR_MS);
    assert.deepEqual(await core.tenantsWithWork(10), []);
    await cmk.link(core, 3, 2);
    assert.deepEqual(await core.tenantsWithWork(10), [acme]);
    assert.deepEqual(names(await settled(region, core)), ['prepared payments 2', 'rotated payments 2']);
  });
});

describe('limits', () => {
  test('one key at its limit keeps no other from being rotated', async () => {
    const rotation = { l2AfterMs: HOUR_MS, l3AfterMs: HOUR_MS, leadMs: 0 };
    const { region, core, rotate, states } = await linked({ rotation, limits: { maxVersionsPerKey: 3 } });
    await within(region, (tx) => core.provisionService(tx, acme, orders));
    await rotate(payments);
    await rotate(payments);
    await assert.rejects(rotate(payments), refused('LIMIT_REACHED'));
    region.clock.nowMs += HOUR_MS;
    const done = names(await settled(region, core));
    assert.ok(done.includes('rotated L2 3') && done.includes('rotated orders 2'), done.join());
    assert.deepEqual(await core.tenantsWithWork(10), [], 'it rests until it is looked at again');
    const { version } = await within(region, (tx) => core.compromise(tx, acme, payments));
    assert.equal(version, 4, 'an emergency is never refused for want of room');
    assert.equal((await states()).l3.at(-1), '4 active');
  });
});

describe('L2', () => {
  test('rotation wraps L3 anew in batches, which another core goes on with, then destroys the old version', async () => {
    const { region, core, rotate, states } = await linked({ limits: { rewrapBatch: 3 } });
    for (let i = 0; i < 7; i++) await rotate(payments);
    const l3 = await l3Of(core, acme, payments, 4);
    const envelope = await wrapped(core, region, 'uid');
    assert.deepEqual(names((await rotate(null)).events), ['rotated L2 3']);
    assert.deepEqual((await states()).l2, ['1 destroyed', '2 deactivated', '3 active']);
    assert.deepEqual(
      await l3Of(await region.core(), acme, payments, 4),
      l3,
      'before anything is wrapped anew',
    );

    const one = await within(region, (tx) => core.upkeep(tx, acme));
    assert.deepEqual(names(one), ['rewrapped payments 3']);
    assert.deepEqual(await l3Of(await region.core(), acme, payments, 4), l3, 'half-way');
    const other = await region.core({ limits: { rewrapBatch: 3 } });
    assert.deepEqual(await other.tenantsWithWork(10), [acme]);
    assert.deepEqual(names(await settled(region, other)), [
      'rewrapped payments 3',
      'rewrapped payments 2',
      'destroyed L2 2',
    ]);
    assert.deepEqual((await states()).l2, ['1 destroyed', '2 destroyed', '3 active']);
    const rows = await region.db
      .selectFrom('keychain.keys')
      .select('version')
      .where('service', '=', '')
      .execute();
    assert.deepEqual(rows, [{ version: 3 }], 'the envelope of the old L2 is gone');
    for (const each of [core, other, await region.core()]) {
      assert.deepEqual(await l3Of(each, acme, payments, 4), l3);
      await opens(each, region, 'uid', envelope);
    }
  });

  test('what a first link finds stood on the regional secret alone: L2 and every L3 are replaced at once', async () => {
    const region = await newRegion();
    const core = await region.core();
    await provisioned(region, core);
    await within(region, (tx) => core.provisionService(tx, acme, orders));
    const secretBefore = await region.db
      .selectFrom('keychain.tenants')
      .select('regional_secret')
      .executeTakeFirst();
    const cmk = new Governance(region);
    await cmk.link(core, 1);
    const secretAfter = await region.db
      .selectFrom('keychain.tenants')
      .select('regional_secret')
      .executeTakeFirst();
    assert.notDeepEqual(secretAfter, secretBefore);
    assert.deepEqual(await core.tenantsWithWork(10), [acme]);
    const events = names(await settled(region, core));
    assert.deepEqual(events.toSorted(), [
      'destroyed L2 1',
      'rewrapped orders 1',
      'rewrapped payments 1',
      'rotated L2 2',
      'rotated orders 2',
      'rotated payments 2',
    ]);
    await cmk.link(core, 2);
    assert.deepEqual(await settled(region, core), [], 'a later link finds nothing of the kind');
  });

  test('an epoch has a regional secret of its own: the one of before opens nothing any more', async () => {
    const { region, core, cmk } = await linked();
    const l3 = await l3Of(core);
    const row = () =>
      region.db.selectFrom('keychain.tenants').select('regional_secret').executeTakeFirstOrThrow();
    const before = await row();
    await cmk.link(core, 3);
    assert.deepEqual(await l3Of(core), l3);
    assert.notDeepEqual(await row(), before);
    await region.db.updateTable('keychain.tenants').set(before).execute();
    await assert.rejects(l3Of(await region.core()), refused('RECORD_REJECTED'));
  });
});

describe('a link that is rotated', () => {
  test('opens the next epoch while the last one lives, and never a closed one', async () => {
    const { region, core, cmk } = await linked();
    const l3 = await l3Of(core);
    const rotation = async (epoch: number) => {
      const { publicKey } = await within(region, (tx) => core.prepareLink(tx, acme, epoch));
      const message = await cmk.message(publicKey, epoch);
      return await within(region, (tx) => core.openLink(tx, { ...message, rotation: true }));
    };
    await rotation(3);
    assert.deepEqual(await l3Of(core), l3);
    await cmk.unlink(core, 3);
    await assert.rejects(rotation(4), refused('LINK_CLOSED'));
    await assert.rejects(l3Of(core), refused('LINK_CLOSED'));
    await cmk.link(core, 5, 3);
    assert.deepEqual(await l3Of(core), l3);
  });
});

describe('emergency', () => {
  test('of an L3: a new version at once, all before it Compromised, what they wrapped still opens', async () => {
    const { region, core, rotate, states } = await linked();
    const envelope = await wrapped(core, region, 'uid');
    await rotate(payments);
    const { version, events } = await within(region, (tx) => core.compromise(tx, acme, payments));
    assert.equal(version, 3);
    assert.deepEqual(names(events), ['compromised payments 3']);
    assert.deepEqual((await states()).l3, ['1 compromised', '2 compromised', '3 active']);
    await opens(core, region, 'uid', envelope);
    await rotate(payments);
    assert.deepEqual((await states()).l3, ['1 compromised', '2 compromised', '3 deactivated', '4 active']);
  });

  test('of an L2: every L3 of the tenant goes along, and the old L2 is destroyed once nothing stands under it', async () => {
    const { region, core, states } = await linked();
    await within(region, (tx) => core.provisionService(tx, acme, orders));
    const envelope = await wrapped(core, region, 'uid');
    const { events } = await within(region, (tx) => core.compromise(tx, acme, null));
    assert.deepEqual(names(events), ['compromised L2 3', 'compromised payments 2', 'compromised orders 2']);
    assert.deepEqual(await states(), {
      l2: ['1 destroyed', '2 compromised', '3 active'],
      l3: ['1 compromised', '2 active'],
    });
    await settled(region, core);
    assert.deepEqual((await states()).l2, ['1 destroyed', '2 destroyed-compromised', '3 active']);
    await opens(await region.core(), region, 'uid', envelope);
  });
});

describe('destruction', () => {
  test('needs the number of what depends on it, and then takes it along', async () => {
    const { region, core, rotate, states } = await linked();
    const envelope = await wrapped(core, region, 'uid');
    await rotate(payments);
    const three: CountDependents = async () => (service, version) =>
      service === payments && version === 1 ? 3 : 0;
    const destroy = (version: number, dependents: number, service: typeof payments | null = payments) =>
      within(region, (tx) => core.destroyVersion(tx, { tenant: acme, service, version, dependents }, three));
    await assert.rejects(destroy(1, 0), (error) => {
      assert.match(String(error), /3 depend on version 1, not 0/);
      return refused('DEPENDENTS_CHANGED')(error);
    });
    await assert.rejects(destroy(2, 0), refused('KEY_STATE'));
    await assert.rejects(destroy(9, 0), refused('KEY_VERSION_UNKNOWN'));
    await assert.rejects(destroy(1, 1, null), refused('KEY_STATE'));
    assert.deepEqual(names(await destroy(1, 3)), ['destroyed payments 1']);
    assert.deepEqual((await states()).l3, ['1 destroyed', '2 active']);
    await assert.rejects(destroy(1, 3), refused('KEY_STATE'));
    for (const each of [core, await region.core()]) {
      const keys = await each.serviceKeys(acme, payments);
      assert.equal(keys.byVersion(1), undefined);
      assert.throws(() => keys.unwrap(envelope, context(region, 'uid')));
    }
  });
});
