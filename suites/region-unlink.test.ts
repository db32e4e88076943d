/** The customer takes the master key away and gives it back, as an application sees it at the gateway. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type KmipClient, Operation, ResultReason } from '../execution/kmip/index.ts';
import {
  create,
  depopulate,
  isDenied,
  type Populated,
  populate,
  refused,
  roundTrip,
} from './support/applications.ts';
import { type RegionWorld, until } from './support/region.ts';

let populated: Populated | undefined;
let world: RegionWorld;
let billing: KmipClient;
let rival: KmipClient;

before(async () => {
  populated = await populate();
  ({ world, billing, rival } = populated);
});
after(() => depopulate(populated));

describe('a drill', () => {
  const drill = randomUUID();

  it('is felt as the real thing is, by its target alone, and is over by itself', async () => {
    const uid = await create(billing);
    await roundTrip(billing, uid);
    const seconds = (count: number): string => new Date(Date.now() + count * 1_000).toISOString();
    const cut = await world.job('DRILL_CUT', { drill, tenant: 'acme', until: seconds(2) });
    assert.deepEqual([cut.gatewaysTold, cut.untold], [1, []]);
    // What the region says is true when it says so: not one request comes through afterwards.
    await refused(ResultReason.PermissionDenied, /withdrawn the master key/, () =>
      billing.request(Operation.Encrypt, { uniqueIdentifier: uid, data: Buffer.from('x') }),
    );
    await roundTrip(rival, await create(rival));
    await until('the drill is over', async () => !(await isDenied(() => roundTrip(billing, uid))));
    const { heldUntilNow } = await world.job('DRILL_RESTORE', { drill, tenant: 'acme' });
    assert.equal(heldUntilNow, false);
    await until('the region knows who uses the key', async () => {
      const { gateways } = await world.job('USE_INSPECT', { tenant: 'acme' });
      const [lease] = gateways.flatMap(({ leases }) => leases);
      return lease?.lastUsedAt !== undefined && Date.now() - Date.parse(lease.lastUsedAt) < 60_000;
    });
  });
});

describe('the customer withdraws the master key', () => {
  let uid: string;

  it('the gateway refuses within a second, and keeps nothing', async () => {
    uid = await create(billing);
    await roundTrip(billing, uid);
    const startedAt = performance.now();
    const unlinked = world.job('UNLINK', { tenant: 'acme', epoch: 1, reason: 'test' });
    await until('Encrypt is refused', () =>
      isDenied(() => billing.request(Operation.Encrypt, { uniqueIdentifier: uid, data: Buffer.from('x') })),
    );
    const { gatewaysTold } = await unlinked;
    assert.equal(gatewaysTold, 1);
    assert.ok(performance.now() - startedAt < 3_000, 'job and refusal together');
    assert.ok(!world.gateway.status().leases.some(({ tenant }) => tenant === 'acme'));
    for (const attempt of [
      () => create(billing),
      () => billing.request(Operation.Get, { uniqueIdentifier: uid }),
      () => billing.request(Operation.Encrypt, { uniqueIdentifier: 'l3:orders', data: Buffer.from('x') }),
    ]) {
      await refused(ResultReason.PermissionDenied, /withdrawn the master key/, attempt);
    }
    await roundTrip(rival, await create(rival));
  });

  it('it refuses still after a restart, with the core away', async () => {
    world.proxy.cut();
    await world.stopGateway();
    await world.restartGateway();
    await refused(ResultReason.PermissionDenied, /withdrawn the master key/, () => create(billing));
    world.proxy.resume();
  });

  it('a new link brings the same keys back', async () => {
    await until('the core is back', () => world.gateway.status().core === 'connected');
    await world.link('acme', 2);
    await until('the key is served again', async () => !(await isDenied(() => roundTrip(billing, uid))));
    await roundTrip(billing, uid);
  });
});
