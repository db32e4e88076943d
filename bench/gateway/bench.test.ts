// The benches themselves, in a few seconds: load, clocks and references that are real, on echoes in the place of a gateway.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pemFiles, type TestPki, testPki } from '../../testkit/pki.ts';
import { startPyKmipServer } from '../../testkit/pykmip-server.ts';
import { eventually } from '../../testkit/system.ts';
import { type Access, Connections, type Step } from './connections.ts';
import type { EchoStep } from './echo.ts';
import { OpenLoop } from './open-loop.ts';
import { Requests } from './requests.ts';
import { against } from './result.ts';
import { orderOf, play, type Runs } from './rounds.ts';
import { type Server, startEcho } from './servers.ts';
import { together } from './shapes.ts';

const REQUEST = Buffer.alloc(248, 1);
const ANSWER_BYTES = 272;
const ECHO: EchoStep = { requestBytes: REQUEST.length, responseBytes: ANSWER_BYTES };
const ONE: Step = { bytes: REQUEST, responseBytes: ANSWER_BYTES, items: 1 };

let pki: TestPki;
let access: Omit<Access, 'port'>;
let plain: readonly [Server, Server];
const opened: (() => unknown)[] = [];

before(async () => {
  pki = await testPki();
  const client = await pki.client('bench');
  const { certificatePem: cert, privateKeyPem: key } = client;
  access = { host: '127.0.0.1', cert, key, ca: pki.ca.certificatePem };
  plain = await Promise.all([echo('gateway', ECHO), echo('echo', ECHO)]);
});
after(async () => {
  for (const close of opened) await close();
});

async function echo(name: Server['name'], ...steps: EchoStep[]): Promise<Server> {
  const own = await pki.server();
  const options = { cert: own.certificatePem, key: own.privateKeyPem, ca: pki.ca.certificatePem, steps };
  const { child, port } = await startEcho(options);
  opened.push(() => child.kill());
  return { name, access: { ...access, port }, pid: child.pid, close: () => child.kill() };
}

test('two echoes by turns cost about the same, and what an item costs falls where many share a write', async () => {
  const measured = async (step: Step) => {
    const contenders = plain.map((server) => ({ server, steps: [step] as const }));
    const plan = { rounds: 3, turnMs: 60, connections: 4, settles: false };
    const runs = await play(contenders, plan, () => undefined);
    return Object.fromEntries(runs) as Record<'gateway' | 'echo', Runs>;
  };
  const single = await measured(ONE);
  const many = await measured(together(new Array<Step>(16).fill(ONE)));
  for (const runs of [single, many]) {
    const ratio = against({ runs, requestBytes: 0, responseBytes: 0, cell: CELL }, 'echo');
    // Not that they are equal: this machine may have other things to do.
    assert.ok(ratio && ratio.median > 0.2 && ratio.median < 5, `${ratio?.median}`);
    assert.equal(ratio.runs, 3);
    assert.equal(runs.gateway.negotiated.version, 'TLSv1.3');
    assert.ok(runs.gateway.perSecond.every((rate) => rate > 0));
  }
  const [first, second] = [Math.min(...single.echo.micros), Math.min(...many.echo.micros)];
  assert.ok(first > 2 && second > 0.1 && second < first / 2, `${first} µs and ${second} µs`);
});

const CELL = {
  verb: 'Encrypt',
  payloadBytes: 32,
  connections: 4,
  depth: 1,
  batch: 1,
  against: ['echo'],
} as const;

test('servers take turns forwards and backwards', () => {
  assert.deepEqual(
    [0, 1, 2].map((round) => orderOf(['A', 'B'], round).join('')),
    ['AB', 'BA', 'AB'],
  );
});

test('requests of several sizes by turns; an answer of another size is noticed', async () => {
  const steps: readonly [Step, Step] = [ONE, { bytes: Buffer.alloc(40), responseBytes: 5_000, items: 3 }];
  const [right, wrong] = await Promise.all(
    [5_000, 5_001].map((responseBytes) => echo('echo', ECHO, { requestBytes: 40, responseBytes })),
  );
  assert.ok(right && wrong);
  const run = async (server: Server): Promise<void> => {
    const connections = await Connections.open(server.access, steps, 2);
    opened.push(() => connections.close());
    connections.start();
    await eventually('all steps have had their turn', 10_000, () => {
      connections.check();
      return connections.answered >= 8;
    });
    await connections.stop();
  };
  await run(right);
  await assert.rejects(run(wrong), /another size/);
});

test('an open loop sends at its rate and charges a server for the time that it keeps requests waiting', async () => {
  const [server] = plain;
  const target = {
    access: server.access,
    request: REQUEST.toString('base64'),
    responseBytes: ANSWER_BYTES,
    connections: 4,
  };
  const loop = await OpenLoop.open([target]);
  opened.push(() => loop.close());
  const run = { target: 0, perSecond: 1_000, seconds: 0.4 };
  const calm = await loop.run(run);
  assert.equal(calm.latency.count, 400);
  assert.equal(calm.lateness.count, 400);
  process.kill(server.pid, 'SIGSTOP');
  const stalled = loop.run(run);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  process.kill(server.pid, 'SIGCONT');
  const { latency } = await stalled;
  assert.equal(latency.count, 400, 'no request was left out');
  // All were due while it stood still, one after the other: a closed loop would have seen four slow ones.
  const [first, last] = [latency.percentile(100), latency.percentile(1)];
  assert.ok(latency.percentile(50) > 100, `${latency.percentile(50)} ms`);
  assert.ok(first - last > 200, `${first} ms, ${last} ms`);
});

test("PyKMIP's server answers the Encrypt that it is compared by", async () => {
  const own = await pki.server();
  const { host, port, pid, close } = await startPyKmipServer(await pemFiles(own, pki.ca));
  opened.push(close);
  const server: Server = { name: 'pykmip', access: { ...access, host, port }, pid, close };
  const requests = await Requests.prepare(server);
  const step = await requests.step({ items: ['Encrypt'], payloadBytes: 32 }, 1);
  const plan = { rounds: 1, turnMs: 150, connections: 2, settles: false };
  const runs = await play([{ server, steps: [step] }], plan, () => undefined);
  const [micros = 0] = runs.get('pykmip')?.micros ?? [];
  assert.ok(micros > 100, `${micros} µs`);
});
