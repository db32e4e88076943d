// What a lease brings, to whom it is granted while the region goes on changing, and what it costs (D3, D5, D7).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sql } from 'kysely';
import { parseServiceName, parseTenantId } from '../../../contracts/index.ts';
import { sleep } from '../../../platform/backoff.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import { MAX_WRAPS_PER_VERSION, readUsage, reserveWraps, WRAP_BLOCK } from '../../keychain/index.ts';
import { KmipError } from '../../kmip/index.ts';
import {
  type Caller,
  MAX_LEASE_LAG_MS,
  MeshOperation,
  type Push,
  RECENT_VERSIONS,
} from '../../mesh/index.ts';
import { appendPushes, prunePushes } from '../store/pushes.ts';
import { keysIn } from '../store/tables.ts';
import type { GatewayClient } from '../testing/gateway-client.ts';
import { acme, billing, createKey, headOf, lease, openLease, populate, rotateL3 } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';

const payroll = parseServiceName('payroll');
const globex = parseTenantId('globex');
/** Another core may hand out what it read so long ago. */
const RECHECK_MS = 600;

describe('a lease', () => {
  let region: TestRegion;
  let gateway: GatewayClient;
  let app: Caller;

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core'));
    await region.start();
    const populated = await populate(region);
    app = populated.app;
    gateway = region.connect(populated.gatewayIdentity);
  });
  after(() => region.stop());

  async function granted(...more: Parameters<typeof lease> extends [unknown, ...infer R] ? R : never) {
    const leased = await lease(gateway, ...more);
    assert.ok(leased.response.outcome === 'granted', leased.response.outcome);
    return { ...leased.response, opened: await openLease(region, leased, more[0], more[1]) };
  }

  async function pushed(...pushes: Push[]): Promise<void> {
    await inTransaction(region.core.db, (tx) => appendPushes(tx, pushes));
    await pushesAre('an hour ahead');
  }
  /** How old a push is counts, and is not left to how long the next line takes. */
  async function pushesAre(age: 'an hour ahead' | 'too old', upTo = Number.MAX_SAFE_INTEGER): Promise<void> {
    const ms = age === 'too old' ? -MAX_LEASE_LAG_MS - 1 : 3_600_000;
    const at = sql<Date>`clock_timestamp() + ${`${ms} ms`}::interval`;
    const { db } = region.core;
    await db.updateTable('core.pushes').set({ created_at: at }).where('number', '<=', upTo).execute();
  }

  async function charged(service = billing): Promise<number> {
    const usage = (await readUsage(keysIn(region.core.db), acme)).get(service);
    return [...(usage?.values() ?? [])].reduce((sum, wraps) => sum + wraps, 0);
  }

  test('lists all versions, and brings the active one, the youngest others, and what is asked for', async () => {
    for (let version = 2; version <= 40; version++) assert.equal(await rotateL3(region.core), version);
    await sleep(RECHECK_MS);
    const first = await granted();
    assert.equal(first.activeVersion, 40);
    assert.deepEqual(
      first.living,
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
    const recent = Array.from({ length: RECENT_VERSIONS }, (_, i) => 40 - RECENT_VERSIONS + i);
    assert.deepEqual([...first.opened.keys()], [...recent, 40]);
    const second = await granted(acme, billing, { held: [...recent.slice(1), 40], wanted: [1, 7, 99] });
    assert.deepEqual([...second.opened.keys()], [1, 7, recent[0]]);
    assert.equal(second.etag, first.etag);
    const keys = await region.core.keychain.serviceKeys(acme, billing);
    for (const [version, key] of [...first.opened, ...second.opened]) {
      assert.ok(keys.byVersion(version)?.key.equals(key));
    }
    const held = [...first.living];
    const third = await granted(acme, billing, { held });
    assert.deepEqual(third.keys, []);
    assert.equal(third.leaseKey, undefined, 'nothing to seal, and no HPKE');
  });

  test('is told by its etag, and heartbeats tell of another one', async () => {
    const beat = async () => {
      const request = { appliedHead: 0, backlog: 0, leases: [{ tenant: acme, service: billing }], audit: [] };
      const { renewed } = await gateway.ask(MeshOperation.Heartbeat, request);
      return renewed[0]?.etag;
    };
    const { etag } = await granted();
    assert.equal(await beat(), etag);
    await rotateL3(region.core);
    await sleep(RECHECK_MS);
    assert.notEqual(await beat(), etag);
    assert.equal(await beat(), (await granted()).etag);
  });

  test('is granted to a gateway that has not applied what concerns others, or only rotates', async () => {
    const appliedHead = await headOf(gateway);
    await pushed(
      { kind: 'service.rotated', tenant: acme, service: billing },
      { kind: 'service.flush', tenant: acme, service: payroll },
      { kind: 'service.flush', tenant: globex, service: billing },
      { kind: 'tenant.closed', tenant: globex, epoch: 1 },
      { kind: 'object.destroyed', tenant: acme, uid: 'some-object' },
    );
    const { head } = await granted(acme, billing, { appliedHead });
    assert.equal(head, appliedHead + 5);
    const other = (await lease(gateway, acme, payroll, { appliedHead })).response;
    assert.deepEqual(other, { outcome: 'behind', head });
  });

  for (const push of [
    { kind: 'service.flush', tenant: acme, service: billing },
    { kind: 'tenant.closed', tenant: acme, epoch: 1 },
    { kind: 'tenant.opened', tenant: acme, epoch: 2 },
  ] as const) {
    test(`is not granted before ${push.kind} is applied, whatever came after it`, async () => {
      const appliedHead = await headOf(gateway);
      await pushed(push, { kind: 'service.rotated', tenant: acme, service: billing });
      const { response } = await lease(gateway, acme, billing, { appliedHead });
      assert.deepEqual(response, { outcome: 'behind', head: appliedHead + 2 });
      await granted(acme, billing, { appliedHead: appliedHead + 1 });
    });
  }

  test('is not granted when a flush is committed while it is being sealed', async () => {
    const appliedHead = await headOf(gateway);
    const { keychain } = region.core;
    const original = keychain.serviceKeys.bind(keychain);
    keychain.serviceKeys = async (tenant, service) => {
      await pushed({ kind: 'service.flush', tenant, service });
      return original(tenant, service);
    };
    try {
      const { response } = await lease(gateway, acme, billing, { appliedHead });
      assert.deepEqual(response, { outcome: 'behind', head: appliedHead + 1 });
    } finally {
      keychain.serviceKeys = original;
    }
  });

  test('is not granted to a gateway that missed anything for longer than it may be behind', async () => {
    const appliedHead = await headOf(gateway);
    await pushed({ kind: 'object.destroyed', tenant: globex, uid: 'another-object' });
    await pushed({ kind: 'object.destroyed', tenant: globex, uid: 'one-more' });
    await pushesAre('too old', appliedHead + 1);
    const { response } = await lease(gateway, acme, billing, { appliedHead });
    assert.equal(response.outcome, 'behind');
    await granted(acme, billing, { appliedHead: appliedHead + 1 });
    const ahead = await lease(gateway, acme, billing, { appliedHead: appliedHead + 3 });
    assert.equal(ahead.response.outcome, 'behind', 'nobody is ahead of the region');
  });

  test('charges a block of wraps to a gateway that has less than half of one, and says when none is left', async () => {
    const before = await charged();
    const { activeVersion: version, wrapBudget } = await granted();
    assert.equal(wrapBudget, WRAP_BLOCK);
    assert.equal(await charged(), before + WRAP_BLOCK);
    const enough = { version, left: WRAP_BLOCK / 2 };
    assert.equal((await granted(acme, billing, { wraps: enough })).wrapBudget, 0);
    assert.equal(await charged(), before + WRAP_BLOCK);
    for (const wraps of [
      { version, left: WRAP_BLOCK / 2 - 1 },
      { version: version - 1, left: WRAP_BLOCK },
    ]) {
      assert.equal((await granted(acme, billing, { wraps })).wrapBudget, WRAP_BLOCK);
    }
    assert.equal(await charged(), before + 3 * WRAP_BLOCK);
    const db = keysIn(region.core.db);
    const spent = (await readUsage(db, acme)).get(billing)?.get(version) ?? 0;
    await reserveWraps(db, acme, billing, version, MAX_WRAPS_PER_VERSION - spent);
    const last = await granted();
    assert.deepEqual([last.wrapBudget, last.isSpent], [0, true]);
    assert.ok(last.opened.has(version), 'it still opens');
  });

  test('is not what the core itself wraps with: it takes blocks of its own, and stops where they end', async () => {
    const version = await rotateL3(region.core);
    await sleep(RECHECK_MS);
    const before = await charged();
    await Promise.all(Array.from({ length: 5 }, () => createKey(gateway, app)));
    assert.equal(await charged(), before + WRAP_BLOCK, 'one block for all of them');
    const next = await rotateL3(region.core);
    assert.equal(next, version + 1);
    // Not by `reserveWraps`, on which the region would rotate the key by itself.
    const spent = { tenant: acme, service: billing, version: next, wraps: MAX_WRAPS_PER_VERSION };
    await keysIn(region.core.db).insertInto('keychain.usage').values(spent).execute();
    await sleep(RECHECK_MS);
    await assert.rejects(
      createKey(gateway, app),
      (error) => error instanceof KmipError && /rotated; try again/.test(error.message),
    );
    await rotateL3(region.core);
    await sleep(RECHECK_MS);
    await createKey(gateway, app);
  });

  test('is refused to a key that is none, and costs nothing', async () => {
    const before = await charged(payroll);
    await assert.rejects(
      lease(gateway, acme, payroll, { recipientPublicKey: new Uint8Array(32) }),
      (error) => error instanceof KmipError && /public key/.test(error.message),
    );
    assert.equal(await charged(payroll), before);
  });

  test('stays forbidden by a flush that is old, though rotations came after it', async () => {
    const { db } = region.core;
    const [flush, rotated] = [
      { kind: 'service.flush', tenant: acme, service: payroll },
      { kind: 'service.rotated', tenant: acme, service: payroll },
    ] as const;
    const start = await headOf(gateway);
    await pushed(rotated, flush, flush, rotated, rotated);
    await sql`update core.pushes set created_at = now() - interval '2 days'`.execute(db);
    await prunePushes(db);
    const { pushes } = await gateway.ask(MeshOperation.Sync, { after: start });
    assert.deepEqual(
      pushes.map(({ number, push }) => [number - start, push]),
      [
        [3, flush],
        [5, rotated],
      ],
    );
  });
});
