/** Changes of the region (D7): in order, without gaps, and whatever comes twice or late changes nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseKeyFingerprint } from '../../../contracts/index.ts';
import { standingClocks } from '../../../testkit/clocks.ts';
import { until } from '../../../testkit/until.ts';
import { KeyFormatType, WrappingMethod } from '../../kmip/index.ts';
import { MeshOperation, type NumberedPush, type Push, type SyncResponse } from '../../mesh/index.ts';
import { anIdentity, anObject, FakeCore, freshStore, SERVICE, silent, TENANT } from '../fixture.test.ts';
import { Identities } from '../identities.ts';
import { MAX_GAP_MS } from '../limits.ts';
import type { Store } from '../store/store.ts';
import { Tenants } from '../tenants.ts';
import { CoreLink } from './core-link.ts';
import { PushApplier } from './push-applier.ts';
import { PushFeed } from './push-feed.ts';
import type { SubscriptionHandlers } from './subscription.ts';

function setUp(store: Store = freshStore()) {
  const tenants = new Tenants(store.registry);
  const identities = new Identities(store.registry);
  const effects: string[] = [];
  const applier = new PushApplier({
    store,
    tenants,
    identities,
    logger: silent,
    effects: {
      tenantClosed: (tenant) => effects.push(`closed ${tenant}`),
      serviceFlushed: (tenant, service, version) => effects.push(`flushed ${tenant}/${service} ${version}`),
      serviceRotated: (tenant, service, version) =>
        effects.push(`rotated ${tenant}/${service} ${version} at ${applier.appliedHead}`),
      objectChanged: (uid) => effects.push(`changed ${uid}`),
      identityRemoved: (fingerprint) => effects.push(`removed ${fingerprint.slice(0, 1)}`),
      issuersChanged: () => effects.push('issuers'),
    },
  });
  return { store, tenants, identities, applier, effects };
}

const numbered = (pushes: readonly Push[], first = 1): NumberedPush[] =>
  pushes.map((push, index) => ({ number: first + index, push }));

describe('applying pushes', () => {
  it('moves the head with the change, in one transaction', () => {
    const { applier, store, identities } = setUp();
    const identity = anIdentity('a');
    assert.equal(applier.applyInOrder(numbered([{ kind: 'identity.put', identity }])), true);
    assert.equal(applier.appliedHead, 1);
    assert.equal(store.appliedHead, 1);
    assert.deepEqual(identities.get(identity.fingerprint), identity);
  });

  it('with a gap applies at once what takes away, and nothing else', () => {
    const { applier, identities, tenants, effects } = setUp();
    applier.applyInOrder(numbered([{ kind: 'identity.put', identity: anIdentity('a') }]));
    const inOrder = applier.applyInOrder(
      numbered(
        [
          { kind: 'identity.put', identity: anIdentity('b') },
          { kind: 'identity.remove', fingerprint: parseKeyFingerprint('a'.repeat(64)) },
          { kind: 'tenant.closed', tenant: TENANT, epoch: 1 },
        ],
        3,
      ),
    );
    assert.equal(inOrder, false);
    assert.equal(applier.appliedHead, 1);
    assert.equal(identities.size, 0);
    assert.ok(tenants.isClosed(TENANT));
    assert.deepEqual(effects, ['removed a', `closed ${TENANT}`]);
  });

  it('beside an answer never moves the head, so that the feed still brings what has that number', () => {
    const { applier, store } = setUp();
    const object = anObject({ revision: 2 });
    applier.applyEffects([{ number: 1, push: { kind: 'object.put', object } }]);
    assert.equal(applier.appliedHead, 0);
    assert.equal(store.objects.get(TENANT, object.uid)?.object.revision, 2);
    applier.applyInOrder(numbered([{ kind: 'tenant.closed', tenant: TENANT, epoch: 1 }]));
    assert.equal(applier.appliedHead, 1);
  });

  it('without a number, beside an answer, go by revision and never move the head', () => {
    const { applier, store } = setUp();
    const object = anObject({ revision: 3 });
    applier.applyEffects([{ number: 0, push: { kind: 'object.put', object } }]);
    applier.applyEffects([
      { number: 0, push: { kind: 'object.put', object: { ...object, usageMask: 0, revision: 2 } } },
    ]);
    assert.equal(store.objects.get(TENANT, object.uid)?.object.revision, 3);
    assert.equal(applier.appliedHead, 0);
    assert.equal(store.appliedHead, 0);
    applier.applyInOrder(numbered([{ kind: 'object.destroyed', tenant: TENANT, uid: object.uid }]));
    assert.equal(applier.appliedHead, 1);
    applier.applyEffects([{ number: 0, push: { kind: 'object.put', object: { ...object, revision: 9 } } }]);
    assert.equal(store.objects.get(TENANT, object.uid), undefined, 'a late one brings nothing back');
  });

  it('an epoch that was closed stays closed, in whatever order and however often its pushes come', () => {
    const push = fc.record({
      kind: fc.constantFrom('tenant.closed' as const, 'tenant.opened' as const),
      tenant: fc.constant(TENANT),
      epoch: fc.integer({ min: 1, max: 4 }),
    });
    const { applier, tenants, store } = setUp();
    fc.assert(
      fc.property(fc.array(push, { maxLength: 12 }), (pushes) => {
        store.registry.clear();
        tenants.reload();
        applier.applyEffects(numbered(pushes));
        const closed = Math.max(
          0,
          ...pushes.filter(({ kind }) => kind === 'tenant.closed').map(({ epoch }) => epoch),
        );
        const opened = Math.max(
          0,
          ...pushes.filter(({ kind }) => kind === 'tenant.opened').map(({ epoch }) => epoch),
        );
        assert.equal(tenants.isClosed(TENANT), closed > 0 && closed >= opened);
        tenants.reload();
        assert.equal(tenants.isClosed(TENANT), closed > 0 && closed >= opened, 'and so after a restart');
      }),
      { numRuns: 100 },
    );
  });

  it('tell of rotations once the head has moved, in order only, and of flushes at once', () => {
    const { applier, effects } = setUp();
    const flush = { kind: 'service.flush', tenant: TENANT, service: SERVICE, version: 4 } as const;
    const rotated = { kind: 'service.rotated', tenant: TENANT, service: SERVICE, version: 5 } as const;
    assert.equal(applier.applyInOrder(numbered([rotated, flush], 2)), false);
    assert.deepEqual(effects, [`flushed ${TENANT}/${SERVICE} 4`]);
    assert.equal(applier.applyInOrder(numbered([flush, rotated])), true);
    assert.deepEqual(effects.slice(1), [
      `flushed ${TENANT}/${SERVICE} 4`,
      `rotated ${TENANT}/${SERVICE} 5 at 2`,
    ]);
  });

  it('holds plain keys only, and forgets what is destroyed for ever', () => {
    const { applier, store } = setUp();
    const key = anObject();
    const secret = { ...anObject(), objectType: 7 };
    const opaque = { ...anObject(), keyFormatType: KeyFormatType.Opaque };
    const wrapped = { ...anObject(), keyWrappingData: { wrappingMethod: WrappingMethod.Encrypt } };
    applier.applyInOrder(
      numbered([
        { kind: 'object.put', object: key },
        { kind: 'object.put', object: secret },
        { kind: 'object.put', object: opaque },
        { kind: 'object.put', object: wrapped },
        { kind: 'object.destroyed', tenant: TENANT, uid: key.uid },
        { kind: 'object.put', object: { ...key, revision: 9 } },
        { kind: 'service.flush', tenant: TENANT, service: SERVICE },
      ]),
    );
    assert.equal(store.objects.get(TENANT, key.uid), undefined);
    for (const { uid } of [secret, opaque, wrapped]) assert.equal(store.objects.get(TENANT, uid), undefined);
  });
});

function feedWith(core: FakeCore) {
  const parts = setUp();
  const link = new CoreLink({ open: core.open, logger: silent });
  const subscribed: { after: number; handlers: SubscriptionHandlers }[] = [];
  const feed = new PushFeed({
    link,
    applier: parts.applier,
    logger: silent,
    subscribe: (after, handlers) => {
      subscribed.push({ after, handlers });
      return { close: () => undefined };
    },
  });
  const listening = () => until('the feed listens', () => subscribed.length > 0);
  return { ...parts, link, feed, subscribed, listening };
}

const page = (pushes: readonly NumberedPush[], rest: Partial<SyncResponse> = {}): SyncResponse => ({
  head: pushes.at(-1)?.number ?? 0,
  pushes,
  snapshot: false,
  more: false,
  ...rest,
});

describe('the feed', () => {
  it('fetches what was missed page by page, then listens from there', async () => {
    const core = new FakeCore();
    const all = numbered(
      ['a', 'b', 'c'].map((digit) => ({ kind: 'identity.put', identity: anIdentity(digit) })),
    );
    core.answers[MeshOperation.Sync] = ({ after }) => {
      const [next] = all.filter(({ number }) => number > after);
      return page(next === undefined ? [] : [next], { head: 3, more: next !== undefined && next.number < 3 });
    };
    const { link, applier, identities, subscribed, listening } = feedWith(core);
    link.markUp();
    await listening();
    assert.equal(applier.appliedHead, 3);
    assert.equal(identities.size, 3);
    assert.deepEqual(
      subscribed.map(({ after }) => after),
      [3],
    );
  });

  it('takes a snapshot as the whole truth, once its last page is there', async () => {
    const core = new FakeCore();
    const { link, applier, identities, tenants, effects, feed } = feedWith(core);
    applier.applyInOrder(
      numbered([
        { kind: 'identity.put', identity: anIdentity('a') },
        { kind: 'identity.put', identity: anIdentity('b') },
        { kind: 'tenant.closed', tenant: TENANT, epoch: 1 },
      ]),
    );
    const put = (digit: string, number: number): NumberedPush => ({
      number,
      push: { kind: 'identity.put', identity: anIdentity(digit) },
    });
    let pages = 0;
    core.answers[MeshOperation.Sync] = () => {
      pages += 1;
      if (pages === 1) return page([put('c', 90)], { snapshot: true, more: true, head: 100 });
      assert.equal(identities.size, 3, 'nobody is forgotten before the end');
      return page([put('b', 100)], { snapshot: true, head: 100 });
    };
    link.markUp();
    await feed.sync();
    assert.equal(applier.appliedHead, 100);
    assert.deepEqual(
      [...'abc'].map((digit) => identities.get(digit.repeat(64)) !== undefined),
      [false, true, true],
    );
    assert.equal(tenants.isClosed(TENANT), false);
    assert.ok(effects.includes('removed a'));
  });

  it('stops the serving of leased keys when a gap does not close, and resumes after a sync', async (t) => {
    const clocks = standingClocks(t);
    const core = new FakeCore();
    core.answers[MeshOperation.Sync] = () => page([]);
    const { link, feed, listening } = feedWith(core);
    link.markUp();
    await listening();
    let broken = true;
    core.answers[MeshOperation.Sync] = ({ after }) => {
      if (broken) throw new Error('not now');
      return page(numbered([{ kind: 'service.flush', tenant: TENANT, service: SERVICE }], after + 1), {
        head: 1,
      });
    };
    feed.observeHead(1);
    assert.equal(feed.isCurrent, true, 'the push is probably on its way');
    clocks.advance(MAX_GAP_MS + 1);
    assert.equal(feed.isCurrent, false);
    broken = false;
    await feed.sync();
    assert.equal(feed.isCurrent, true);
  });

  it('is current where changes come all the time, as long as each comes in time', async (t) => {
    const clocks = standingClocks(t);
    const core = new FakeCore();
    core.answers[MeshOperation.Sync] = () => page([]);
    const { link, feed, subscribed, listening } = feedWith(core);
    link.markUp();
    await listening();
    core.answers[MeshOperation.Sync] = () => {
      throw new Error('not now');
    };
    const push = { kind: 'service.rotated', tenant: TENANT, service: SERVICE } as const;
    // The core is always two ahead of us: we never reach the head that we know of.
    for (let head = 3; head < 70; head++) {
      feed.observeHead(head);
      subscribed[0]?.handlers.onPushes([{ number: head - 2, push }]);
      clocks.advance(MAX_GAP_MS / 4);
      assert.equal(feed.isCurrent, true);
    }
    clocks.advance(MAX_GAP_MS);
    assert.equal(feed.isCurrent, false, 'the last two did not come');
  });

  it('closes a gap by itself', async () => {
    const core = new FakeCore();
    core.answers[MeshOperation.Sync] = () => page([]);
    const { link, feed, applier, subscribed, listening } = feedWith(core);
    link.markUp();
    await listening();
    core.answers[MeshOperation.Sync] = () =>
      page(
        numbered([
          { kind: 'identity.put', identity: anIdentity('a') },
          { kind: 'service.flush', tenant: TENANT, service: SERVICE },
        ]),
      );
    subscribed[0]?.handlers.onPushes([
      {
        number: 2,
        push: { kind: 'service.flush', tenant: TENANT, service: SERVICE },
      },
    ]);
    await until('the gap is closed', () => applier.appliedHead === 2);
    assert.equal(feed.isCurrent, true);
  });
});
