/** Keys that lie elsewhere than what the database knows of them: whichever of the two is behind, nothing is lost or believed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { waitedMs } from '../../../testkit/clocks.ts';
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
import { KeychainError, type KeyStore } from '../index.ts';
import { MemoryKeyStore } from '../stores/memory.ts';
import { names } from './test-linked.test.ts';

describe('a store of its own', () => {
  test('is not waited for by a closure: upkeep tells it, and until then the head of the link holds', async () => {
    const region = await newRegion();
    const memory = new MemoryKeyStore();
    let away = false;
    const store: KeyStore = {
      kind: 'memory',
      isTransactional: false,
      read: (db, tenant, services) =>
        away ? new Promise(() => undefined) : memory.read(db, tenant, services),
      write: (tx, tenant, change) => memory.write(tx, tenant, change),
    };
    const core = await region.core({ store });
    const cmk = new Governance(region);
    await provisioned(region, core);
    await cmk.link(core, 1);
    away = true;
    const tookMs = await waitedMs(() => cmk.unlink(core, 1));
    assert.ok(tookMs < 1_000, 'a store that hangs delays no closure');
    away = false;
    await assert.rejects(l3Of(core), refused('LINK_CLOSED'));
    assert.deepEqual(await core.tenantsWithWork(10), [acme]);
    const before = (await memory.read(region.db, acme, []))?.counter ?? 0;
    await within(region, (tx) => core.upkeep(tx, acme));
    assert.equal(
      (await memory.read(region.db, acme, []))?.counter,
      before + 1,
      'the manifest has heard of it',
    );
  });

  test('ahead after a rotation of the link that was undone, it takes the same message once more', async () => {
    const region = await newRegion();
    const store = new MemoryKeyStore();
    const core = await region.core({ store });
    const cmk = new Governance(region);
    await provisioned(region, core);
    const l3 = await l3Of(core);
    await cmk.link(core, 1);
    const { publicKey } = await within(region, (tx) => core.prepareLink(tx, acme, 2));
    const message = { ...(await cmk.message(publicKey, 2)), rotation: true };
    const failing = within(region, async (tx) => {
      await core.openLink(tx, message);
      throw new Error('the database went away before the commit');
    });
    await assert.rejects(failing, /went away/);
    await within(region, (tx) => core.openLink(tx, message));
    assert.deepEqual(await l3Of(core), l3);
    await settled(region, core);
    assert.deepEqual(await l3Of(await region.core({ store })), l3);
  });

  test('ahead after a rotation that was undone: everybody is told, and holds the same', async () => {
    const region = await newRegion();
    const store = new MemoryKeyStore();
    const core = await region.core({ store });
    await provisioned(region, core);
    const failing = within(region, async (tx) => {
      await core.rotate(tx, acme, payments);
      throw new Error('the database went away before the commit');
    });
    await assert.rejects(failing, /went away/);
    assert.equal((await core.serviceKeys(acme, payments)).active.version, 1, 'what memory holds');
    await core.postpone(acme, 0); // as whoever fails in upkeep does
    assert.deepEqual(names(await settled(region, core)), ['recovered payments']);
    assert.equal((await core.serviceKeys(acme, payments)).active.version, 2);
  });

  test('that is away makes nobody drop what memory holds, and a renewal does not either', async () => {
    const region = await newRegion();
    const memory = new MemoryKeyStore();
    let away = false;
    const store: KeyStore = {
      kind: 'memory',
      isTransactional: false,
      read: (db, tenant, services) => {
        if (away) throw new KeychainError('STORE_UNAVAILABLE');
        return memory.read(db, tenant, services);
      },
      write: (tx, tenant, change) => memory.write(tx, tenant, change),
    };
    const core = await region.core({ store });
    const cmk = new Governance(region);
    await provisioned(region, core);
    await cmk.link(core, 1);
    const held = await core.serviceKeys(acme, payments);
    away = true;
    region.clock.nowMs += 1_000;
    const provedAt = new Date(region.clock.nowMs);
    const expiresAt = new Date(region.clock.nowMs + HOUR_MS * 24);
    await within(region, (tx) => core.renewLink(tx, { tenant: acme, epoch: 1, provedAt, expiresAt }));
    assert.equal(await core.serviceKeys(acme, payments), held);
  });

  test('that has lost a tenant, or come back from an old backup, is not believed', async () => {
    const region = await newRegion();
    const first = new MemoryKeyStore();
    const core = await region.core({ store: first });
    await provisioned(region, core);
    const older = await first.read(region.db, acme, ['', payments]);
    assert.ok(older);
    await within(region, (tx) => core.rotate(tx, acme, payments));
    const restored = new MemoryKeyStore();
    for (let counter = 1; counter <= older.counter; counter++)
      await restored.write(region.db, acme, { record: { ...older, counter }, put: older.keys, remove: [] });
    await assert.rejects(l3Of(await region.core({ store: restored })), refused('RECORD_REJECTED'));
    const empty = await region.core({ store: new MemoryKeyStore() });
    await assert.rejects(
      within(region, (tx) => empty.provisionTenant(tx, acme)),
      refused('RECORD_REJECTED'),
    );
  });

  test('has kept what the database had to undo: the same message, sent again, finds it done', async () => {
    const region = await newRegion();
    const store = new MemoryKeyStore();
    const core = await region.core({ store });
    const cmk = new Governance(region);
    await provisioned(region, core);
    const l3 = await l3Of(core);
    const { publicKey } = await within(region, (tx) => core.prepareLink(tx, acme, 1));
    const message = await cmk.message(publicKey, 1);
    const failing = within(region, async (tx) => {
      await core.openLink(tx, message);
      throw new Error('the database went away before the commit');
    });
    await assert.rejects(failing, /went away/);
    // L2 stands under epoch 1 now, whose secret nobody here has: nothing opens, and nothing is lost.
    await assert.rejects(core.serviceKeys(acme, orders), refused('SERVICE_UNKNOWN'));
    await within(region, (tx) => core.openLink(tx, message));
    assert.deepEqual(await l3Of(core), l3);
    assert.deepEqual(await l3Of(await region.core({ store })), l3);
    await settled(region, core);
    assert.deepEqual(await l3Of(await region.core({ store })), l3);
  });
});
