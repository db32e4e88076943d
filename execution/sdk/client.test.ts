/** The client against servers over real TLS: lanes, deadlines, retries, certificates. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
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
import { failure, startWorld, type TestServer, type World } from './fixture.test.ts';
import { type ConnectOptions, connect, OpenKcmError, settle, type TlsMaterial, tlsFiles } from './index.ts';
import { HOT_SLOW_MS } from './limits.ts';

const { Create, Get, Encrypt, Locate, DiscoverVersions } = Operation;

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

describe('lanes', () => {
  it('a hot request is answered while lifecycle requests wait, as many as there may be', async () => {
    const kms = await world.open([a]);
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
    const maker = await world.open([a]);
    const [known, unknown] = [await maker.create(), await maker.create()];
    const kms = await world.open([a]);
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
    const kms = await world.open([a]);
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
    const kms = await world.open([a], { lanes: { lifecycle } });
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
    const kms = await world.open([a], { lanes: { hot } });
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
    const kms = await world.open([a], { attempts: 1 });
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
    const kms = await world.open([a], { lanes: { lifecycle: { connections: 1 } } });
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
    const kms = await world.open([a], { lanes: { lifecycle: { connections: 1 } } });
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
    const kms = await world.open([a]);
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
    const kms = await world.open([a, b]);
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
    const kms = await world.open([a]);
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
    const kms = await world.open([a]);
    assert.equal((await failure(kms.request(vendor, { n: 1 }), 'REFUSED')).reason, 'OperationNotSupported');
    const old = await world.open([a], { version: { major: 1, minor: 2 } });
    const aad = old.encrypt('x', Buffer.from('x'), { additionalData: Buffer.from('x') });
    assert.equal((await failure(aad, 'INVALID_REQUEST')).outcome, 'not-done');
  });
});

describe('certificates', () => {
  it('a server that nobody vouches for is not sent anything', async () => {
    const stranger = await startWorld();
    const theirs = await stranger.server();
    const wrong = await world.open([theirs], { attempts: 1 });
    const error = await failure(wrong.create(), 'TLS_FAILED');
    assert.equal(error.outcome, 'not-done');
    assert.match(error.hint, /issuer|self-signed|root/);
    assert.equal(theirs.asked.length, 0);
    await stranger.close();
  });

  it('a gateway that turns the certificate away is told from one that is gone', async () => {
    a.turnsAway = true;
    const kms = await world.open([a], { attempts: 1 });
    const error = await failure(kms.create(), 'CONNECTION_LOST');
    assert.match(error.hint, /log of the gateway/);
  });

  it('sessions are resumed, by every connection after the first', async () => {
    const kms = await world.open([a], { lanes: { lifecycle: { connections: 1 } } });
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
    const kms = await world.open([a], { tls: () => material, onEvent: ({ type }) => events.push(type) });
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
    const kms = await world.open([a]);
    const seen: string[] = [];
    a.whim = ({ payload }) =>
      void seen.push(JSON.stringify(payload, (_, value) => (typeof value === 'bigint' ? `${value}` : value)));
    await kms.create();
    await kms.create({ activation: 'never', name: 'later' });
    assert.match(seen[0] ?? '', /Activation Date/);
    assert.doesNotMatch(seen[1] ?? '', /Activation Date/);
  });

  it('gives keys out to be wiped, and shows them nowhere', async () => {
    const kms = await world.open([a]);
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
    const kms = await world.open([a]);
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
      { attempts: 0 },
      { connectTimeoutMs: Number.NaN },
      { maxResponseBytes: 2 ** 40 },
    ];
    for (const each of wrong) await failure(connect({ ...options, ...each }), 'INVALID_OPTION');

    // As a program without types may call it.
    const untyped: readonly (readonly [unknown, RegExp])[] = [
      [undefined, /gateways and tls/],
      [{ ...options, gateways: undefined }, /^gateways: a list/],
      [{ ...options, gateways: [undefined] }, /no address of a gateway/],
      [{ ...options, gatways: ['a'] }, /^gatways: no option; there are gateways, /],
      [{ ...options, tls: undefined }, /^tls: /],
      [{ ...options, tls: { cert: 'x', key: 'y' } }, /^tls\.ca: PEM/],
      [{ ...options, tls: () => undefined }, /^tls\.cert: PEM/],
      [{ ...options, lanes: { cold: {} } }, /^lanes\.cold: no lane; there are hot, /],
      [{ ...options, lanes: { hot: { width: 3 } } }, /^lanes\.hot\.width: /],
    ];
    for (const [each, message] of untyped) {
      const { message: told } = await failure(connect(each as ConnectOptions), 'INVALID_OPTION');
      assert.match(told, message);
    }
    const missing = tlsFiles({ cert: '/nowhere/cert.pem', key: '/nowhere/key.pem', ca: '/nowhere/ca.pem' });
    const { message } = await failure(connect({ ...options, tls: missing }), 'INVALID_OPTION');
    assert.match(message, /'\/nowhere\/(cert|key|ca)\.pem'/);
  });
});
