// Drills through the core's public doors, and who would miss a tenant's keys: signed jobs in, leases and pushes out.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Value } from 'typebox/value';
import { jobs, MAX_CUT_MS, parseServiceName, parseTenantId } from '../../../contracts/index.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import { until } from '../../../testkit/until.ts';
import { KmipError, Operation } from '../../kmip/index.ts';
import { type Caller, MeshOperation } from '../../mesh/index.ts';
import { MAX_NOTED_LEASES } from '../limits.ts';
import { type LeaseHolder, noteLeases } from '../store/leases.ts';
import type { GatewayClient } from '../testing/gateway-client.ts';
import { acme, billing, createKey, headOf, lease, populate } from '../testing/keys.ts';
import { JobFailedError, type TestIdentity, TestRegion } from '../testing/region.ts';
import { fitted } from './use.ts';

const payroll = parseServiceName('payroll');
const globex = parseTenantId('globex');
const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const refused = (code: string) => (error: unknown) => error instanceof JobFailedError && error.code === code;

describe('drills', () => {
  let region: TestRegion;
  let gateway: GatewayClient;
  let gatewayIdentity: TestIdentity;
  let app: Caller;

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core-drills'));
    await region.start();
    const populated = await populate(region);
    ({ app, gatewayIdentity } = populated);
    gateway = region.connect(gatewayIdentity);
  });
  after(() => region.stop());

  /** `granted`, or the reason why not. */
  async function outcome(tenant = acme, service = billing, at = gateway): Promise<string> {
    const { response } = await lease(at, tenant, service);
    return response.outcome === 'refused' ? response.reason : response.outcome;
  }
  /** Everything that links and keys are, as stored. */
  async function stored(): Promise<unknown> {
    const { db } = region.core;
    return [
      await db.selectFrom('keychain.links').selectAll().orderBy('tenant').orderBy('epoch').execute(),
      await db.selectFrom('keychain.link_heads').selectAll().orderBy('tenant').execute(),
    ];
  }
  const cut = (change: { service?: string; until?: string; drill?: string } = {}) => {
    const { drill = randomUUID(), until: end = inMs(60_000), ...scope } = change;
    return region.job('DRILL_CUT', { drill, tenant: 'acme', until: end, ...scope });
  };
  const restore = (drill: string, scope: { service?: string } = {}) =>
    region.job('DRILL_RESTORE', { drill, tenant: 'acme', ...scope });

  test('a cut is pushed, acknowledged and refused as a closed link is; nobody else feels it, link and keys stay', async () => {
    const uid = await createKey(gateway, app);
    const before = await stored();
    const drill = randomUUID();
    const second = region.connect(gatewayIdentity);
    await second.subscribe(await headOf(gateway));
    const cutting = cut({ drill, service: 'billing' });
    const { push } = await second.nextPush();
    assert.deepEqual(push, { kind: 'service.flush', tenant: acme, service: billing });
    const result = await cutting;
    assert.deepEqual([result.gatewaysTold, result.untold], [1, []]);
    assert.ok(result.tookMs < 1_000, `${result.tookMs} ms`);

    assert.equal(await outcome(), 'LINK_CLOSED');
    assert.equal(await outcome(acme, payroll), 'granted');
    assert.equal(await outcome(globex), 'granted');
    const beat = { appliedHead: 0, backlog: 0, leases: [{ tenant: acme, service: billing }], audit: [] };
    assert.deepEqual((await gateway.ask(MeshOperation.Heartbeat, beat)).renewed, []);
    await assert.rejects(gateway.run(app, Operation.Get, { uniqueIdentifier: uid }), KmipError);
    assert.deepEqual(await stored(), before);

    const other = await restore(randomUUID(), { service: 'billing' });
    assert.equal(other.heldUntilNow, false);
    assert.equal(await outcome(), 'LINK_CLOSED', 'the end of another drill ends no other');
    const ended = restore(drill, { service: 'billing' });
    assert.equal((await second.nextPush()).push.kind, 'service.flush');
    const { heldUntilNow, untold } = await ended;
    assert.deepEqual([heldUntilNow, untold], [true, []]);
    assert.equal(await outcome(), 'granted');
    await gateway.run(app, Operation.Get, { uniqueIdentifier: uid });
    assert.deepEqual(await stored(), before);
    second.close();
  });

  test('a cut of the whole tenant is of each service, and of no other tenant', async () => {
    const drill = randomUUID();
    await cut({ drill });
    assert.deepEqual(
      [await outcome(), await outcome(acme, payroll), await outcome(globex)],
      ['LINK_CLOSED', 'LINK_CLOSED', 'granted'],
    );
    await restore(drill);
    assert.deepEqual([await outcome(), await outcome(acme, payroll)], ['granted', 'granted']);
  });

  test('a cut ends by itself when its time has come', async () => {
    const drill = randomUUID();
    await cut({ drill, until: inMs(600_000) });
    assert.equal(await outcome(), 'LINK_CLOSED');
    // A short one would be over before a busy machine has looked at it.
    await region.core.db
      .updateTable('keychain.cuts')
      .set({ until: new Date() })
      .where('drill', '=', drill)
      .execute();
    await until('the cut has ended by itself', async () => (await outcome()) === 'granted');
    const { heldUntilNow } = await restore(drill);
    assert.equal(heldUntilNow, false);
  });

  test('a restart of the core ends no cut', async () => {
    const drill = randomUUID();
    await cut({ drill });
    await region.stop();
    await region.start();
    gateway = region.connect(gatewayIdentity);
    assert.equal(await outcome(), 'LINK_CLOSED');
    await restore(drill);
    assert.equal(await outcome(), 'granted');
  });

  test('another core of the region refuses as well', async () => {
    const other = await region.startAnother('core-2');
    const there = region.connect(gatewayIdentity, other.port);
    assert.equal(await outcome(acme, billing, there), 'granted');
    const drill = randomUUID();
    await cut({ drill });
    assert.equal(await outcome(acme, billing, there), 'LINK_CLOSED');
    await restore(drill);
    assert.equal(await outcome(acme, billing, there), 'granted');
    await other.close();
  });

  test('a gateway that does not acknowledge is named, with the time at which its leases end', async () => {
    const second = region.connect(gatewayIdentity);
    await second.subscribe(await headOf(gateway));
    const drill = randomUUID();
    const result = await cut({ drill, service: 'billing' });
    assert.deepEqual([result.gatewaysTold, result.untold], [0, ['gateway-1']]);
    const { ttlMs, graceMs } = region.config.lease;
    const leftMs = Date.parse(result.leasesEndBy) - Date.now();
    assert.ok(leftMs <= ttlMs + graceMs && leftMs > ttlMs + graceMs - 5_000, String(leftMs));
    second.close();
    await restore(drill, { service: 'billing' });
  });

  test('a cut that comes late, lasts too long or is of nobody is refused', async () => {
    await assert.rejects(cut({ until: inMs(-1) }), refused('CUT_OVER'));
    await assert.rejects(cut({ until: inMs(MAX_CUT_MS + 60_000) }), refused('INVALID_PAYLOAD'));
    assert.equal(await outcome(), 'granted');
    const rows = await region.core.db.selectFrom('keychain.cuts').selectAll().execute();
    assert.deepEqual(rows, []);
  });

  test('gateways tell what they hold and since when it was idle; governance hears when it ends', async () => {
    const told = region.connect(gatewayIdentity);
    await told.ask(MeshOperation.Heartbeat, {
      appliedHead: 0,
      backlog: 0,
      leases: [
        { tenant: acme, service: billing, idleMs: 60_000 },
        { tenant: acme, service: payroll },
        { tenant: globex, service: billing, idleMs: 5 },
      ],
      audit: [],
    });
    const use = await region.job('USE_INSPECT', { tenant: 'acme' });
    assert.ok(Value.Check(jobs.USE_INSPECT.result, use));
    const [holder] = use.gateways;
    assert.ok(holder);
    assert.deepEqual([use.gateways.length, holder.name, holder.connected], [1, 'gateway-1', true]);
    const [used, unused] = holder.leases;
    assert.deepEqual([used?.service, unused?.service, unused?.lastUsedAt], ['billing', 'payroll', undefined]);
    const idleMs = Date.now() - Date.parse(used?.lastUsedAt ?? '');
    assert.ok(idleMs >= 60_000 && idleMs < 70_000, String(idleMs));
    const { ttlMs, graceMs } = region.config.lease;
    assert.ok(Date.parse(holder.leasesEndBy) >= Date.now() + ttlMs);
    assert.equal(Date.parse(holder.graceEndsBy) - Date.parse(holder.leasesEndBy), graceMs);
    assert.ok(use.applications.some(({ fingerprint }) => fingerprint === app.fingerprint));
    told.close();
  });

  test('of too many leases those used last are kept', async () => {
    const many = Array.from({ length: MAX_NOTED_LEASES + 10 }, (_, i) => ({
      tenant: parseTenantId(`tenant-${i}`),
      service: billing,
      idleMs: i,
    }));
    await noteLeases(region.core.db, { fingerprint: 'f', process: 'p' }, many);
    const row = await region.core.db
      .selectFrom('core.gateway_leases')
      .select('leases')
      .where('fingerprint', '=', 'f')
      .executeTakeFirstOrThrow();
    const names = Object.keys(row.leases as object);
    assert.equal(names.length, MAX_NOTED_LEASES);
    assert.ok(names.includes('tenant-0') && !names.includes(`tenant-${MAX_NOTED_LEASES}`));
  });
});

test('an answer about use always fits, and counts what it leaves out', () => {
  const holder = (name: string, leases: number): LeaseHolder => ({
    name,
    connected: true,
    lastSeenMs: 0,
    leasesEndMs: 1,
    graceEndsMs: 2,
    leases: Array.from({ length: leases }, (_, i) => ({ service: `service-${i}`, lastUsedMs: 1_000 - i })),
  });
  const holders = Array.from({ length: 300 }, (_, i) => holder(`gateway-${i}-${'x'.repeat(100)}`, 40));
  const seen = Array.from({ length: 1_000 }, () => ({
    fingerprint: 'ab'.repeat(32),
    lastSeenAt: '2026-01-01T00:00:00.000Z',
  }));
  const use = fitted(holders, seen);
  assert.ok(Value.Check(jobs.USE_INSPECT.result, use));
  assert.ok(JSON.stringify(use).length <= 28 * 1024);
  const named = use.gateways.reduce((sum, { leases }) => sum + leases.length, 0) + use.applications.length;
  assert.equal(use.omitted, 300 * 40 + 1_000 - named);
  const small = fitted([holder('gateway', 2)], []);
  assert.deepEqual([small.omitted, small.gateways[0]?.leases.length], [0, 2]);
});
