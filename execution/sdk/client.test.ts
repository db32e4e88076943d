/** The client against servers over real TLS: lanes, deadlines, failover, retries, certificates. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitedMs } from '../../testkit/clocks.ts';
import {
  call,
  defineOperation,
  integer,
  KmipError,
  Operation,
  ResultReason,
  required,
  structure,
  Tag,
} from '../kmip/index.ts';
import { startWorld, type TestServer, type World } from './fixture.test.ts';
import {
  type ClientEvent,
  type ConnectOptions,
  connect,
  type OpenKcm,
  OpenKcmError,
  type SdkErrorCode,
  settle,
  type TlsMaterial,
} from './index.ts';
import { HOT_SLOW_MS } from './limits.ts';

const { Create, Get, Encrypt, Locate, Destroy, DiscoverVersions } = Operation;

let world: World;
let a: TestServer;
let b: TestServer;
const clients: OpenKcm[] = [];

before(async () => {
  world = await startWorld();
  a = await world.server();
  b = await world.server();
});
after(() => world.close());
beforeEach(async () => {
  for (const server of [a, b]) {
    await server.start(); // a test that failed may have left it stopped
    server.whim = () => undefined;
    server.asked.length = 0;
    server.headers.length = 0;
    server.turnsAway = false;
  }
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

async function open(servers: readonly TestServer[], more: Partial<ConnectOptions> = {}): Promise<OpenKcm> {
  const client = await connect(world.options(servers, more));
  clients.push(client);
  return client;
}

async function failure(promise: Promise<unknown>, code: SdkErrorCode): Promise<OpenKcmError> {
  const outcome = await settle(promise);
  assert.ok(!outcome.ok, 'it should have failed');
  assert.equal(outcome.error.code, code, outcome.error.message);
  return outcome.error;
}

describe('lanes', () => {
  it('a hot request is answered while lifecycle requests wait, as many as there may be', async () => {
    const kms = await open([a]);
    const uid = await kms.create();
    await kms.encrypt(uid, Buffer.from('x'));
    a.whim = ({ operation }) => (operation === Locate ? 20_000 : undefined);
    const giveUp = new AbortController();
    const slow = Array.from({ length: 200 }, () => settle(kms.locate({}, { signal: giveUp.signal })));
    while (a.count(Locate) < 4) await sleep(1);
    const tookMs: number[] = [];
    for (let i = 0; i < 50; i++) tookMs.push(await waitedMs(() => kms.encrypt(uid, Buffer.from('x'))));
    // Behind one lifecycle request it would be 20 s.
    assert.ok(Math.max(...tookMs) < 1_000, `${Math.max(...tookMs)} ms`);
    assert.equal(a.count(Locate), 4, 'one on each connection of their own');
    assert.equal(kms.metrics.snapshot().lanes['lifecycle']?.waiting, 196);
    giveUp.abort();
    const outcomes = await Promise.all(slow);
    assert.ok(outcomes.every((one) => !one.ok && one.error.code === 'ABORTED'));
  });

  it('a first use waits for no lifecycle request, and makes no hot one wait', async () => {
    const maker = await open([a]);
    const [known, unknown] = [await maker.create(), await maker.create()];
    const kms = await open([a]);
    await kms.encrypt(known, Buffer.from('x')); // known from now on
    let answerFirst: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      answerFirst = resolve;
    });
    a.whim = ({ operation, payload }) =>
      operation === Locate ? 'mute' : JSON.stringify(payload).includes(unknown) ? late : undefined;
    const giveUp = new AbortController();
    const slow = settle(kms.locate({}, { signal: giveUp.signal }));
    const first = kms.encrypt(unknown, Buffer.from('x'));
    await kms.encrypt(known, Buffer.from('x'));
    answerFirst();
    await first;
    giveUp.abort();
    await slow;
  });

  it('a key that is slow in the hot lane leaves it', async () => {
    const kms = await open([a]);
    const uid = await kms.create();
    a.whim = ({ operation }) => (operation === Encrypt ? HOT_SLOW_MS + 50 : undefined);
    await kms.encrypt(uid, Buffer.from('x'));
    const held = Promise.withResolvers<void>();
    a.whim = ({ operation }) => (operation === Encrypt ? held.promise : undefined);
    const slow = kms.encrypt(uid, Buffer.from('x'));
    while (a.count(Encrypt) < 2) await sleep(1);
    const { lanes } = kms.metrics.snapshot();
    assert.equal(lanes['hot']?.gateways[0]?.inFlight, 0);
    assert.equal(lanes['first']?.gateways[0]?.inFlight, 1);
    held.resolve();
    await slow;
  });

  it('queues are bounded: past them OVERLOADED, at once', async () => {
    const lifecycle = { connections: 1, queue: 2 };
    const kms = await open([a], { lanes: { lifecycle } });
    a.whim = ({ operation }) => (operation === Locate ? 20_000 : undefined);
    const giveUp = new AbortController();
    const waiting = Array.from({ length: 3 }, () => settle(kms.locate({}, { signal: giveUp.signal })));
    while (kms.metrics.snapshot().lanes['lifecycle']?.waiting !== 2) await sleep(1);
    const error = await failure(kms.locate(), 'OVERLOADED');
    assert.equal(error.outcome, 'not-done');
    assert.equal(error.retry, 'safe');
    giveUp.abort();
    await Promise.all(waiting);
  });

  it('requests on one connection are pipelined, and answered in order', async () => {
    const hot = { connections: 1, pipeline: 16 };
    const kms = await open([a], { lanes: { hot } });
    const uid = await kms.create();
    const texts = Array.from({ length: 100 }, (_, i) => `text ${i}`);
    const sealed = await Promise.all(texts.map((text) => kms.encrypt(uid, Buffer.from(text))));
    const opened = await Promise.all(sealed.map((one) => kms.decrypt(uid, one)));
    assert.deepEqual(
      opened.map((one) => Buffer.from(one).toString()),
      texts,
    );
    assert.equal(kms.metrics.snapshot().lanes['hot']?.gateways[0]?.connections, 1);
  });
});

describe('deadlines and signals', () => {
  it('a deadline is kept, whatever the server does', async () => {
    const kms = await open([a], { attempts: 1 });
    await kms.locate();
    a.whim = () => 'mute';
    const late = failure(kms.locate({}, { deadlineMs: 250 }), 'DEADLINE');
    assert.ok((await waitedMs(() => late)) < 1_000);
    const error = await late;
    assert.equal(error.outcome, 'unknown');
    assert.equal(error.retry, 'safe');
    const destroyed = failure(kms.destroy('x', { deadlineMs: 500 }), 'DEADLINE');
    assert.equal((await destroyed).retry, 'look-first');
  });

  it('a signal ends the wait at once, on a connection and in the queue', async () => {
    const kms = await open([a], { lanes: { lifecycle: { connections: 1 } } });
    a.whim = () => 'mute';
    const sent = new AbortController();
    const queued = new AbortController();
    const first = kms.locate({}, { signal: sent.signal });
    while (a.count(Locate) === 0) await sleep(1);
    const second = kms.locate({}, { signal: queued.signal });
    queued.abort();
    assert.equal((await failure(second, 'ABORTED')).outcome, 'not-done');
    sent.abort();
    assert.equal((await failure(first, 'ABORTED')).outcome, 'unknown');
    assert.equal(
      (await failure(kms.locate({}, { signal: AbortSignal.abort() }), 'ABORTED')).outcome,
      'not-done',
    );
  });

  it('a request that was given up keeps its connection from nobody', async () => {
    const kms = await open([a], { lanes: { lifecycle: { connections: 1 } } });
    await kms.locate();
    const giveUp = new AbortController();
    a.whim = () => 'mute';
    const given = settle(kms.locate({}, { signal: giveUp.signal }));
    while (a.count(Locate) < 2) await sleep(1);
    giveUp.abort();
    await given;
    a.whim = () => undefined;
    await kms.locate({}, { attempts: 1, deadlineMs: 5_000 });
  });
});

describe('refusals', () => {
  it('are values: reason, whether another try helps, what to do', async () => {
    const kms = await open([a]);
    const error = await failure(kms.get('nothing'), 'REFUSED');
    assert.equal(error.reason, 'ItemNotFound');
    assert.equal(error.resultReason, ResultReason.ItemNotFound);
    assert.equal(error.retry, 'no');
    assert.equal(error.gateway, a.name);
    assert.equal(error.attempts, 1);
    assert.match(error.hint, /unique identifier/);
    assert.match(error.message, /^Get: no object/);
  });

  it('of a passing kind are tried again for what may be repeated, and for nothing else', async () => {
    const kms = await open([a, b]);
    let failures = 2;
    const busy = KmipError.generalFailure('too many requests wait for the regional core; try again');
    const whim = ({ operation }: { operation: number }): KmipError | undefined =>
      operation !== DiscoverVersions && failures-- > 0 ? busy : undefined;
    a.whim = b.whim = whim;
    await kms.locate();
    assert.equal(a.count(Locate) + b.count(Locate), 3);
    failures = 1;
    const error = await failure(kms.create(), 'REFUSED');
    assert.equal(error.outcome, 'unknown');
    assert.equal(error.retry, 'look-first');
    assert.equal(a.count(Create) + b.count(Create), 1);
  });

  it('of one item leave the others of a batch alone', async () => {
    const kms = await open([a]);
    const uid = await kms.create();
    const [one, two, three] = await kms.batch([
      call(Get, { uniqueIdentifier: uid }),
      call(Get, { uniqueIdentifier: 'nothing' }),
      call(Locate, {}),
    ]);
    assert.ok(one.ok && three.ok);
    assert.ok(!two.ok && two.error instanceof OpenKcmError && two.error.reason === 'ItemNotFound');
    await failure(kms.batch([]), 'INVALID_REQUEST');
  });

  it('vendor operations go their way, and what cannot be written is not sent', async () => {
    const vendor = defineOperation({
      operation: 0x80000001,
      request: structure(Tag.RequestPayload, { n: required(0x540001, integer) }),
      response: structure(Tag.ResponsePayload, { n: required(0x540001, integer) }),
    });
    const kms = await open([a]);
    assert.equal((await failure(kms.request(vendor, { n: 1 }), 'REFUSED')).reason, 'OperationNotSupported');
    const old = await open([a], { version: { major: 1, minor: 2 } });
    const aad = old.encrypt('x', Buffer.from('x'), { additionalData: Buffer.from('x') });
    assert.equal((await failure(aad, 'INVALID_REQUEST')).outcome, 'not-done');
  });
});

describe('several gateways', () => {
  it('share the work where there is no home, and then still get what is about a key where it was made', async () => {
    const kms = await open([a, b], { home: 'any' });
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
      const kms = await open([a, b], { home });
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
    const kms = await open([a, b], { onEvent: (event) => events.push(event), home: 0 });
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
    const kms = await open([a, b], { home: 0 });
    for (let i = 0; i < 10; i++) await kms.create();
    assert.equal(b.count(Create), 10);
    await a.start();

    const alone = await open([a]);
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
    const kms = await open([a, b], { lanes: { hot: { attemptMs: 1_500 } }, home: 0 });
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
    const kms = await open([a, b], { lanes, home: 1, onEvent });
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
      const kms = await open([a, ...others], { lanes, home: 0 });
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
    const kms = await open([a], { lanes: { hot: { connections: 1, pipeline: 4 } } });
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
    const kms = await open([a, b], { home: 0 });
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
    const kms = await open([a, b], { attempts: 2 });
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
    const never = await open([a, b], { attempts: 1 });
    assert.equal((await failure(never.locate(), 'UNREACHABLE')).attempts, 1);
    await a.start();
    await b.start();
  });

  it('when none is there calls fail at once', async () => {
    await a.stop();
    await b.stop();
    const kms = await open([a, b]);
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
    const kms = await open([a, b], { home: 'any', lanes: { lifecycle: { queue: 1_000 } } });
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

describe('certificates', () => {
  it('a server that nobody vouches for is not sent anything', async () => {
    const stranger = await startWorld();
    const kms = await connect({ ...world.options([a]), tls: world.options([a]).tls, attempts: 1 });
    clients.push(kms);
    const theirs = await stranger.server();
    const wrong = await connect(world.options([theirs], { attempts: 1 }));
    clients.push(wrong);
    const error = await failure(wrong.create(), 'TLS_FAILED');
    assert.equal(error.outcome, 'not-done');
    assert.match(error.hint, /issuer|self-signed|root/);
    assert.equal(theirs.asked.length, 0);
    await stranger.close();
  });

  it('a gateway that turns the certificate away is told from one that is gone', async () => {
    a.turnsAway = true;
    const kms = await open([a], { attempts: 1 });
    const error = await failure(kms.create(), 'CONNECTION_LOST');
    assert.match(error.hint, /log of the gateway/);
  });

  it('sessions are resumed, by every connection after the first', async () => {
    const kms = await open([a], { lanes: { lifecycle: { connections: 1 } } });
    await kms.locate();
    const resumed = a.resumed;
    for (let i = 0; i < 4; i++) {
      a.cut();
      while (kms.metrics.snapshot().lanes['lifecycle']?.gateways[0]?.connections !== 0) await sleep(1);
      await kms.locate();
    }
    assert.equal(a.resumed - resumed, 4);
    assert.equal(kms.metrics.snapshot().handshakes.resumed, 4);
  });

  it('a renewed certificate is shown by new connections; what is under way is answered; a broken one changes nothing', async () => {
    const { tls: first } = world.options([a]) as { tls: TlsMaterial };
    const renewed = await world.pki.client('application');
    let material: TlsMaterial = first;
    const events: string[] = [];
    const kms = await open([a], { tls: () => material, onEvent: ({ type }) => events.push(type) });
    await kms.create();
    const shown = a.shown.size;
    const held = Promise.withResolvers<void>();
    a.whim = ({ operation }) => (operation === Locate ? held.promise : undefined);
    const underWay = kms.locate();
    while (a.count(Locate) === 0) await sleep(1);

    material = { ...first, cert: renewed.certificatePem };
    await failure(kms.reloadTls(), 'INVALID_OPTION'); // the key belongs to the other one
    assert.equal(await kms.create().then(() => a.shown.size), shown);
    material = { ...first, cert: renewed.certificatePem, key: renewed.privateKeyPem };
    assert.equal(await kms.reloadTls(), true);
    assert.equal(await kms.reloadTls(), false);
    held.resolve();
    await underWay;
    await kms.create();
    assert.equal(a.shown.size, shown + 1);
    assert.deepEqual(events, ['tls-reload-failed', 'tls-reloaded']);
  });
});

describe('the client', () => {
  it('makes keys with an Activation Date that has come, unless told otherwise', async () => {
    const kms = await open([a]);
    const seen: string[] = [];
    a.whim = ({ payload }) =>
      void seen.push(JSON.stringify(payload, (_, value) => (typeof value === 'bigint' ? `${value}` : value)));
    await kms.create();
    await kms.create({ activation: 'never', name: 'later' });
    assert.match(seen[0] ?? '', /Activation Date/);
    assert.doesNotMatch(seen[1] ?? '', /Activation Date/);
  });

  it('gives keys out to be wiped, and shows them nowhere', async () => {
    const kms = await open([a]);
    const uid = await kms.create();
    let held: { isWiped: boolean };
    {
      using got = await kms.get(uid);
      held = got.key;
      assert.equal(got.algorithm, 'AES');
      assert.equal(got.lengthBits, 256);
      assert.deepEqual(
        got.key.use((bytes) => Buffer.from(bytes)),
        a.keys.get(uid),
      );
      assert.equal(`${got.key} ${JSON.stringify(got.key)}`, '[secret] "[secret]"');
    }
    assert.ok(held.isWiped);
  });

  it('counts what calls take, as numbers and for Prometheus', async () => {
    const kms = await open([a]);
    const uid = await kms.create();
    for (let i = 0; i < 10; i++) await kms.encrypt(uid, Buffer.from('x'));
    await settle(kms.get('nothing'));
    const { latency, failures } = kms.metrics.snapshot();
    assert.equal(latency['Encrypt']?.count, 10);
    assert.deepEqual(
      latency['Encrypt']?.buckets.map(({ leMs }) => leMs),
      [0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    );
    assert.ok((latency['Encrypt']?.buckets.at(-1)?.count ?? 0) <= 10);
    assert.deepEqual(failures, { REFUSED: 1 });
    const text = kms.metrics.prometheus();
    assert.match(
      text,
      /^okcm_client_operation_duration_seconds_bucket\{operation="Encrypt",le="0.00025"\} \d+$/m,
    );
    assert.match(text, /^okcm_client_operation_duration_seconds_count\{operation="Encrypt"\} 10$/m);
    assert.match(text, /^okcm_client_failures_total\{code="REFUSED"\} 1$/m);
    assert.match(text, new RegExp(`^okcm_client_gateway_up\\{lane="hot",gateway="${a.name}"\\} 1$`, 'm'));
    for (const line of text.trimEnd().split('\n'))
      assert.match(
        line,
        /^(# (HELP|TYPE) \S+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+)$/,
      );
  });

  it('closes: what waits fails, what comes later too; with a grace what is under way ends first', async () => {
    const kms = await connect(world.options([a]));
    a.whim = ({ operation }) => (operation === Locate ? 30 : undefined);
    const underWay = kms.locate();
    while (a.count(Locate) === 0) await sleep(1);
    await kms.close({ graceMs: 5_000 });
    await underWay;
    await failure(kms.locate(), 'CLOSED');

    const other = await connect(world.options([a]));
    a.whim = () => 'mute';
    const waiting = failure(other.locate(), 'CLOSED');
    while (a.count(Locate) < 2) await sleep(1);
    await other.close();
    await waiting;
  });

  it('refuses options that make no sense, and says which', async () => {
    const options = world.options([a]);
    const wrong: Partial<ConnectOptions>[] = [
      { gateways: [] },
      { gateways: ['a b'] },
      { gateways: ['host:0'] },
      { gateways: ['host:1', { host: 'host', port: 1 }] },
      { lanes: { hot: { connections: 0 } } },
      { tls: { cert: 'x', key: 'y', ca: 'z' } },
      { tls: () => Promise.reject(new Error('no file')) },
    ];
    for (const each of wrong) await failure(connect({ ...options, ...each }), 'INVALID_OPTION');
  });
});
