/**
 * A gateway whose core is away: what goes on, what is refused at once, and that nothing which was acknowledged is lost
 * (split record §1–§3, D7, D8).
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  attribute,
  type KmipClient,
  NameType,
  Operation,
  QueryFunction,
  ResultReason,
  State,
} from '../execution/kmip/index.ts';
import { distributionOf } from '../testkit/measure/distribution.ts';
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

/** "At once" for a request whose answer needs no core that is away. */
const AT_ONCE_MS = 50;

let populated: Populated | undefined;
let world: RegionWorld;
let billing: KmipClient;
let shipping: KmipClient;

before(async () => {
  populated = await populate();
  ({ world, billing, shipping } = populated);
});
after(() => depopulate(populated));

/** The median of some: the machine may be busy with something else for a moment, but not each time. */
async function refusedAtOnce(message: RegExp, attempt: () => Promise<unknown>): Promise<void> {
  const took: number[] = [];
  for (let i = 0; i < 5; i++) took.push(await refused(ResultReason.GeneralFailure, message, attempt));
  const { p50 } = distributionOf(took);
  assert.ok(p50 < AT_ONCE_MS, `${p50} ms`);
}

describe('with the core away', () => {
  let uid: string;
  before(async () => {
    uid = await create(billing);
    await create(shipping);
    world.proxy.cut();
    await until('the gateway has noticed', () => world.gateway.status().core === 'unreachable');
  });
  after(async () => {
    world.proxy.resume();
    await until('the core is back', () => world.gateway.status().core === 'connected');
  });

  it('Create, Get, Encrypt, Decrypt, Query and Discover Versions go on', async () => {
    await roundTrip(billing, uid);
    const made = await create(billing, { name: 'made-alone' });
    await roundTrip(billing, made);
    await billing.request(Operation.Get, { uniqueIdentifier: made });
    await roundTrip(billing, made);
    const { data } = await billing.request(Operation.Encrypt, {
      uniqueIdentifier: 'l3:orders',
      data: Buffer.from('x'),
    });
    await billing.request(Operation.Decrypt, { uniqueIdentifier: 'l3:orders', data });
    assert.ok(
      (await billing.request(Operation.Query, { queryFunction: [QueryFunction.QueryOperations] })).operation,
    );
    assert.ok((await billing.request(Operation.DiscoverVersions, {})).protocolVersion);
    assert.ok(world.gateway.status().backlog >= 1);
  });

  it('everything else is refused at once, as something to try again and never as absent', async () => {
    const attempts = [
      () => billing.request(Operation.ReKey, { uniqueIdentifier: uid }),
      () => billing.request(Operation.Destroy, { uniqueIdentifier: uid }),
      () => billing.request(Operation.Locate, {}),
      () => billing.request(Operation.Get, { uniqueIdentifier: 'held-by-another-gateway' }),
    ];
    for (const attempt of attempts) await refusedAtOnce(/core cannot be reached; try again/, attempt);
  });

  it('a restart loses nothing that was acknowledged, and refuses what it has no service key for', async () => {
    await world.stopGateway();
    await world.restartGateway();
    await refused(ResultReason.GeneralFailure, /core cannot be reached/, () =>
      billing.request(Operation.Encrypt, { uniqueIdentifier: uid, data: Buffer.from('x') }),
    );
  });

  it('what was made alone is announced when the core is back', async () => {
    world.proxy.resume();
    await until('the core is back', () => world.gateway.status().core === 'connected');
    await until('the backlog is empty', () => world.gateway.status().backlog === 0);
    const { uniqueIdentifier = [] } = await billing.request(Operation.Locate, {
      attribute: [attribute('Name', { nameValue: 'made-alone', nameType: NameType.UninterpretedTextString })],
    });
    assert.equal(uniqueIdentifier.length, 1);
    await roundTrip(billing, uniqueIdentifier[0] ?? '');
  });

  it('a core process that stops and starts again is found again', async () => {
    await world.stopCore();
    await until('the gateway has noticed', () => world.gateway.status().core === 'unreachable');
    const made = await create(billing);
    await world.startCore();
    await until('the core is back', () => world.gateway.status().core === 'connected', 15_000);
    assert.equal(await stateOf(billing, made), State.Active);
  });

  it('a line that swallows everything is a core that is away', async () => {
    world.proxy.swallow();
    await until('the gateway has noticed', () => world.gateway.status().core === 'unreachable', 6_000);
    await roundTrip(billing, await create(billing));
    await refusedAtOnce(/try again/, () => billing.request(Operation.Activate, { uniqueIdentifier: uid }));
  });
});

describe('past the backlog limit', () => {
  it('only Create is refused, and it goes on when the core has taken the keys', async () => {
    await world.stopGateway();
    await world.restartGateway({ limits: { backlog: 2 } });
    const uid = await create(billing);
    await until('the core knows it', () => world.gateway.status().backlog === 0);
    world.proxy.cut();
    await until('the gateway has noticed', () => world.gateway.status().core === 'unreachable');
    await create(billing);
    await create(billing);
    await refused(ResultReason.GeneralFailure, /too many new keys/, () => create(billing));
    await roundTrip(billing, uid);
    world.proxy.resume();
    await until('the core has taken them', () => world.gateway.status().backlog === 0);
    await create(billing);
  });
});
