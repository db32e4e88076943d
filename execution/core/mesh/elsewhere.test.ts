/** Keys that no core knows yet (D6): who is asked for them, what is waited for, and what a client is told meanwhile. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { standingClocks } from '../../../testkit/clocks.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import { KmipError, Operation, ResultReason } from '../../kmip/index.ts';
import { type Caller, MeshOperation, UNNUMBERED } from '../../mesh/index.ts';
import type { GatewayClient } from '../testing/gateway-client.ts';
import { headOf, madeByGateway, populate } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';

/** Time enough for a question to come. */
const NOTHING_MS = 100;

let region: TestRegion;
let app: Caller;
/** The one that clients ask, and the one that has made a key. */
let asking: GatewayClient;
let making: GatewayClient;
let subscription: GatewayClient;

before(async () => {
  region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('elsewhere'));
  await region.start();
  const populated = await populate(region);
  app = populated.app;
  asking = region.connect(populated.gatewayIdentity);
  await beat(asking);
});
after(() => region.stop());

function beat(gateway: GatewayClient) {
  return gateway.ask(MeshOperation.Heartbeat, { appliedHead: 0, backlog: 0, leases: [], audit: [] });
}

function get(uid: string) {
  return asking.run(app, Operation.Get, { uniqueIdentifier: uid });
}

const isKmip = (reason: number) => (error: unknown) =>
  error instanceof KmipError && error.resultReason === reason;

async function askedFor(): Promise<number> {
  const { number, push } = await subscription.nextPush();
  assert.equal(number, UNNUMBERED);
  assert.equal(push.kind, 'announce.asked');
  return push.kind === 'announce.asked' ? push.asked : 0;
}

describe('an identifier that no core knows', () => {
  it('is nobody’s where there is no other gateway', async () => {
    await assert.rejects(get(randomUUID()), isKmip(ResultReason.ItemNotFound));
  });

  it('is looked for again when the other gateway has announced what it had, over whichever core', async (t) => {
    const other = await region.startAnother('core-2');
    const identity = await region.gateway('gateway-2');
    making = region.connect(identity, other.port);
    await beat(making);
    subscription = region.connect(identity, other.port);
    await subscription.subscribe(await headOf(making));

    const object = await madeByGateway(region, making, randomUUID());
    standingClocks(t); // so that the wait for the answer does not run out
    const answer = get(object.uid);
    const answers = await askedFor();
    await making.ask(MeshOperation.Announce, { objects: [object], answers });
    assert.equal((await answer).uniqueIdentifier, object.uid);
  });

  it('is nobody’s when the other gateway has none to announce', async (t) => {
    standingClocks(t);
    await beat(making); // one that has been silent for seconds is not waited for
    const answer = assert.rejects(get(randomUUID()), isKmip(ResultReason.ItemNotFound));
    await making.ask(MeshOperation.Announce, { objects: [], answers: await askedFor() });
    await answer;
  });

  it('is perhaps the other’s when that does not answer, whatever it has answered before', async () => {
    const answer = assert.rejects(get(randomUUID()), (error) => {
      assert.ok(isKmip(ResultReason.GeneralFailure)(error));
      assert.match(String(error), /try again/);
      return true;
    });
    await making.ask(MeshOperation.Announce, { objects: [], answers: (await askedFor()) - 1 });
    await answer;
  });

  it('that no gateway makes is not asked for', async () => {
    await assert.rejects(get('not-there'), isKmip(ResultReason.ItemNotFound));
    await assert.rejects(subscription.nextPush(true, NOTHING_MS), /did not answer/);
  });

  it('needs no question where the region gives every gateway the keys of the others', async () => {
    region.config.gateways = { shareKeys: true };
    const sharing = await region.startAnother('core-3');
    const identity = await region.gateway('gateway-3');
    const third = region.connect(identity, sharing.port);
    const object = await madeByGateway(region, third, randomUUID());
    await third.ask(MeshOperation.Announce, { objects: [object] });
    let next = await subscription.nextPush();
    while (next.push.kind !== 'object.put') next = await subscription.nextPush();
    const { number, push } = next;
    assert.ok(number > UNNUMBERED);
    assert.deepEqual(push, { kind: 'object.put', object });
    // What was announced before is news to nobody.
    await third.ask(MeshOperation.Announce, { objects: [object] });
    assert.equal(await headOf(third), number);
  });

  it('is nobody’s when the other gateways have lost their registration', async () => {
    const others = await region.core.db
      .selectFrom('core.identities')
      .select('fingerprint')
      .where('name', 'in', ['gateway-2', 'gateway-3'])
      .execute();
    for (const { fingerprint } of others)
      await region.job('IDENTITY_REMOVE', { fingerprint, reason: 'retired' });
    await assert.rejects(get(randomUUID()), isKmip(ResultReason.ItemNotFound));
  });
});
