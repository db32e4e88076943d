/** Lanes between gateway and core (D8): nobody's slow requests delay those of another tenant, nor anything that is local. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { type KmipClient, KmipError, Operation, RevocationReasonCode } from '../execution/kmip/index.ts';
import { withClient } from '../platform/postgres-admin.ts';
import { create, depopulate, type Populated, populate, roundTrip } from './support/applications.ts';
import { type RegionWorld, until } from './support/region.ts';

/** Far less than a slow request takes here, and far more than a quick one. */
const QUICK_MS = 1_000;
/** More than there are connections to the core. */
const SLOW_REQUESTS = 40;

let populated: Populated | undefined;
let world: RegionWorld;
let billing: KmipClient;
let rival: KmipClient;

before(async () => {
  populated = await populate();
  ({ world, billing, rival } = populated);
});
after(() => depopulate(populated));

it('a tenant whose requests are stuck at the core is the only one that waits', async () => {
  const uid = await create(billing);
  await roundTrip(billing, uid);
  const revocationReason = { revocationReasonCode: RevocationReasonCode.CessationOfOperation };
  // On a connection of its own: on one with slow requests answers keep their order.
  const beside = world.client(world.certificate('billing'));
  await roundTrip(beside, uid);
  await withClient({ url: world.coreConfig.database.url }, async (holder) => {
    await billing.request(Operation.Locate, {});
    // Whoever changes the object waits for this transaction.
    await holder.query('begin');
    await holder.query('select from core.objects where uid = $1 for update', [uid]);
    let answered = 0;
    const slow = Array.from({ length: SLOW_REQUESTS }, () =>
      billing
        .request(Operation.Revoke, { uniqueIdentifier: uid, revocationReason })
        .catch((error: unknown) => {
          if (!(error instanceof KmipError)) throw error;
        })
        .finally(() => {
          answered += 1;
        }),
    );
    await until('they stand at the core', async () => {
      const { rows } = await holder.query<{ waiting: number }>(
        "select count(*)::int as waiting from pg_stat_activity where wait_event_type = 'Lock'",
      );
      return (rows[0]?.waiting ?? 0) > 0;
    });
    for (const work of [
      () => rival.request(Operation.Locate, {}),
      () => rival.request(Operation.Get, { uniqueIdentifier: 'not-there' }).catch(() => undefined),
      () => create(rival),
      () => roundTrip(beside, uid),
    ]) {
      const startedAt = performance.now();
      await work();
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs < QUICK_MS, `${work}: ${tookMs.toFixed(0)} ms`);
    }
    assert.equal(answered, 0);
    await holder.query('rollback');
    await Promise.all(slow);
    assert.equal(answered, SLOW_REQUESTS);
  });
  beside.close();
});
