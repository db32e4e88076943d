/**
 * A gateway whose keys lie elsewhere than in its file (D6): in Redis, also while that is away, and in memory alone; and the
 * number of keys that a tenant may have.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  call,
  type KmipClient,
  Operation,
  ResultReason,
  RevocationReasonCode,
  State,
} from '../execution/kmip/index.ts';
import { startRedis, type TestRedis } from '../testkit/redis.ts';
import {
  create,
  depopulate,
  type Populated,
  populate,
  refused,
  roundTrip,
  stateOf,
} from './support/applications.ts';
import { type RegionWorld, until } from './support/region.ts';

const revocationReason = { revocationReasonCode: RevocationReasonCode.CessationOfOperation };
/** "At once" for a request that is refused since something is away: far below any time-out. */
const AT_ONCE_MS = 1_000;

let populated: Populated | undefined;
let world: RegionWorld;
let billing: KmipClient;
let shipping: KmipClient;
let rival: KmipClient;

before(async () => {
  populated = await populate();
  ({ world, billing, shipping, rival } = populated);
  await world.link('rival', 1);
});
after(() => depopulate(populated));

async function restartWith(change: Parameters<RegionWorld['restartGateway']>[0]): Promise<void> {
  await world.stopGateway();
  await world.restartGateway(change);
  await until('the core is there', () => world.gateway.status().core === 'connected');
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${world.gateway.healthUrl}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(text)?.[1]);
}

const get = (uniqueIdentifier: string) => billing.request(Operation.Get, { uniqueIdentifier });
const announced = () => until('all is announced', () => world.gateway.status().backlog === 0);

describe('with its keys in Redis', () => {
  let redis: TestRedis;
  let uid: string;
  let other: string;
  let wrapper: string;
  before(async () => {
    redis = await startRedis({ password: 'not a secret', tls: true });
    const { host, port, client, passwordFile } = redis;
    assert.ok(client !== undefined && passwordFile !== undefined);
    const tls = { ca: client.caFile, cert: client.certFile, key: client.keyFile, servername: 'localhost' };
    const path = `${redis.directory}/gateway.sqlite`;
    await restartWith({ store: { kind: 'redis', path, host, port, passwordFile, tls } });
  });
  after(() => redis.stop());

  it('serves and announces what it makes, under its name', async () => {
    uid = await create(billing, { name: 'in-redis' });
    other = await create(billing);
    await roundTrip(billing, uid);
    await refused(ResultReason.InvalidField, /belongs to another object/, () =>
      create(billing, { name: 'in-redis' }),
    );
    await announced();
    assert.equal(await stateOf(billing, uid), State.Active);
    assert.equal(await metric('okcm_gateway_held_keys'), 2);
    assert.deepEqual(world.gateway.status().store, { kind: 'redis', durable: true, up: true });
  });

  it('finds in it what is not in memory, with the core away, in every shape of request', async () => {
    wrapper = await create(billing);
    await restartWith({});
    await roundTrip(billing, wrapper); // and the lease is there
    await announced();
    world.proxy.cut();
    await until('the gateway has noticed', () => world.gateway.status().core === 'unreachable');
    const [first, second] = await billing.batch([
      call(Operation.Get, { uniqueIdentifier: uid }),
      call(Operation.Get, { uniqueIdentifier: other }),
    ]);
    assert.ok(first?.ok && second?.ok);
    await roundTrip(billing, other);
    const made = await create(billing);
    await get(made);
    await refused(ResultReason.ItemNotFound, /no object has/, () =>
      shipping.request(Operation.Get, { uniqueIdentifier: made }),
    );
    await refused(ResultReason.ItemNotFound, /no object has/, () =>
      rival.request(Operation.Encrypt, { uniqueIdentifier: uid, data: Buffer.from('x') }),
    );
    await refused(ResultReason.GeneralFailure, /core cannot be reached/, () =>
      get('held-by-another-gateway'),
    );
    world.proxy.resume();
    await until('the core is back', () => world.gateway.status().core === 'connected');
    await announced();
  });

  it('and Redis away: held keys serve on, new ones and unread ones wait, and it says which', async () => {
    await restartWith({});
    await roundTrip(billing, uid);
    await redis.kill();
    await until('the gateway has noticed', () => !world.gateway.status().store.up);
    assert.equal(world.gateway.status().status, 'degraded');
    assert.equal(await metric('okcm_gateway_store_up'), 0);
    for (const attempt of [() => create(billing), () => get(other)]) {
      const tookMs = await refused(
        ResultReason.GeneralFailure,
        /key store of this gateway cannot be reached/,
        attempt,
      );
      assert.ok(tookMs < AT_ONCE_MS, `${tookMs} ms`);
    }
    await roundTrip(billing, uid);
    await get(uid);
    // What needs the core and no key from here goes on, and its effect is in force at once.
    await billing.request(Operation.Revoke, { uniqueIdentifier: uid, revocationReason });
    await refused(ResultReason.GeneralFailure, /key store/, () => roundTrip(billing, uid));
    await redis.start();
    await until('the store is back', () => world.gateway.status().store.up);
    await roundTrip(billing, await create(billing));
    await roundTrip(billing, other);
    await refused(ResultReason.PermissionDenied, /./, () => roundTrip(billing, uid));
  });
});

describe('with its keys in memory alone', () => {
  it('says so, and loses no key that the core has been told of', async () => {
    const position = world.log.length;
    await restartWith({ store: { kind: 'memory' } });
    assert.ok(world.log.slice(position).some(({ reason }) => reason === 'STORE_NOT_DURABLE'));
    assert.deepEqual(world.gateway.status().store, { kind: 'memory', durable: false, up: true });
    const uid = await create(billing);
    await announced();
    await restartWith({});
    await roundTrip(billing, uid);
  });
});

describe('past the number of keys that a tenant may have', () => {
  it('its Create is refused with what to do, and nobody else’s', async () => {
    await restartWith({
      limits: { keysPerTenant: 2 },
      store: { path: `${world.gatewayConfig.tls.cert}.sqlite` },
    });
    const held = await metric('okcm_gateway_held_keys');
    await restartWith({ limits: { keysPerTenant: held + 1 } });
    const uid = await create(billing);
    await refused(
      ResultReason.PermissionDenied,
      /destroy keys that are not needed, or have its quota raised/,
      () => create(shipping),
    );
    await roundTrip(billing, uid);
    await roundTrip(rival, await create(rival));
    await billing.request(Operation.Revoke, { uniqueIdentifier: uid, revocationReason });
    await billing.request(Operation.Destroy, { uniqueIdentifier: uid });
    await create(shipping);
  });
});
