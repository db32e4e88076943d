/**
 * Two cores and two gateways in one region (D6, D7): a key made at one gateway is used at the other, whoever changes it
 * sees the change at once, and everybody else within a second, through whichever core it came.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  attribute,
  BatchErrorContinuationOption,
  call,
  type KmipClient,
  KmipClientError,
  KmipError,
  Operation,
  ResultReason,
  RevocationReasonCode,
} from '../execution/kmip/index.ts';
import { keyFingerprint } from '../platform/tls-identity.ts';
import { create, depopulate, type Populated, populate, refused, roundTrip } from './support/applications.ts';
import { type OtherGateway, type RegionWorld, until } from './support/region.ts';

/** Every other gateway of the region has a change by then (D7). */
const ELSEWHERE_MS = 1_000;

let populated: Populated | undefined;
let world: RegionWorld;
let west: OtherGateway;
/** The same application, at the gateway of the first core and at that of the second. */
let here: KmipClient;
let there: KmipClient;

before(async () => {
  populated = await populate();
  ({ world, billing: here } = populated);
  west = await world.anotherGateway('gateway-2', await world.anotherCore('core-2'));
  await world.caughtUp(west.gateway);
  there = world.client(world.certificate('billing'), { port: west.gateway.port });
  // Both hold a lease, so that what is measured is not how long the first one takes.
  for (const client of [here, there]) await roundTrip(client, await create(client));
});
after(async () => {
  there?.close();
  await depopulate(populated);
});

async function use(client: KmipClient, uniqueIdentifier: string): Promise<'used' | 'refused'> {
  try {
    await client.request(Operation.Encrypt, { uniqueIdentifier, data: Buffer.from('x') });
    return 'used';
  } catch (error) {
    if (error instanceof KmipError && error.resultReason === ResultReason.PermissionDenied) return 'refused';
    throw error;
  }
}

/** Whether Get is refused for this reason. */
async function isRefused(client: KmipClient, uniqueIdentifier: string, reason: number): Promise<boolean> {
  return client.request(Operation.Get, { uniqueIdentifier }).then(
    () => false,
    (error: unknown) => error instanceof KmipError && error.resultReason === reason,
  );
}

const isKept = (client: KmipClient, uid: string) => isRefused(client, uid, ResultReason.NotExtractable);

async function soon(what: string, look: () => Promise<boolean>): Promise<void> {
  const tookMs = await until(what, look);
  assert.ok(tookMs < ELSEWHERE_MS, `${what}: ${tookMs.toFixed(0)} ms`);
}

const revocationReason = { revocationReasonCode: RevocationReasonCode.CessationOfOperation };

describe('a key made at one gateway', () => {
  it('is used at the other a moment later, before it would have been announced, and then without the core', async () => {
    for (const [maker, user, proxy, gateway] of [
      [here, there, west.proxy, west.gateway],
      [there, here, world.proxy, world.gateway],
    ] as const) {
      const uid = await create(maker);
      await roundTrip(user, uid);
      proxy.cut();
      await until('the gateway has noticed', () => gateway.status().core === 'unreachable');
      await roundTrip(user, uid);
      proxy.resume();
      await until('the core is back', () => gateway.status().core === 'connected');
    }
  });

  it('is used at the other in an Undo batch as well', async () => {
    const uid = await create(here);
    const state = call(Operation.GetAttributes, { uniqueIdentifier: uid, attributeName: ['State'] });
    const header = { batchErrorContinuationOption: BatchErrorContinuationOption.Undo };
    const answers = await there.batch([state, state], { header });
    for (const answer of answers) assert.ok(answer.ok);
  });

  it('that cannot tell of it is perhaps there: refused as something to try again, and used once it has told', async () => {
    world.proxy.cut();
    await until('the gateway has noticed', () => world.gateway.status().core === 'unreachable');
    const uid = await create(here);
    await refused(ResultReason.GeneralFailure, /not every gateway .* try again/, () =>
      there.request(Operation.Get, { uniqueIdentifier: uid }),
    );
    world.proxy.resume();
    await until('the core is back', () => world.gateway.status().core === 'connected');
    await until('it can be used', () =>
      roundTrip(there, uid).then(
        () => true,
        () => false,
      ),
    );
  });

  it('nobody made is not found, which every gateway has been asked for', async () => {
    const tookMs = await refused(ResultReason.ItemNotFound, /no object has/, () =>
      there.request(Operation.Get, { uniqueIdentifier: '11111111-2222-4333-8444-555555555555' }),
    );
    assert.ok(tookMs < ELSEWHERE_MS, `${tookMs} ms`);
  });
});

describe('a change', () => {
  for (const [name, clients] of [
    ['the first', () => [here, there] as const],
    ['the second', () => [there, here] as const],
  ] as const) {
    it(`by way of ${name} gateway is seen there with its answer, and at the other within a second`, async () => {
      const [own, other] = clients();
      const uid = await create(own, { active: false });
      assert.equal(await use(own, uid), 'refused');
      assert.equal(await use(other, uid), 'refused');

      await own.request(Operation.Activate, { uniqueIdentifier: uid });
      assert.equal(await use(own, uid), 'used');
      await soon('it is activated', async () => (await use(other, uid)) === 'used');

      await own.request(Operation.ModifyAttribute, {
        uniqueIdentifier: uid,
        attribute: attribute('Extractable', false),
      });
      assert.ok(await isKept(own, uid));
      await soon('it is not extractable', () => isKept(other, uid));

      await own.request(Operation.Revoke, { uniqueIdentifier: uid, revocationReason });
      assert.equal(await use(own, uid), 'refused');
      await soon('it is revoked', async () => (await use(other, uid)) === 'refused');

      await own.request(Operation.Destroy, { uniqueIdentifier: uid });
      const isGone = (client: KmipClient) => isRefused(client, uid, ResultReason.IllegalOperation);
      assert.ok(await isGone(own));
      await soon('it is destroyed', () => isGone(other));
    });
  }

  it('of who is registered, and of a link, reaches both gateways within a second, whichever core takes the job', async () => {
    // Jobs go to either core: several of them, so that both have theirs.
    for (let turn = 0; turn < 4; turn++) {
      const certificate = await world.application(`leaver-${turn}`, 'acme', ['orders']);
      await world.caughtUp(west.gateway);
      const leavers = [world.client(certificate), world.client(certificate, { port: west.gateway.port })];
      for (const leaver of leavers) await leaver.request(Operation.Query, { queryFunction: [1] });
      await world.job('IDENTITY_REMOVE', {
        fingerprint: keyFingerprint(certificate.certificatePem),
        reason: 'left',
      });
      for (const leaver of leavers) {
        await soon('the connection is refused', () =>
          leaver.request(Operation.Query, { queryFunction: [1] }).then(
            () => false,
            (error: unknown) => error instanceof KmipClientError,
          ),
        );
        leaver.close();
      }
    }
    const uid = await create(here);
    await roundTrip(there, uid);
    await world.job('UNLINK', { tenant: 'acme', epoch: 1, reason: 'the customer wishes it' });
    for (const client of [here, there])
      await soon('nothing is served', async () => (await use(client, uid)) === 'refused');
  });
});
