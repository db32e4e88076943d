/** One connection of a client: what has left and what has not, signals, draining. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer as createPlain, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, createServer } from 'node:tls';
import { testPki } from '../../../testkit/pki.ts';
import {
  ClientConnection,
  call,
  decodeCalls,
  encodeCalls,
  encodeResponse,
  KmipClientError,
  LATEST_VERSION,
  Operation,
  operationSchemas,
  responseHeaderFor,
  serveKmip,
  successItem,
} from '../index.ts';
import { decodeRequest } from '../messages/messages.ts';

let ca: string;
let server: Server;
/** Accepts and says nothing: no handshake comes to its end. */
let mute: Server;
const sockets = new Set<Socket>();
/** As many milliseconds as bytes are asked for. */
const question = (waitMs: number) => [call(Operation.RNGRetrieve, { dataLength: waitMs })] as const;
const request = (waitMs: number): Uint8Array => encodeCalls(question(waitMs), LATEST_VERSION);
const lengthIn = (answer: Uint8Array): number => {
  const [result] = decodeCalls(question(1), LATEST_VERSION, answer, 'here');
  assert.ok(result.ok);
  return result.payload.data.length;
};
let asked = 0;

async function answer(bytes: Uint8Array): Promise<Uint8Array> {
  const { header, items } = decodeRequest(bytes);
  const { request: reads, response } = operationSchemas[Operation.RNGRetrieve];
  const answers = [];
  for (const item of items) {
    asked++;
    const { dataLength } = reads.read(item.payload);
    await sleep(dataLength);
    answers.push(successItem(item, response.write({ data: Buffer.alloc(dataLength) })));
  }
  return encodeResponse({ header: responseHeaderFor(header, 1, answers.length), items: answers });
}

before(async () => {
  const pki = await testPki();
  const { certificatePem: cert, privateKeyPem: key } = await pki.server();
  ca = pki.ca.certificatePem;
  server = createServer({ cert, key, allowHalfOpen: true }, (socket) => {
    serveKmip(socket, { handle: answer });
  });
  mute = createPlain();
  for (const each of [server, mute]) {
    each.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    each.listen(0, '127.0.0.1');
    await once(each, 'listening');
  }
});
after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
  mute.close();
});

type Closed = { readonly error: KmipClientError; readonly waiting: number };

function open(to: Server): { connection: ClientConnection; closed: Promise<Closed> } {
  const { port } = to.address() as AddressInfo;
  let tell: (closed: Closed) => void = () => undefined;
  const closed = new Promise<Closed>((resolve) => {
    tell = resolve;
  });
  const connection = new ClientConnection(connect({ host: '127.0.0.1', port, servername: 'localhost', ca }), {
    where: 'here',
    maxResponseBytes: 10_000,
    connectTimeoutMs: 5_000,
    onClosed: (_, error, waiting) => tell({ error, waiting }),
  });
  return { connection, closed };
}

const failsWith =
  (code: string, sent: boolean) =>
  (error: unknown): boolean =>
    error instanceof KmipClientError && error.code === code && error.sent === sent;

describe('a connection of a client', () => {
  it('holds requests back until the handshake is over: those that end before have not left', async () => {
    const { connection } = open(mute);
    const signal = AbortSignal.timeout(20);
    await assert.rejects(connection.send(request(1), 5_000, signal), (error) => error === signal.reason);
    await assert.rejects(connection.send(request(1), 20), failsWith('KMIP_TIMEOUT', false));
    assert.equal(connection.load, 0);
    assert.ok(connection.usable, 'it may still come');
    const waiting = connection.send(request(1), 5_000);
    connection.destroy(new KmipClientError('KMIP_CONNECTION_LOST', 'lost'));
    await assert.rejects(waiting, failsWith('KMIP_CONNECTION_LOST', false));
    await assert.rejects(connection.send(request(1), 5_000), failsWith('KMIP_CONNECTION_LOST', false));
  });

  it('keeps the places of answers that nobody waits for any more', async () => {
    const { connection } = open(server);
    assert.equal(lengthIn(await connection.send(request(1), 5_000)), 1);
    const giveUp = new AbortController();
    const before = asked;
    const given = connection.send(request(60), 5_000, giveUp.signal);
    const next = connection.send(request(2), 5_000);
    while (asked === before) await sleep(1);
    giveUp.abort(new Error('enough'));
    await assert.rejects(given, /enough/);
    assert.equal(lengthIn(await next), 2);
    await assert.rejects(connection.send(request(1), 5_000, AbortSignal.abort(new Error('no'))), /no/);
    assert.ok(connection.usable);
    connection.drain();
  });

  it('says that a request has left, and ends when nobody waits for late answers', async () => {
    const { connection, closed } = open(server);
    await connection.send(request(1), 5_000);
    await assert.rejects(connection.send(request(1_000), 20), failsWith('KMIP_TIMEOUT', true));
    assert.equal((await closed).waiting, 0);

    const lost = open(server);
    await lost.connection.send(request(1), 5_000);
    const before = asked;
    const waiting = lost.connection.send(request(1_000), 5_000);
    while (asked === before) await sleep(1);
    for (const socket of sockets) socket.destroy();
    await assert.rejects(waiting, failsWith('KMIP_CONNECTION_LOST', true));
    assert.equal((await lost.closed).waiting, 1);
  });

  it('drained, answers what it was asked, takes nothing more, and ends', async () => {
    const { connection, closed } = open(server);
    const waiting = connection.send(request(20), 5_000);
    connection.drain();
    assert.equal(connection.usable, false);
    assert.equal(lengthIn(await waiting), 20);
    assert.equal((await closed).waiting, 0);
  });
});
