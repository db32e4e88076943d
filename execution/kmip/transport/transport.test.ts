import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect as connectPlain, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import type { KeyAndCertificate } from '../../../platform/pki.ts';
import { type TestPki, testPki } from '../../../testkit/pki.ts';
import {
  call,
  decodeRequest,
  decodeResponse,
  defineOperation,
  encodeRequest,
  encodeResponse,
  failedItem,
  integer,
  KmipClient,
  KmipClientError,
  type KmipClientOptions,
  KmipError,
  Operation,
  type PlainAnswers,
  type RequestItem,
  type ResponseItem,
  ResultReason,
  ResultStatus,
  required,
  responseHeaderFor,
  type ServeOptions,
  type ServerConnection,
  schemasOf,
  serveKmip,
  structure,
  structureItem,
  successItem,
  Tag,
  V1_2,
} from '../index.ts';
import { OUTPUT_BUFFER_BYTES } from './output-buffer.ts';
import { withoutSwitch } from './test-sockets.test.ts';

/** A vendor operation: waits as many milliseconds as it is told, then echoes them. */
const wait = defineOperation({
  operation: 0x80000001,
  request: structure(Tag.RequestPayload, { waitMs: required(0x540001, integer) }),
  response: structure(Tag.ResponsePayload, { waitMs: required(0x540001, integer) }),
});

/** What no request of these tests is left to wait for. */
const LONG_MS = 60_000;
/** Requests of this kind that have been begun. */
let started = 0;

async function answerItem(item: RequestItem): Promise<ResponseItem> {
  if (item.operation === wait.operation) {
    const { waitMs } = wait.request.read(item.payload);
    started += 1;
    await sleep(waitMs, undefined, { ref: waitMs < LONG_MS }); // nobody waits for a long one after the last test
    return successItem(item, wait.response.write({ waitMs }));
  }
  if (item.operation === Operation.RNGRetrieve) {
    const { dataLength } = schemasOf(Operation.RNGRetrieve).request.read(item.payload);
    return successItem(
      item,
      schemasOf(Operation.RNGRetrieve).response.write({ data: Buffer.alloc(dataLength, 1) }),
    );
  }
  return failedItem(item, KmipError.operationNotSupported('only random bytes here'));
}

async function answer(bytes: Uint8Array): Promise<Uint8Array> {
  const request = decodeRequest(bytes);
  const items: ResponseItem[] = [];
  for (const item of request.items) items.push(await answerItem(item));
  return encodeResponse({ header: responseHeaderFor(request.header, 1, items.length), items });
}

const request = (waitMs: number): Uint8Array =>
  encodeRequest({
    header: { protocolVersion: V1_2, batchCount: 1 },
    items: [{ operation: wait.operation, payload: wait.request.write({ waitMs }) }],
  });
const waited = (bytes: Uint8Array): number => {
  const payload = decodeResponse(bytes).items[0]?.payload;
  assert.ok(payload !== undefined);
  return wait.response.read(payload).waitMs;
};

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

for (const reads of ['into one buffer', 'each into its own'])
  describe(`serveKmip, reading ${reads}`, () => serving(reads === 'into one buffer'));

function serving(shared: boolean): void {
  const servers: Server[] = [];
  const errors: unknown[] = [];
  let connections: ServerConnection[] = [];

  /** A connected pair: our end as a plain socket, the other end served. */
  async function open(
    options: Partial<ServeOptions> = {},
  ): Promise<{ socket: Socket; served: ServerConnection }> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      if (!shared) withoutSwitch(socket);
      connections.push(
        serveKmip(socket, { handle: answer, onError: (error) => errors.push(error), ...options }),
      );
    });
    servers.push(server);
    connections = [];
    const socket = connectPlain({ port: await listen(server), host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    while (connections.length === 0) await sleep(1);
    const [served] = connections;
    assert.ok(served !== undefined);
    return { socket, served };
  }

  /** Everything that arrives until the other end hangs up. */
  async function rest(socket: Socket): Promise<Buffer> {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'end');
    socket.end();
    return Buffer.concat(chunks);
  }

  function frames(stream: Buffer): readonly Buffer[] {
    const found: Buffer[] = [];
    for (let at = 0; at < stream.length; ) {
      const end = at + 8 + stream.readUInt32BE(at + 4);
      found.push(stream.subarray(at, end));
      at = end;
    }
    return found;
  }

  after(() => {
    for (const server of servers) server.close();
  });

  it('answers in the order of the requests, however long each takes', async () => {
    const { socket, served } = await open();
    socket.end(Buffer.concat([60, 0, 30, 1].map(request)));
    assert.deepEqual(frames(await rest(socket)).map(waited), [60, 0, 30, 1]);
    assert.equal(await served.closed, 'peer');
  });

  it('works on as many requests as the limit says and no more, and loses none', async () => {
    let running = 0;
    let most = 0;
    const handle = async (bytes: Uint8Array): Promise<Uint8Array> => {
      most = Math.max(most, ++running);
      const response = await answer(bytes);
      running--;
      return response;
    };
    const { socket } = await open({ handle, maxInFlight: 3 });
    const wanted = Array.from({ length: 40 }, (_, index) => index % 3);
    socket.end(Buffer.concat(wanted.map(request)));
    assert.deepEqual(frames(await rest(socket)).map(waited), wanted);
    assert.equal(most, 3);
  });

  it('takes answers that are already there', async () => {
    const fixed = encodeResponse({
      header: { protocolVersion: V1_2, timeStamp: 1, batchCount: 1 },
      items: [{ resultStatus: 0 }],
    });
    const { socket } = await open({ handle: () => fixed });
    socket.end(Buffer.concat([request(0), request(0)]));
    assert.deepEqual(await rest(socket), Buffer.concat([fixed, fixed]));
  });

  it('has plain requests answered where they lie, in their order among the others, however they are cut', async () => {
    const plainly: number[] = [];
    const reads: number[] = [];
    const answered = encodeResponse({
      header: { protocolVersion: V1_2, timeStamp: 1, batchCount: 1 },
      items: [{ operation: wait.operation, resultStatus: 0, payload: wait.response.write({ waitMs: 0 }) }],
    });
    const plain: PlainAnswers = {
      answer: (bytes, start, end, out, at) => {
        const [item] = decodeRequest(bytes.subarray(start, end)).items;
        if (item === undefined || wait.request.read(item.payload).waitMs !== 0) return -1;
        plainly.push(start);
        out.set(answered, at);
        return at + answered.length;
      },
      settle: () => false,
      done: (readAtMs) => void reads.push(readAtMs),
    };
    const { socket } = await open({ plain });
    const wanted = [0, 0, 20, 0, 0, 5, 0];
    const stream = Buffer.concat(wanted.map(request));
    socket.write(stream.subarray(0, 400));
    await sleep(20);
    socket.end(stream.subarray(400));
    assert.deepEqual(frames(await rest(socket)).map(waited), wanted);
    assert.deepEqual(plainly.slice(0, 2), [0, request(0).length], 'one behind the other, in one read');
    assert.ok(reads.length > 0);
  });

  it('sends the answers to one read in parts, where they are more than a buffer holds', async () => {
    const answered = encodeResponse({
      header: { protocolVersion: V1_2, timeStamp: 1, batchCount: 1 },
      items: [{ operation: wait.operation, resultStatus: 0, payload: wait.response.write({ waitMs: 0 }) }],
    });
    let settled = 0;
    let unsettled = 0;
    const plain: PlainAnswers = {
      answer: (_bytes, _start, _end, out, at) => {
        if (at + answered.length > out.length) return -1;
        unsettled += 1;
        out.set(answered, at);
        return at + answered.length;
      },
      settle: () => {
        settled += unsettled;
        unsettled = 0;
        return true;
      },
      done: () => assert.equal(unsettled, 0, 'none leaves before it is settled'),
    };
    const { socket } = await open({ plain });
    const wanted = Array<number>(1000).fill(0);
    socket.end(Buffer.concat(wanted.map(request)));
    assert.deepEqual(frames(await rest(socket)).map(waited), wanted);
    assert.ok(settled * answered.length > OUTPUT_BUFFER_BYTES, `${settled} were answered plainly`);
  });

  it('goes the other way where a plain answer fails', async () => {
    const fault = new Error('a fault in the plain way');
    const plain: PlainAnswers = {
      answer: () => {
        throw fault;
      },
      settle: () => false,
      done: () => undefined,
    };
    const { socket } = await open({ plain });
    socket.end(request(0));
    assert.deepEqual(frames(await rest(socket)).map(waited), [0]);
    assert.ok(errors.includes(fault));
  });

  it('tells the peer General Failure when the handler throws, and us the cause', async () => {
    const cause = new Error('disk full at /secret/path');
    const { socket } = await open({ handle: () => Promise.reject(cause) });
    socket.end(request(0));
    const [item] = decodeResponse(await rest(socket)).items;
    assert.equal(item?.resultReason, ResultReason.GeneralFailure);
    assert.ok(!item?.resultMessage?.includes('secret'));
    assert.ok(errors.includes(cause));
  });

  it('answers a message beyond the limit in its version, after those before it, and hangs up', async () => {
    const { socket, served } = await open({ maxFrameBytes: 300 });
    const huge = Buffer.from(request(0).slice(0, 64));
    huge.writeUInt32BE(1_000_000, 4);
    socket.write(Buffer.concat([request(20), huge]));
    const [first, second] = frames(await rest(socket));
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(waited(first), 20);
    const { header, items } = decodeResponse(second);
    assert.deepEqual(header.protocolVersion, V1_2);
    assert.equal(items[0]?.resultReason, ResultReason.InvalidMessage);
    assert.match(items[0]?.resultMessage ?? '', /1000008 bytes exceeds the limit of 300/);
    assert.equal(await served.closed, 'malformed');
  });

  it('hangs up on what is not KMIP without an answer', async () => {
    const { socket, served } = await open();
    socket.write('GET / HTTP/1.1\r\n\r\n');
    assert.equal((await rest(socket)).length, 0);
    assert.equal(await served.closed, 'not-kmip');
  });

  it('gives a message only so long to arrive whole', async () => {
    const { socket, served } = await open({ frameTimeoutMs: 50 });
    socket.on('error', () => {});
    socket.write(request(0).subarray(0, 30));
    assert.equal(await served.closed, 'frame-timeout');
    socket.destroy();
  });

  it('closes a connection that asks nothing', async () => {
    const { socket, served } = await open({ idleTimeoutMs: 30 });
    await rest(socket);
    assert.equal(await served.closed, 'idle');
  });

  it('stops reading, then gives up on, a peer that does not read', async () => {
    let handled = 0;
    const big = Buffer.from(
      encodeResponse({
        header: { protocolVersion: V1_2, timeStamp: 1, batchCount: 1 },
        items: [
          {
            resultStatus: 0,
            payload: structureItem(Tag.ResponsePayload, [
              { tag: Tag.Data, type: 8, value: Buffer.alloc(500_000) },
            ]),
          },
        ],
      }),
    );
    const handle = (): Uint8Array => {
      handled++;
      return big;
    };
    const { socket, served } = await open({
      handle,
      maxOutputBytes: 1_000_000,
      maxInFlight: 4,
      stallTimeoutMs: 200,
    });
    socket.on('error', () => {});
    socket.pause();
    for (let sent = 0; sent < 400; sent++) socket.write(request(0));
    assert.equal(await served.closed, 'stalled');
    assert.ok(handled < 100, `${handled} requests were answered into the void`);
    socket.destroy();
  });

  it('answers what is in flight before it shuts down', async () => {
    const { socket, served } = await open();
    socket.write(request(40));
    const arrived = rest(socket);
    while (served.inFlight === 0) await sleep(1);
    await served.close();
    assert.equal(waited(await arrived), 40);
    assert.equal(await served.closed, 'shutdown');
  });
}

describe('KmipClient', () => {
  let pki: TestPki;
  let pair: KeyAndCertificate;
  let options: KmipClientOptions;
  let server: Server;
  const sockets = new Set<Socket>();
  const clients: KmipClient[] = [];

  function client(changes: Partial<KmipClientOptions> = {}): KmipClient {
    const made = new KmipClient({ ...options, ...changes });
    clients.push(made);
    return made;
  }
  async function code(promise: Promise<unknown>): Promise<KmipClientError> {
    try {
      await promise;
    } catch (error) {
      assert.ok(error instanceof KmipClientError, String(error));
      return error;
    }
    return assert.fail('nothing was thrown');
  }

  before(async () => {
    pki = await testPki();
    pair = await pki.server();
    const own = await pki.client('app');
    server = createTlsServer(
      { key: pair.privateKeyPem, cert: pair.certificatePem, ca: pki.ca.certificatePem, requestCert: true },
      (socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
        serveKmip(socket, { handle: answer });
      },
    );
    options = {
      host: 'localhost',
      port: await listen(server),
      cert: own.certificatePem,
      key: own.privateKeyPem,
      ca: pki.ca.certificatePem,
    };
  });
  after(() => {
    for (const made of clients) made.close();
    server.close();
  });

  it('asks and is answered, on one connection', async () => {
    const kmip = client();
    for (const dataLength of [1, 16, 32]) {
      const { data } = await kmip.request(Operation.RNGRetrieve, { dataLength });
      assert.equal(data.length, dataLength);
    }
    assert.deepEqual(await kmip.request(wait, { waitMs: 1 }), { waitMs: 1 });
    assert.equal(sockets.size, 1);
  });

  it('throws what the server refuses, with reason and message', async () => {
    await assert.rejects(client().request(Operation.Destroy, { uniqueIdentifier: 'x' }), (error: unknown) => {
      assert.ok(error instanceof KmipError);
      assert.equal(error.resultReason, ResultReason.OperationNotSupported);
      assert.equal(error.message, 'only random bytes here');
      return true;
    });
  });

  it('runs a batch and tells the outcome of each', async () => {
    const [random, destroyed, late] = await client().batch([
      call(Operation.RNGRetrieve, { dataLength: 4 }),
      call(Operation.Destroy, {}),
      call(wait, { waitMs: 2 }),
    ]);
    assert.ok(random.ok && random.payload.data.length === 4);
    assert.ok(!destroyed.ok && destroyed.error.resultReason === ResultReason.OperationNotSupported);
    assert.ok(late.ok && late.payload.waitMs === 2);
  });

  it('pipelines many requests over a bounded pool and keeps answers apart', async () => {
    const kmip = client({ poolSize: 2 });
    const before = sockets.size;
    const waits = Array.from({ length: 60 }, (_, index) => index % 7);
    const answers = await Promise.all(waits.map((waitMs) => kmip.request(wait, { waitMs })));
    assert.deepEqual(
      answers.map(({ waitMs }) => waitMs),
      waits,
    );
    assert.ok(sockets.size - before <= 2);
  });

  it('refuses more than may wait', async () => {
    const kmip = client({ poolSize: 1, maxPending: 2 });
    const running = [kmip.request(wait, { waitMs: 30 }), kmip.request(wait, { waitMs: 30 })];
    assert.equal((await code(kmip.request(wait, { waitMs: 0 }))).code, 'KMIP_OVERLOADED');
    await Promise.all(running);
  });

  it('gives up after its time, answers what was sent beside it, and connects anew', async () => {
    const kmip = client({ poolSize: 1 });
    const late = code(kmip.request(wait, { waitMs: 120 }, { timeoutMs: 40 }));
    const beside = kmip.request(wait, { waitMs: 1 });
    assert.equal((await late).code, 'KMIP_TIMEOUT');
    assert.deepEqual(await beside, { waitMs: 1 });
    assert.deepEqual(await kmip.request(wait, { waitMs: 2 }), { waitMs: 2 });
  });

  it('reports a lost connection and connects anew', async () => {
    const kmip = client({ poolSize: 1 });
    await kmip.request(wait, { waitMs: 0 });
    const begun = started;
    const running = code(kmip.request(wait, { waitMs: LONG_MS }));
    while (started === begun) await sleep(1);
    for (const socket of sockets) socket.destroy();
    assert.equal((await running).code, 'KMIP_CONNECTION_LOST');
    assert.deepEqual(await kmip.request(wait, { waitMs: 1 }), { waitMs: 1 });
  });

  it('says where to look when a server hangs up on a client that it has never answered', async () => {
    const deaf = createTlsServer({ key: pair.privateKeyPem, cert: pair.certificatePem }, (socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.destroy());
    });
    const kmip = client({ port: await listen(deaf), poolSize: 1 });
    const { code: said, hint } = await code(kmip.request(wait, { waitMs: 0 }));
    assert.equal(said, 'KMIP_CONNECTION_LOST');
    assert.match(hint, /refused the client certificate, and its log says why/);
    deaf.close();
  });

  it('does not leave out what an older version does not know from a request', async () => {
    const kmip = client({ version: V1_2 });
    const payload = { data: Buffer.from('a'), authenticatedEncryptionAdditionalData: Buffer.from('b') };
    assert.equal((await code(kmip.request(Operation.Encrypt, payload))).code, 'KMIP_VERSION');
    assert.equal((await kmip.request(Operation.RNGRetrieve, { dataLength: 3 })).data.length, 3);
  });

  it('throws the refusal of a whole message', async () => {
    const kmip = client({ version: { major: 1, minor: 9 } });
    await assert.rejects(kmip.request(Operation.RNGRetrieve, { dataLength: 1 }), (error: unknown) => {
      assert.ok(error instanceof KmipError, String(error));
      assert.match(error.message, /1\.9 is not supported/);
      return true;
    });
  });

  it('refuses a response beyond its limit', async () => {
    const error = await code(
      client({ maxResponseBytes: 1000 }).request(Operation.RNGRetrieve, { dataLength: 2000 }),
    );
    assert.equal(error.code, 'KMIP_BAD_RESPONSE');
  });

  it('says which check of the certificate failed', async () => {
    const stranger = await testPki('another authority');
    const unknownIssuer = await code(client({ ca: stranger.ca.certificatePem }).request(wait, { waitMs: 0 }));
    assert.equal(unknownIssuer.code, 'KMIP_TLS_FAILED');
    assert.match(unknownIssuer.hint, /missing from `ca`|incomplete/);
    const wrongName = await code(client({ servername: 'elsewhere.example' }).request(wait, { waitMs: 0 }));
    assert.equal(wrongName.code, 'KMIP_TLS_FAILED');
    assert.match(wrongName.hint, /does not name this host/);
    const own = await stranger.client('app');
    const refused = await code(
      client({ cert: own.certificatePem, key: own.privateKeyPem }).request(wait, { waitMs: 0 }),
    );
    assert.ok(['KMIP_TLS_FAILED', 'KMIP_CONNECTION_LOST'].includes(refused.code), refused.code);
  });

  it('says that nobody listens', async () => {
    const unused = createServer();
    const port = await listen(unused);
    unused.close();
    const error = await code(client({ port }).request(wait, { waitMs: 0 }));
    assert.equal(error.code, 'KMIP_CONNECT_FAILED');
    assert.match(error.message, /ECONNREFUSED/);
  });

  it('gives up on a server that does not finish the handshake', async () => {
    const silent = createServer(() => {});
    const port = await listen(silent);
    const error = await code(client({ port, connectTimeoutMs: 50 }).request(wait, { waitMs: 0 }));
    assert.equal(error.code, 'KMIP_CONNECT_FAILED');
    silent.close();
  });

  it('rejects what waits when it is closed, and everything afterwards', async () => {
    const kmip = client();
    const running = code(kmip.request(wait, { waitMs: LONG_MS }));
    kmip.close();
    assert.equal((await running).code, 'KMIP_CLOSED');
    assert.equal((await code(kmip.request(wait, { waitMs: 0 }))).code, 'KMIP_CLOSED');
  });

  it('gives the result of items that were not run', async () => {
    const stop = createTlsServer(
      { ...(await pki.server().then((pair) => ({ key: pair.privateKeyPem, cert: pair.certificatePem }))) },
      (socket) => {
        serveKmip(socket, {
          handle: async (bytes) => {
            const { header, items } = decodeRequest(bytes);
            const [first] = items;
            assert.ok(first !== undefined);
            return encodeResponse({
              header: responseHeaderFor(header, 1, 1),
              items: [failedItem(first, KmipError.itemNotFound('none'))],
            });
          },
        });
      },
    );
    const kmip = client({ port: await listen(stop) });
    const [first, second] = await kmip.batch([call(Operation.Get, {}), call(Operation.Destroy, {})]);
    assert.ok(!first.ok && first.error.resultReason === ResultReason.ItemNotFound);
    assert.ok(!second.ok && second.error.resultStatus === ResultStatus.OperationUndone);
    kmip.close();
    stop.close();
  });
});
