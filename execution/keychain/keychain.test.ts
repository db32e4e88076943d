/** The life of a tenant's keys through the keychain's door, on a real PostgreSQL. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { until } from '../../testkit/until.ts';
import { l3Parent, objectContext, SecretWipedError, seal } from '../envelope/index.ts';
import {
  acme,
  Governance,
  HOUR_MS,
  l3Of,
  newRegion,
  orders,
  payments,
  provisioned,
  type Region,
  refused,
  settled,
  within,
} from './fixture.test.ts';
import { type Keychain, keychainErrors } from './index.ts';

describe('provisioning', () => {
  let region: Region;
  let core: Keychain;
  before(async () => {
    region = await newRegion();
    core = await region.core();
  });

  test('a tenant and its service are made once, however often and however concurrently they are asked for', async () => {
    const tenants = await Promise.all(
      [1, 2, 3].map(() => within(region, (tx) => core.provisionTenant(tx, acme))),
    );
    assert.deepEqual(tenants, [{ l2Version: 1 }, { l2Version: 1 }, { l2Version: 1 }]);
    const services = await Promise.all(
      [1, 2, 3].map(() => within(region, (tx) => core.provisionService(tx, acme, payments))),
    );
    assert.deepEqual(services, [{ l3Version: 1 }, { l3Version: 1 }, { l3Version: 1 }]);
    assert.deepEqual(await core.tenants(), [acme]);
    assert.equal(await core.hasService(acme, payments), true);
    assert.equal(await core.hasService(acme, orders), false);
    assert.deepEqual(await core.links(), [{ tenant: acme, epoch: 0, state: 'none' }]);
  });

  test('a tenant without a link stands on the regional secret alone, through a restart', async () => {
    const l3 = await l3Of(core);
    assert.equal(l3.length, 32);
    assert.deepEqual(await l3Of(await region.core()), l3);
  });

  test('unknown names are refused', async () => {
    await assert.rejects(core.serviceKeys(acme, orders), refused('SERVICE_UNKNOWN'));
    const nobody = 'nobody' as typeof acme;
    await assert.rejects(core.serviceKeys(nobody, payments), refused('TENANT_UNKNOWN'));
    await assert.rejects(
      within(region, (tx) => core.provisionService(tx, nobody, payments)),
      refused('TENANT_UNKNOWN'),
    );
    await assert.rejects(
      within(region, (tx) => core.prepareLink(tx, nobody, 1)),
      refused('TENANT_UNKNOWN'),
    );
  });

  test('limits are enforced', async () => {
    const small = await region.core({
      limits: { maxTenants: 1, maxServicesPerTenant: 1, maxVersionsPerKey: 1 },
    });
    const reached = refused('LIMIT_REACHED');
    await assert.rejects(
      within(region, (tx) => small.provisionTenant(tx, 'second' as typeof acme)),
      reached,
    );
    await assert.rejects(
      within(region, (tx) => small.provisionService(tx, acme, orders)),
      reached,
    );
    await assert.rejects(
      within(region, (tx) => small.rotate(tx, acme, payments)),
      reached,
    );
  });

  test('README.md lists every error as the table has it', () => {
    const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8').replace(/ +/g, ' ');
    for (const [code, { meaning, remedy }] of Object.entries(keychainErrors)) {
      assert.ok(readme.includes(`| \`${code}\` | ${meaning} | ${remedy} |`), code);
    }
  });
});

describe('the sovereign link', () => {
  test('link, close, link again: the same L3 comes back bit for bit, and in between nothing does', async () => {
    const region = await newRegion();
    const core = await region.core();
    const cmk = new Governance(region);
    const l3 = await provisioned(region, core);
    const held = await core.serviceKeys(acme, payments);

    const first = await cmk.link(core, 1);
    assert.deepEqual(await l3Of(core), l3);
    assert.deepEqual(await core.links(), [
      { tenant: acme, epoch: 1, state: 'open', expiresAt: first.expiresAt },
    ]);

    const { closedAt } = await cmk.unlink(core, 1);
    assert.ok(held.isWiped, 'memory is zeroised');
    assert.throws(() => held.active.key.use(() => 0), SecretWipedError);
    await assert.rejects(l3Of(core), refused('LINK_CLOSED'));
    await assert.rejects(
      within(region, (tx) => core.provisionService(tx, acme, orders)),
      refused('LINK_CLOSED'),
    );
    const restarted = await region.core();
    await assert.rejects(l3Of(restarted), refused('LINK_CLOSED'));
    assert.deepEqual(await cmk.unlink(core, 1), { closedAt }, 'a repeated UNLINK answers alike');

    // Late and replayed messages of the closed epoch.
    const closed = refused('EPOCH_CLOSED');
    await assert.rejects(
      within(region, (tx) => restarted.openLink(tx, first)),
      closed,
    );
    await assert.rejects(
      within(region, (tx) => restarted.renewLink(tx, first)),
      closed,
    );
    await assert.rejects(
      within(region, (tx) => restarted.prepareLink(tx, acme, 1)),
      closed,
    );
    const row = await region.db
      .selectFrom('keychain.links')
      .selectAll()
      .where('epoch', '=', 1)
      .executeTakeFirstOrThrow();
    assert.deepEqual(
      [row.state, row.secret, row.private_key, row.close_reason],
      ['closed', null, null, 'test'],
    );

    // The fresh secret alone opens nothing that stands under epoch 1.
    await assert.rejects(cmk.link(restarted, 2), refused('SECRET_REJECTED'));
    cmk.secrets.set(99, Buffer.alloc(32, 1));
    const { publicKey, standsOnEpoch } = await within(region, (tx) => restarted.prepareLink(tx, acme, 2));
    assert.equal(standsOnEpoch, 1);
    const wrong = await cmk.message(publicKey, 2, 99);
    const forged = { ...wrong, previous: { epoch: 1, secret: wrong.previous?.secret ?? wrong.secret } };
    await assert.rejects(
      within(region, (tx) => restarted.openLink(tx, forged)),
      refused('SECRET_REJECTED'),
    );
    await assert.rejects(l3Of(restarted), refused('LINK_CLOSED'));

    await cmk.link(restarted, 2, 1);
    assert.deepEqual(await l3Of(restarted), l3);
    assert.deepEqual(await l3Of(core), l3);
    await assert.rejects(
      within(region, (tx) => restarted.openLink(tx, first)),
      closed,
    );
  });

  test('repeated messages of the open epoch change nothing; the same epoch keeps its HPKE key', async () => {
    const region = await newRegion();
    const core = await region.core();
    const cmk = new Governance(region);
    const l3 = await provisioned(region, core);
    const keys = await Promise.all([1, 2].map(() => within(region, (tx) => core.prepareLink(tx, acme, 1))));
    assert.deepEqual(keys[0], keys[1]);
    const message = await cmk.link(core, 1);
    const before = await region.db
      .selectFrom('keychain.tenants')
      .select('manifest_counter')
      .executeTakeFirstOrThrow();
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await within(region, (tx) => core.openLink(tx, message)), { l2Version: 1 });
    }
    const again = await within(region, (tx) => core.prepareLink(tx, acme, 1));
    assert.deepEqual(again.publicKey, keys[0]?.publicKey);
    const after = await region.db
      .selectFrom('keychain.tenants')
      .select('manifest_counter')
      .executeTakeFirstOrThrow();
    assert.deepEqual(after, before);
    assert.deepEqual(await l3Of(core), l3);
  });

  test('a living link survives a restart; past its expiry it fails closed; a fresh proof brings it back', async () => {
    const region = await newRegion();
    const core = await region.core();
    const cmk = new Governance(region);
    const l3 = await provisioned(region, core);
    const message = await cmk.link(core, 1, undefined, HOUR_MS);
    const held = await core.serviceKeys(acme, payments);

    region.clock.nowMs += HOUR_MS - 1;
    assert.deepEqual(await l3Of(await region.core()), l3);
    region.clock.nowMs += 1;
    await assert.rejects(l3Of(core), refused('LINK_EXPIRED'));
    assert.ok(held.isWiped);
    await assert.rejects(l3Of(await region.core()), refused('LINK_EXPIRED'));
    assert.equal((await core.links())[0]?.state, 'expired');

    // The message that opened it, sent again, counts from its proof and not from its receipt.
    await within(region, (tx) => core.renewLink(tx, message));
    await assert.rejects(l3Of(core), refused('LINK_EXPIRED'));

    const provedAt = new Date(region.clock.nowMs);
    const expiresAt = new Date(region.clock.nowMs + HOUR_MS);
    const renewal = { tenant: acme, epoch: 1, provedAt, expiresAt };
    assert.deepEqual(await within(region, (tx) => core.renewLink(tx, renewal)), { expiresAt });
    assert.deepEqual(await l3Of(core), l3);
    assert.deepEqual(await l3Of(await region.core()), l3);

    // An older renewal that arrives late neither shortens nor lengthens.
    const older = {
      ...renewal,
      provedAt: new Date(provedAt.getTime() - 1),
      expiresAt: new Date(expiresAt.getTime() + 9),
    };
    assert.deepEqual(await within(region, (tx) => core.renewLink(tx, older)), { expiresAt });
  });

  test('times that make no sense are refused', async () => {
    const region = await newRegion();
    const core = await region.core();
    const cmk = new Governance(region);
    await provisioned(region, core);
    const { publicKey } = await within(region, (tx) => core.prepareLink(tx, acme, 1));
    const message = await cmk.message(publicKey, 1);
    const at = (proved: number, expires: number) => ({
      ...message,
      provedAt: new Date(region.clock.nowMs + proved),
      expiresAt: new Date(region.clock.nowMs + expires),
    });
    const cases = [
      { link: at(-HOUR_MS, -1), code: 'LINK_EXPIRED' },
      { link: at(61_000, HOUR_MS), code: 'INVALID_PAYLOAD' },
      { link: at(0, 0), code: 'INVALID_PAYLOAD' },
      { link: at(0, 32 * 24 * HOUR_MS), code: 'INVALID_PAYLOAD' },
      { link: { ...message, expiresAt: new Date(Number.NaN) }, code: 'INVALID_PAYLOAD' },
    ] as const;
    for (const { link, code } of cases) {
      await assert.rejects(
        within(region, (tx) => core.openLink(tx, link)),
        refused(code),
      );
    }
    await within(region, (tx) => core.openLink(tx, at(60_000, HOUR_MS)));
  });

  test('an UNLINK that overtakes everything else is remembered, be the tenant known or not', async () => {
    const region = await newRegion();
    const core = await region.core();
    const cmk = new Governance(region);
    await cmk.unlink(core, 3);
    await within(region, (tx) => core.provisionTenant(tx, acme));
    assert.deepEqual(await core.links(), [{ tenant: acme, epoch: 3, state: 'closed' }]);
    await assert.rejects(
      within(region, (tx) => core.prepareLink(tx, acme, 3)),
      refused('EPOCH_CLOSED'),
    );
    // Nothing falls back to the regional secret.
    await assert.rejects(
      within(region, (tx) => core.provisionService(tx, acme, payments)),
      refused('LINK_CLOSED'),
    );
    await cmk.link(core, 4);
    await within(region, (tx) => core.provisionService(tx, acme, payments));
    assert.equal((await l3Of(core)).length, 32);
  });

  test('a newer epoch supersedes an open one, by the lease that still lives', async () => {
    const region = await newRegion();
    const core = await region.core();
    const cmk = new Governance(region);
    const l3 = await provisioned(region, core);
    const first = await cmk.link(core, 1);
    await cmk.link(core, 2);
    assert.deepEqual(await l3Of(core), l3);
    await assert.rejects(
      within(region, (tx) => core.renewLink(tx, first)),
      refused('EPOCH_CLOSED'),
    );
  });
});

describe('sealing', () => {
  test('a sealed region serves nothing, says so, and still closes links', async () => {
    const region = await newRegion();
    const core = await region.core();
    const cmk = new Governance(region);
    await provisioned(region, core);
    await cmk.link(core, 1);
    const held = await core.serviceKeys(acme, payments);
    core.seal('drill');
    assert.equal(core.sealState, 'sealed');
    assert.equal(core.sealReason, 'drill');
    assert.ok(held.isWiped);
    await assert.rejects(l3Of(core), refused('SEALED'));
    await assert.rejects(
      within(region, (tx) => core.prepareLink(tx, acme, 2)),
      refused('SEALED'),
    );
    await cmk.unlink(core, 1);
    await core.unseal();
    assert.equal(core.sealState, 'unsealed');
    await assert.rejects(l3Of(core), refused('LINK_CLOSED'));
  });
});

/** Until the table of L3 keys is locked, and so many wait for it. */
async function untilWaiting(region: Region, count: number): Promise<void> {
  for (;;) {
    const { rows } = await sql<{ granted: boolean }>`
      select granted from pg_locks
      where relation = 'keychain.keys'::regclass and (mode = 'AccessExclusiveLock' or not granted)`.execute(
      region.db,
    );
    if (rows.some((row) => row.granted) && rows.filter((row) => !row.granted).length >= count) return;
    await delay(10);
  }
}

describe('memory', () => {
  test('a reading that began before a closure puts no key back after it', async () => {
    const region = await newRegion();
    const core = await region.core({ limits: { recheckMs: 60_000 } });
    const cmk = new Governance(region);
    await provisioned(region, core);
    await cmk.link(core, 1);
    core.forget(acme);

    // The reading has taken its snapshot, with the link still open, and waits for the last table that it needs.
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const blocker = within(region, async (tx) => {
      await sql`lock table keychain.keys in access exclusive mode`.execute(tx);
      await released;
    });
    await untilWaiting(region, 0);
    const readings = [0, 1].map(() => core.serviceKeys(acme, payments));
    const settled = Promise.allSettled(readings);
    await untilWaiting(region, readings.length);
    await cmk.unlink(core, 1);
    release();
    await blocker;

    for (const result of await settled) {
      assert.equal(result.status, 'rejected');
      assert.ok(refused('LINK_CLOSED')(result.reason));
    }
    assert.equal(core.heldServices, 0);
    await assert.rejects(l3Of(core), refused('LINK_CLOSED'));
  });

  test('what one core closes, another refuses once its grace is over, and zeroises though nobody asks', async () => {
    const region = await newRegion();
    const [one, two] = [await region.core(), await region.core({ limits: { recheckMs: 150, sweepMs: 100 } })];
    const cmk = new Governance(region);
    await provisioned(region, one);
    await cmk.link(one, 1);
    const held = await two.serviceKeys(acme, payments);
    assert.equal(await two.serviceKeys(acme, payments), held, 'from memory');
    await cmk.unlink(one, 1);
    await until('the key is wiped', () => held.isWiped);
    assert.equal(two.heldServices, 0);
    await assert.rejects(l3Of(two), refused('LINK_CLOSED'));
  });

  test('services in memory are bounded, and the one turned out is wiped', async () => {
    const region = await newRegion();
    const core = await region.core({ limits: { maxCachedServices: 1, recheckMs: 60_000 } });
    await provisioned(region, core);
    await within(region, (tx) => core.provisionService(tx, acme, orders));
    const first = await core.serviceKeys(acme, payments);
    const second = await core.serviceKeys(acme, orders);
    assert.ok(first.isWiped && !second.isWiped);
    assert.equal(core.heldServices, 1);
  });

  test('so is the memory that they take, with the subkeys that are derived while they are held', async () => {
    const region = await newRegion();
    const core = await region.core({ limits: { keyMemoryBytes: 200, recheckMs: 60_000, sweepMs: 50 } });
    await provisioned(region, core);
    await within(region, (tx) => core.provisionService(tx, acme, orders));
    const first = await core.serviceKeys(acme, payments);
    const second = await core.serviceKeys(acme, orders);
    assert.ok(!first.isWiped && !second.isWiped, 'two keys fit');
    const context = objectContext(region.name, acme, payments, 'uid-1');
    const { version, key } = first.active;
    const parent = l3Parent(acme, payments, version, key);
    for (let i = 0; i < 5; i++) first.unwrap(seal(parent, Buffer.alloc(32, 9), context), context).wipe();
    await until('the one used least recently goes', () => first.isWiped);
    assert.ok(!second.isWiped, 'and no other');
    assert.equal(core.heldServices, 1);
  });
});

describe('rotation', () => {
  test('a new L3 encrypts, the older one still decrypts, across L2 rotation, restart and another link', async () => {
    const region = await newRegion();
    const core = await region.core();
    const cmk = new Governance(region);
    const l3 = await provisioned(region, core);
    const context = objectContext(region.name, acme, payments, 'uid-1');
    const dek = Buffer.alloc(32, 9);
    const wrapped = (await core.serviceKeys(acme, payments)).wrap(dek, context);
    await cmk.link(core, 1);

    // What stood on the regional secret alone is replaced by the region itself.
    await settled(region, core);
    const rotate = async (service: typeof payments | null) =>
      (await within(region, (tx) => core.rotate(tx, acme, service))).version;
    assert.equal(await rotate(null), 3);
    assert.equal(await rotate(payments), 3);
    await settled(region, core);
    await cmk.unlink(core, 1);
    await cmk.link(core, 2, 1);

    const restarted = await region.core();
    const keys = await restarted.serviceKeys(acme, payments);
    assert.deepEqual(
      keys.versions.map(({ version, use }) => `${version} ${use}`),
      ['1 decrypt', '2 decrypt', '3 encrypt'],
    );
    assert.deepEqual(
      keys.unwrap(wrapped, context).use((bytes) => Buffer.from(bytes)),
      dek,
    );
    assert.deepEqual(await l3Of(restarted), l3);
    assert.deepEqual(await within(region, (tx) => restarted.provisionService(tx, acme, payments)), {
      l3Version: 3,
    });
  });
});
