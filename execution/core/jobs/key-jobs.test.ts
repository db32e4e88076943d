// What governance may have done to keys, through the core's public doors: signed jobs in, status, pushes and trail out.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type JobResult, parseRegionId, parseTenantId, type TenantId } from '../../../contracts/index.ts';
import { sealLinkSecret } from '../../../contracts/sealing.ts';
import { waitedMs } from '../../../testkit/clocks.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import { until } from '../../../testkit/until.ts';
import type { Caller } from '../../mesh/index.ts';
import { verifyAudit } from '../audit/verify.ts';
import { IMPATIENT_ACK_WAIT_MS, PUSH_ACK_WAIT_MS } from '../limits.ts';
import type { GatewayClient } from '../testing/gateway-client.ts';
import { acme, billing, createKey, headOf, populate } from '../testing/keys.ts';
import { JobFailedError, TestRegion } from '../testing/region.ts';

const TTL_MS = 3_600_000;
const key = { tenant: 'acme', service: 'billing' } as const;

describe('jobs of keys', () => {
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

  const refused = (code: string) => (error: unknown) =>
    error instanceof JobFailedError && error.code === code;
  const pushes = async (): Promise<string[]> => {
    const rows = await region.core.db
      .selectFrom('core.pushes')
      .select(['kind', 'subject'])
      .orderBy('number')
      .execute();
    return rows.map((row) => `${row.kind} ${row.subject}`);
  };
  const events = async (name: string): Promise<string[]> => {
    const rows = await region.core.db
      .selectFrom('core.audit_events')
      .select('body')
      .where('event', '=', name)
      .orderBy('seq')
      .execute();
    return rows.map(({ body }) => body);
  };
  const l3 = async (): Promise<JobResult<'KEY_INSPECT'>['l2']> => {
    const { services } = await region.job('KEY_INSPECT', { tenant: 'acme' });
    const found = services.find(({ service }) => service === 'billing');
    assert.ok(found);
    return found.l3;
  };

  /** The core hears of its own commit a moment after the job is answered. */
  async function activeIs(version: number): Promise<void> {
    const isActive = async () =>
      (await region.core.keychain.serviceKeys(acme, billing)).active.version === version;
    await until(`version ${version} is active in the core`, isActive);
  }
  async function sealed(tenant: TenantId, epoch: number, publicKey: string, job: string) {
    const context = {
      tenant,
      region: parseRegionId(region.config.region),
      epoch,
      purpose: 'fresh',
      job,
    } as const;
    return await sealLinkSecret(Buffer.from(publicKey, 'base64url'), randomBytes(32), context);
  }
  async function open(kind: 'LINK' | 'ROTATE_LINK', epoch: number, tenant: TenantId = acme) {
    const job = randomUUID();
    const { publicKey } = await region.job('LINK_PREPARE', { tenant, epoch });
    const provedAt = new Date();
    const payload = {
      tenant,
      epoch,
      provedAt: provedAt.toISOString(),
      expiresAt: new Date(provedAt.getTime() + TTL_MS).toISOString(),
      secret: await sealed(tenant, epoch, publicKey, job),
    };
    return await region.job(kind, payload, job);
  }

  test('a rotation makes one version, tells gateways to fetch it, and is told in the trail', async () => {
    assert.deepEqual(await region.job('KEY_ROTATE', key), { version: 2 });
    assert.ok((await pushes()).includes('service.rotated service:acme/billing'));
    assert.match((await events('KEY_ROTATED')).at(-1) ?? '', /L3 billing v2/);
    const job = randomUUID();
    assert.deepEqual(await region.job('KEY_ROTATE', key, job), { version: 3 });
  });

  test('the inventory counts what the core knows under each version', async () => {
    const before = await createKey(gateway, app);
    await region.job('KEY_ROTATE', key);
    await activeIs(4);
    await createKey(gateway, app);
    const { versions, living, rotateAfterSeconds } = await l3();
    assert.deepEqual(
      versions.map(({ version, state, dependents }) => [version, state, dependents]),
      [
        [1, 'deactivated', 0],
        [2, 'deactivated', 0],
        [3, 'deactivated', 1],
        [4, 'active', 1],
      ],
    );
    assert.equal(living, 4);
    assert.equal(rotateAfterSeconds, 0);
    assert.ok(before.length > 0);
  });

  test('a destruction names what it takes along, and gateways drop what they hold', async () => {
    const destroy = (version: number, dependents: number) =>
      region.job('KEY_DESTROY', { ...key, version, dependents, reason: 'retired' });
    await assert.rejects(destroy(3, 0), refused('DEPENDENTS_CHANGED'));
    await assert.rejects(destroy(4, 1), refused('KEY_STATE'));
    await assert.rejects(destroy(9, 0), refused('KEY_VERSION_UNKNOWN'));
    assert.deepEqual(await destroy(3, 1), { version: 3 });
    assert.ok((await pushes()).at(-1)?.startsWith('service.flush service:acme/billing'));
    assert.match((await events('KEY_DESTROYED')).at(-1) ?? '', /retired/);
    const { versions } = await l3();
    assert.equal(versions.find(({ version }) => version === 3)?.state, 'destroyed');
  });

  test('unknown tenants and services are refused by name', async () => {
    await assert.rejects(region.job('KEY_ROTATE', { tenant: 'nobody' }), refused('TENANT_UNKNOWN'));
    await assert.rejects(
      region.job('KEY_ROTATE', { ...key, service: 'nothing' }),
      refused('SERVICE_UNKNOWN'),
    );
    await assert.rejects(region.job('KEY_INSPECT', { tenant: 'nobody' }), refused('TENANT_UNKNOWN'));
  });

  test('an L2 rotation wraps L3 anew by itself, and ends with the old L2', async () => {
    const { version } = await region.job('KEY_ROTATE', { tenant: 'acme' });
    assert.equal(version, 2);
    for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 50) {
      const { l2 } = await region.job('KEY_INSPECT', { tenant: 'acme' });
      if (l2.versions[0]?.state === 'destroyed') break;
      await delay(50);
    }
    const { l2 } = await region.job('KEY_INSPECT', { tenant: 'acme' });
    assert.deepEqual(
      l2.versions.map(({ version, state }) => [version, state]),
      [
        [1, 'destroyed'],
        [2, 'active'],
      ],
    );
    assert.equal(l2.versions[1]?.dependents, 4, 'three living versions of billing, one of payroll');
    assert.ok((await events('KEYS_REWRAPPED')).length >= 2);
    assert.ok((await region.core.keychain.serviceKeys(acme, billing)).byVersion(1));
  });

  test('a compromised L2 takes every L3 of the tenant along, and every gateway drops them', async () => {
    const before = (await pushes()).length;
    await region.job('KEY_COMPROMISE', { tenant: 'acme', reason: 'a stolen backup' });
    const told = (await pushes()).slice(before).filter((push) => push.startsWith('service.flush'));
    assert.deepEqual(told.toSorted(), [
      'service.flush service:acme/billing',
      'service.flush service:acme/payroll',
    ]);
    const { versions } = await l3();
    const states = versions.filter(({ state }) => state !== 'destroyed').map(({ state }) => state);
    assert.deepEqual(states, ['compromised', 'compromised', 'compromised', 'active']);
    assert.match((await events('KEY_COMPROMISED')).at(-1) ?? '', /a stolen backup/);
  });

  test('a policy of rotation is kept by the region itself', async () => {
    const { nextRotationAt } = await region.job('ROTATION_POLICY', { ...key, rotateAfterSeconds: 1 });
    assert.ok(nextRotationAt !== undefined && Date.parse(nextRotationAt) <= Date.now() + 1_000);
    const from = (await l3()).versions.at(-1)?.version ?? 0;
    for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 100) {
      if (((await l3()).versions.at(-1)?.version ?? 0) >= from + 2) break;
      await delay(100);
    }
    assert.ok(((await l3()).versions.at(-1)?.version ?? 0) >= from + 2, 'twice, with nobody asking');
    assert.deepEqual(await region.job('ROTATION_POLICY', { ...key, rotateAfterSeconds: 0 }), {});
  });

  test('a link is rotated while it lives, and never brought back', async () => {
    await assert.rejects(open('ROTATE_LINK', 1), refused('LINK_CLOSED'));
    await open('LINK', 2);
    const { epoch } = await open('ROTATE_LINK', 3);
    assert.equal(epoch, 3);
    assert.equal((await region.core.keychain.links()).find(({ tenant }) => tenant === acme)?.epoch, 3);
    await region.job('UNLINK', { tenant: 'acme', epoch: 3, reason: 'test' });
    await assert.rejects(open('ROTATE_LINK', 4), refused('LINK_CLOSED'));
    await assert.rejects(region.job('KEY_ROTATE', key), refused('LINK_CLOSED'));
  });

  test('a gateway that answers late holds up no closure but the first, and is not counted as told', async () => {
    const tenants = Array.from({ length: 8 }, (_, index) => parseTenantId(`late-${index}`));
    for (const tenant of tenants) await region.job('TENANT_PROVISION', { tenant });
    const honest = await region.gateway('gateway-honest');
    const late = await region.gateway('gateway-late');
    const head = await headOf(region.connect(honest));
    const [one, other] = [region.connect(honest), region.connect(late)];
    for (const client of [one, other]) await client.subscribe(head);
    const answering = (async () => {
      for (;;) await one.nextPush();
    })().catch(() => {});
    const told: number[] = [];
    const close = (tenant: TenantId) =>
      waitedMs(async () => {
        const { gatewaysTold } = await region.job('UNLINK', { tenant, epoch: 1, reason: 'test' });
        told.push(gatewaysTold);
      });
    // Together, as many as a core has in hand: half of them have no time for it.
    const together = (await Promise.all(tenants.slice(0, 4).map(close))).sort((a, b) => a - b);
    // Each has done its work by the time that it begins to wait, so it is what they waited that tells them apart.
    const [, hasty = 0, patient = 0] = together;
    assert.ok(hasty < PUSH_ACK_WAIT_MS, `${together} ms`);
    assert.ok(patient - hasty > (PUSH_ACK_WAIT_MS - IMPATIENT_ACK_WAIT_MS) / 3, `${together} ms`);
    for (const tenant of tenants.slice(4, 7)) {
      const tookMs = await close(tenant);
      assert.ok(tookMs < PUSH_ACK_WAIT_MS, `${tookMs} ms`);
    }
    assert.ok(told.every((count) => count <= 1) && told.includes(1), String(told));
    // Once it has caught up it is waited for again.
    for (let pushes = 0; pushes < 7; pushes++) await other.nextPush();
    const last = tenants.slice(7).map(close);
    await other.nextPush();
    await Promise.all(last);
    assert.equal(told.at(-1), 2);
    one.close();
    other.close();
    await answering;
  });

  test('an emergency waits for a link that has expired, since a renewal would revive the key', async () => {
    const lost = refused('LINK_CLOSED');
    await open('LINK', 1, parseTenantId('globex'));
    await region.core.db
      .updateTable('keychain.links')
      .set({ expires_at: new Date(Date.now() - 1) })
      .where('tenant', '=', 'globex')
      .where('state', '=', 'open')
      .execute();
    await assert.rejects(region.job('KEY_COMPROMISE', { tenant: 'globex', reason: 'stolen' }), lost);
  });

  test('the trail is whole', async () => {
    assert.equal(await verifyAudit(region.core.db), null);
  });
});
