/** The client with its pool, against servers that answer, refuse, are slow or fall silent. */
import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import type { KeyAndCertificate } from '../../../platform/pki.ts';
import { type TestPki, testPki } from '../../../testkit/pki.ts';
import {
  call,
  decodeRequest,
  encodeResponse,
  failedItem,
  KmipClient,
  KmipClientError,
  type KmipClientOptions,
  KmipError,
  Operation,
  ResultReason,
  ResultStatus,
  responseHeaderFor,
  serveKmip,
  V1_2,
} from '../index.ts';
import { answer, LONG_MS, listen, started, wait } from './test-wait.test.ts';

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
