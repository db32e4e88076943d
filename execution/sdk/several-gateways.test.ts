/** A client of several gateways over real TLS: whom it asks, and what it does while one is silent, busy or gone. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitedMs } from '../../testkit/clocks.ts';
import { KmipError, Operation } from '../kmip/index.ts';
import { failure, startWorld, type TestServer, type World } from './fixture.test.ts';
import { type ClientEvent, connect, type OpenKcmError, settle } from './index.ts';
import { HOT_SLOW_MS } from './limits.ts';

const { Create, Encrypt, Locate, Destroy } = Operation;

let world: World;
let a: TestServer;
let b: TestServer;

before(async () => {
  world = await startWorld();
  a = await world.server();
  b = await world.server();
});
after(() => world.close());
beforeEach(() => world.afresh());

describe('several gateways', () => {
  it('share the work where there is no home, and then still get what is about a key where it was made', async () => {
    const kms = await world.open([a, b], { home: 'any' });
    await Promise.all(Array.from({ length: 40 }, () => kms.create()));
    assert.ok(a.count(Create) > 5 && b.count(Create) > 5, `${a.count(Create)} and ${b.count(Create)}`);
    for (let i = 0; i < 10; i++) {
      const created = a.count(Create);
      const uid = await kms.create();
      const maker = a.count(Create) > created ? a : b;
      const destroyed = maker.count(Destroy);
      await kms.destroy(uid);
      assert.equal(maker.count(Destroy), destroyed + 1);
    }
  });

  it('leave a client at its home, unless that fails', async () => {
    for (const [home, stays, other] of [
      [0, a, b],
      [1, b, a],
    ] as const) {
      const kms = await world.open([a, b], { home });
      other.asked.length = 0;
      await Promise.all(Array.from({ length: 20 }, () => kms.create()));
      await kms.locate();
      assert.deepEqual(other.asked, []);
      assert.equal(stays.count(Locate), 1);
    }
    await failure(connect(world.options([a, b], { home: 2 })), 'INVALID_OPTION');
  });

  it('when one is killed nothing fails that may be repeated, and it is asked again once it is back', async () => {
    const events: ClientEvent[] = [];
    const kms = await world.open([a, b], { onEvent: (event) => events.push(event), home: 0 });
    const uids = await Promise.all(Array.from({ length: 100 }, () => kms.create()));
    await a.stop();
    for (let round = 0; round < 2; round++)
      await Promise.all(uids.map((uid) => kms.encrypt(uid, Buffer.from('x'))));
    assert.ok(events.some(({ type, ...more }) => type === 'gateway-down' && 'lane' in more));
    await a.start();
    while (!events.some((event) => event.type === 'gateway-up' && event.lane === 'hot')) await sleep(5);
    a.asked.length = 0;
    await Promise.all(Array.from({ length: 20 }, () => kms.create()));
    assert.ok(a.count(Create) > 0);
  });

  it('Create goes elsewhere when it has surely not left, and stays undecided when it may have', async () => {
    await a.stop();
    const kms = await world.open([a, b], { home: 0 });
    for (let i = 0; i < 10; i++) await kms.create();
    assert.equal(b.count(Create), 10);
    await a.start();

    const alone = await world.open([a]);
    a.whim = ({ operation }, server) => {
      if (operation === Create) setImmediate(() => server.cut());
      return operation === Create ? 'mute' : undefined;
    };
    const error = await failure(alone.create(), 'CONNECTION_LOST');
    assert.equal(error.outcome, 'unknown');
    assert.equal(error.retry, 'look-first');
    assert.equal(a.count(Create), 1);
  });

  it('a mute one costs one attempt, not the call', async () => {
    const kms = await world.open([a, b], { lanes: { hot: { attemptMs: 1_500 } }, home: 0 });
    const uid = await kms.create();
    await kms.encrypt(uid, Buffer.from('x'));
    a.whim = ({ operation }) => (operation === Encrypt ? 'mute' : undefined);
    for (let i = 0; i < 5; i++) await kms.encrypt(uid, Buffer.from('x'));
    assert.equal(a.count(Encrypt), 2, 'it was asked once in vain');
  });

  it('who made a key is asked again though it was silent once, where nobody else knows the key, or nobody answers', async () => {
    const events: ClientEvent[] = [];
    const onEvent = (event: ClientEvent): void => void events.push(event);
    const lanes = { hot: { attemptMs: 300, deadlineMs: 1_000 } };
    const kms = await world.open([a, b], { lanes, home: 1, onEvent });
    await b.stop();
    const uid = await kms.create();
    await b.start();
    for (const refusal of [KmipError.generalFailure('it may be elsewhere; try again'), 'mute'] as const) {
      while (
        events.filter(({ type }) => type === 'gateway-up').length <
        events.filter(({ type }) => type === 'gateway-down').length
      )
        await sleep(5);
      let isFirst = true;
      a.whim = ({ operation }) => {
        if (operation !== Encrypt || !isFirst) return undefined;
        isFirst = false;
        return 'mute';
      };
      b.whim = ({ operation }) => (operation === Encrypt ? refusal : undefined);
      await kms.encrypt(uid, Buffer.from('x'));
    }
    assert.equal(a.count(Encrypt), 4, 'once in vain each time');
  });

  it('who does not hold a key gets the time to ask for it, though another one made it; and so does its maker, if nobody else is left', async () => {
    const lanes = { hot: { attemptMs: 300 } };
    const late = 900; // three times what memory may take
    for (const others of [[b], []]) {
      const kms = await world.open([a, ...others], { lanes, home: 0 });
      const uid = await kms.create();
      let mute = 1;
      a.whim = ({ operation }) => (operation !== Encrypt ? undefined : mute-- > 0 ? 'mute' : late);
      b.whim = ({ operation }) => (operation === Encrypt ? late : undefined);
      const asked = a.count(Encrypt) + b.count(Encrypt);
      await kms.encrypt(uid, Buffer.from('x'));
      assert.equal(a.count(Encrypt) + b.count(Encrypt), asked + 2, 'once in vain');
    }
  });

  it('what is learnt of a key while requests wait for their places leaves none of them without one', async () => {
    const kms = await world.open([a], { lanes: { hot: { connections: 1, pipeline: 4 } } });
    const uid = await kms.create();
    await kms.encrypt(uid, Buffer.from('x'));
    let isFirst = true;
    a.whim = ({ operation }) => {
      if (operation !== Encrypt || !isFirst) return undefined;
      isFirst = false;
      return HOT_SLOW_MS + 50; // so slow that the key leaves the hot lane
    };
    await Promise.all(Array.from({ length: 100 }, () => kms.encrypt(uid, Buffer.from('x'))));
    assert.equal(kms.metrics.snapshot().retries, 0);
  });

  it('one that has come back is found as the other goes, though it was left alone', async () => {
    const kms = await world.open([a, b], { home: 0 });
    await a.stop();
    // So long that the next probe is some seconds away.
    for (let i = 0; i < 4; i++) await kms.locate();
    await sleep(1_500);
    await a.start();
    await b.stop();
    for (let i = 0; i < 4; i++) await kms.locate();
    assert.equal(a.count(Locate), 4);
    await b.start();
  });

  it('what has not left is tried as long as there is time, not only so often', async () => {
    const kms = await world.open([a, b], { attempts: 2 });
    const uid = await kms.create();
    await kms.encrypt(uid, Buffer.from('x'));
    await a.stop();
    await b.stop();
    const calls = [kms.encrypt(uid, Buffer.from('x')), kms.locate()];
    await sleep(40);
    await a.start();
    await b.start();
    await Promise.all(calls);
    await a.stop();
    await b.stop();
    const never = await world.open([a, b], { attempts: 1 });
    assert.equal((await failure(never.locate(), 'UNREACHABLE')).attempts, 1);
    await a.start();
    await b.start();
  });

  it('when none is there calls fail at once', async () => {
    await a.stop();
    await b.stop();
    const kms = await world.open([a, b]);
    await settle(kms.locate());
    await settle(kms.locate());
    const failures = () =>
      Promise.all(Array.from({ length: 200 }, () => failure(kms.locate(), 'UNREACHABLE')));
    let errors: OpenKcmError[] = [];
    const tookMs = await waitedMs(async () => {
      errors = await failures();
    });
    assert.ok(tookMs < 1_000, `${tookMs} ms`);
    assert.equal(errors.length, 200);
    assert.ok(errors.every(({ outcome, retry }) => outcome === 'not-done' && retry === 'safe'));
    await a.start();
    await b.start();
  });

  it('when they are in trouble they get no storm of retries on top', async () => {
    const kms = await world.open([a, b], { home: 'any', lanes: { lifecycle: { queue: 1_000 } } });
    const busy = KmipError.generalFailure('too many requests wait for the regional core; try again');
    a.whim = b.whim = () => busy;
    const outcomes = await Promise.all(Array.from({ length: 500 }, () => settle(kms.locate())));
    assert.ok(outcomes.every(({ ok }) => !ok));
    const asked = a.count(Locate) + b.count(Locate);
    assert.ok(asked <= 500 + 100 + 500 * 0.1, `${asked} requests`);
    assert.equal(asked, 500 + kms.metrics.snapshot().retries);
  });

  it('connect tells at once when none answers', async () => {
    await a.stop();
    await failure(connect(world.options([a], { lazy: false })), 'UNREACHABLE');
    await a.start();
  });
});
